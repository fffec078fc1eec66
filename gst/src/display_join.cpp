// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/display_join.h"

#include "shared/clocking.h"

#include <algorithm>

namespace cuframes::gst {
namespace {

/// A camera from which nothing comes for so long stands still, and what it showed last is its picture.
constexpr GstClockTime still_after = 500 * GST_MSECOND;

} // namespace

void DisplayJoin::enter() {
    restart();
    still_ = GST_CLOCK_TIME_NONE;
}

void DisplayJoin::restart() {
    floor_ = 0;
    has_begun_ = false;
    due_ = true;
}

void DisplayJoin::run_from(GstClockTimeDiff running) {
    // At a start the state change comes a moment after running time 0; what is captured in between belongs to it.
    if (has_begun_) {
        floor_ = std::max<GstClockTimeDiff>(running, 0);
        due_ = true;
    }
}

bool DisplayJoin::begins_with(const PacketTimes& packet) const {
    return due_ || (GST_CLOCK_TIME_IS_VALID(still_) && packet.time() > still_);
}

std::optional<GstSegment> DisplayJoin::begin(const PacketTimes& packet, GstClockTime newest, GstClockTime latency) {
    const TimeMap map(element_);
    const bool joins = due_.exchange(false);
    const GstClockTimeDiff floor = floor_;
    const GstClockTime live = joins ? std::max(newest, packet.time()) : still_ + 1;
    const GstClockTimeDiff running = map.to_running_time(live);
    has_begun_ = true;
    // It is shown now, whenever it was captured, and what follows it at its own time.
    const bool stands_still = joins && running < floor && live + latency + still_after < monotonic_now();
    still_ = stands_still ? live : GST_CLOCK_TIME_NONE;
    const GstClockTimeDiff shown_at = std::max(running, floor);
    return segment_from(stands_still ? running : shown_at, shown_at);
}

std::optional<Placing> DisplayJoin::place(const PacketTimes& packet) const {
    const TimeMap map(element_);
    const auto stamp = [&map](GstClockTime time) {
        return GST_CLOCK_TIME_IS_VALID(time) ? timestamp_at(map.to_running_time(time)) : GST_CLOCK_TIME_NONE;
    };
    const GstClockTimeDiff running = std::max<GstClockTimeDiff>(map.to_running_time(packet.time()), 0);
    return Placing{stamp(packet.pts), stamp(packet.dts), static_cast<GstClockTime>(running)};
}

} // namespace cuframes::gst
