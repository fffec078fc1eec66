// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/display_join.h"

#include "shared/clocking.h"

#include <algorithm>
#include <utility>

namespace cuframes::gst {
namespace {

/// A decoder that has not caught up by then does not keep up, and what it makes is late in any case.
constexpr GstClockTime patience = 5 * GST_SECOND;
/// What a thread that was held up for a moment has missed of a still picture's successors: shown without delay, rather
/// than left out.
constexpr GstClockTime moment = 200 * GST_MSECOND;
/// Where nothing of the past comes to.
constexpr GstClockTimeDiff beyond = 3600 * GST_SECOND;

} // namespace

void DisplayJoin::enter() {
    restart();
    catches_up_until_ = still_ = GST_CLOCK_TIME_NONE;
    latest_ = 0;
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

bool DisplayJoin::begins_with(const PacketTimes& packet, uint64_t behind) const {
    const bool has_caught_up =
        GST_CLOCK_TIME_IS_VALID(catches_up_until_) && (behind == 0 || monotonic_now() > catches_up_until_);
    return due_ || has_caught_up || (GST_CLOCK_TIME_IS_VALID(still_) && packet.time() > still_);
}

std::optional<GstSegment> DisplayJoin::begin(const PacketTimes& packet, GstClockTime newest) {
    const bool joins = due_.exchange(false);
    const bool caught_up = GST_CLOCK_TIME_IS_VALID(std::exchange(catches_up_until_, GST_CLOCK_TIME_NONE)) && !joins;
    has_begun_ = true;
    latest_ = joins ? 0 : latest_;
    // Also when the sink has held a first picture for long.
    const GstClockTime tolerated = joins ? 0 : moment;
    if (!caught_up && newest > packet.time() + tolerated) {
        return begin_past(newest);
    }
    return begin_at_the_moment(joins || caught_up ? packet.time() : still_ + 1, joins || caught_up);
}

/// What comes while the decoder catches up is past, too, when it has: all of it would be shown at once.
GstSegment DisplayJoin::begin_past(GstClockTime newest) {
    catches_up_until_ = monotonic_now() + patience;
    still_ = GST_CLOCK_TIME_NONE;
    const GstClockTimeDiff floor = floor_;
    const GstClockTimeDiff running = std::max(TimeMap(element_).to_running_time(newest), floor);
    return segment_from(running + beyond, running);
}

GstSegment DisplayJoin::begin_at_the_moment(GstClockTime live, bool is_first) {
    const TimeMap map(element_);
    const GstClockTimeDiff floor = floor_;
    GstClockTimeDiff running = map.to_running_time(live);
    // It is shown now, whenever it was captured, and what follows it at its own time: that of a camera with a latency,
    // or of one that stands still, is from before the pipeline ran.
    const bool is_early = is_first && running < floor;
    still_ = GST_CLOCK_TIME_NONE;
    if (is_early) {
        // What is decoded before it and shown after it is in the decoder already, and would be shown out of its time.
        still_ = std::max(live, latest_);
        running = map.to_running_time(still_);
    }
    const GstClockTimeDiff shown_at = std::max(running, floor);
    return segment_from(is_early ? running : shown_at, shown_at);
}

std::optional<Placing> DisplayJoin::place(const PacketTimes& packet) {
    latest_ = std::max(latest_, packet.time());
    const TimeMap map(element_);
    const auto stamp = [&map](GstClockTime time) {
        return GST_CLOCK_TIME_IS_VALID(time) ? timestamp_at(map.to_running_time(time)) : GST_CLOCK_TIME_NONE;
    };
    const GstClockTimeDiff running = std::max<GstClockTimeDiff>(map.to_running_time(packet.time()), 0);
    return Placing{stamp(packet.pts), stamp(packet.dts), static_cast<GstClockTime>(running)};
}

} // namespace cuframes::gst
