// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <vector>

namespace cuframes::gst {

/// The latency that a source reports: how long after its capture a frame leaves it at the latest.
///
/// Publishers that know their pipeline's latency tell it, and it is taken as told. For the others it is measured: nine of
/// ten frames of the last second were not later than this. A stall does not count, as the frames that catch up after
/// it come faster than they were captured; what has changed for good does, a second later when frames are later, and
/// three when they are earlier again.
class LatencyMeter {
public:
    GstClockTime value() const { return value_.load(); }

    void reset();

    /// Takes in a frame that was captured at `capture` and became visible at `visible`; `told` is the publisher's word, or
    /// GST_CLOCK_TIME_NONE. True when the value has changed, and the pipeline should be told.
    bool update(GstClockTime told, GstClockTime capture, GstClockTime visible);

private:
    /// The time until a frame that is there leaves the element: a wake-up.
    static constexpr GstClockTime wake_up = GST_MSECOND;

    bool set(GstClockTime value) { return value_.exchange(value) != value; }
    bool measure(GstClockTime capture, GstClockTime visible);
    bool catches_up(GstClockTime capture, GstClockTime visible) const;
    bool conclude();

    std::atomic<GstClockTime> value_ = wake_up;
    std::vector<GstClockTime> lateness_; ///< Of the frames of the current second.
    GstClockTime period_start_ = GST_CLOCK_TIME_NONE;
    GstClockTime last_capture_ = GST_CLOCK_TIME_NONE;
    GstClockTime last_visible_ = GST_CLOCK_TIME_NONE;
    GstClockTime lower_bound_ = 0; ///< Largest of the seconds in a row that were better than the value.
    unsigned better_seconds_ = 0;
};

} // namespace cuframes::gst
