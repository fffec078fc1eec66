// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/packet_times.h"

#include <algorithm>
#include <utility>

namespace cuframes::gst {
namespace {

/// A time that is so far from that of publication, beyond the latency that is told, is none of the host's clock.
constexpr GstClockTimeDiff farthest = 60 * GST_SECOND;

GstClockTimeDiff distance_to_publication(const cuframes_packet_view& view, GstClockTime time) {
    const GstClockTimeDiff late = GST_CLOCK_DIFF(time, view.publish_time);
    constexpr GstClockTime most = G_MAXINT64;
    const auto told =
        static_cast<GstClockTimeDiff>(GST_CLOCK_TIME_IS_VALID(view.latency) ? std::min(view.latency, most) : 0);
    return late > told ? late - told : MIN(late, 0);
}

/// Of any distance: the farthest one has no absolute value.
bool is_near(GstClockTimeDiff distance) { return distance >= -farthest && distance <= farthest; }

} // namespace

void PacketClock::start() {
    shift_ = 0;
    epoch_ = 0;
    told_ = false;
}

PacketTimes PacketClock::times_of(const cuframes_packet_view& view) {
    const GstClockTime time = PacketTimes{view.pts, view.dts}.time();
    if (!GST_CLOCK_TIME_IS_VALID(time)) {
        return {view.publish_time, GST_CLOCK_TIME_NONE};
    }
    follow(view, time);
    return {moved(view.pts), moved(view.dts)};
}

GstClockTime PacketClock::moved(GstClockTime time) const {
    return GST_CLOCK_TIME_IS_VALID(time) ? time + static_cast<GstClockTime>(shift_) : GST_CLOCK_TIME_NONE;
}

void PacketClock::follow(const cuframes_packet_view& view, GstClockTime time) {
    if (std::exchange(epoch_, view.epoch) != view.epoch) {
        shift_ = 0;
    }
    if (is_near(distance_to_publication(view, moved(time)))) {
        return;
    }
    shift_ = is_near(distance_to_publication(view, time)) ? 0 : GST_CLOCK_DIFF(time, view.publish_time);
    if (shift_ != 0 && !std::exchange(told_, true)) {
        tell(view, time);
    }
}

void PacketClock::tell(const cuframes_packet_view& view, GstClockTime time) {
    GST_ELEMENT_WARNING(element_, STREAM, FORMAT,
                        ("cuframessrc key=%s: the publisher's packets have times that are %" G_GUINT64_FORMAT
                         " s away from those at which they were published; give times of CLOCK_MONOTONIC, in "
                         "nanoseconds, or none",
                         settings_.copy().key.c_str(),
                         (std::max(time, view.publish_time) - std::min(time, view.publish_time)) / GST_SECOND),
                        ("they are taken for what they say about each other, from publication on"));
}

} // namespace cuframes::gst
