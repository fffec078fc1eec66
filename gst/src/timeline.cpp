// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/timeline.h"

#include <algorithm>

namespace cuframes::gst {

void Timeline::restart() {
    floor_ = 0;
    last_ = -1;
}

void Timeline::run_from(GstClockTimeDiff running) {
    // At a start the state change comes a moment after running time 0; what is captured in between belongs to it.
    if (last_ >= 0) {
        floor_ = std::max<GstClockTimeDiff>(running, 0);
    }
}

bool Timeline::is_before_beginning(const TimeMap& map, GstClockTime capture) const {
    return !has_begun() && GST_CLOCK_TIME_IS_VALID(capture) && map.to_running_time(capture) < floor_;
}

std::optional<GstClockTime> Timeline::place(const TimeMap& map, GstClockTime capture, GstClockTime duration) {
    if (!GST_CLOCK_TIME_IS_VALID(capture)) {
        return GST_CLOCK_TIME_NONE;
    }
    GstClockTimeDiff running = map.to_running_time(capture);
    const GstClockTimeDiff last = last_, floor = floor_;
    const bool first = last < 0;
    if (running < floor) {
        if (!first) {
            return std::nullopt;
        }
        running = floor;
    }
    // Cameras hand on frames of one time after a stall, and a clock may be read a little late. Files tell times in steps
    // of a millisecond at best. Times that fall back by more are a publisher's that counts anew, and following it is better
    // than to stand still until it has caught up.
    constexpr GstClockTimeDiff slip = GST_SECOND;
    const GstClockTimeDiff step = GST_CLOCK_TIME_IS_VALID(duration) && duration > 0
                                      ? static_cast<GstClockTimeDiff>(std::min<GstClockTime>(GST_MSECOND, duration / 2))
                                      : GST_MSECOND;
    if (!first && running < last + step && last - running < slip) {
        running = last + step;
    }
    last_ = running;
    return static_cast<GstClockTime>(running);
}

} // namespace cuframes::gst
