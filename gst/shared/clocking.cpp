// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/clocking.h"

#include <ctime>

namespace cuframes::gst {
namespace {

/// Whether the clock shows CLOCK_MONOTONIC itself. Network, NTP and PTP clocks derive from the same class and call
/// themselves monotonic too, and any clock may be calibrated: none of those does.
bool shows_monotonic_time(GstClock* clock) {
    if (G_OBJECT_TYPE(clock) != GST_TYPE_SYSTEM_CLOCK) {
        return false;
    }
    GstClockType type = GST_CLOCK_TYPE_OTHER;
    g_object_get(clock, "clock-type", &type, nullptr);
    GstClockTime internal, external, numerator, denominator;
    gst_clock_get_calibration(clock, &internal, &external, &numerator, &denominator);
    return type == GST_CLOCK_TYPE_MONOTONIC && internal == external && numerator == denominator;
}

struct Sample {
    GstClockTimeDiff offset;
    GstClockTime uncertainty;
};

Sample sample_once(GstClock* clock) {
    // The monotonic clock is read on both sides of the other: the middle is right to half the time in between.
    const GstClockTime before = monotonic_now();
    const GstClockTime there = gst_clock_get_time(clock);
    const GstClockTime after = monotonic_now();
    return {GST_CLOCK_DIFF(before + (after - before) / 2, there), after - before};
}

GstClockTimeDiff sample_offset(GstClock* clock) {
    // A thread that loses the processor between two readings is asked again, as nobody should see that in a time stamp.
    constexpr GstClockTime good_enough = 20 * GST_USECOND;
    Sample best = sample_once(clock);
    for (int attempt = 0; attempt < 3 && best.uncertainty > good_enough; ++attempt) {
        if (const Sample next = sample_once(clock); next.uncertainty < best.uncertainty) {
            best = next;
        }
    }
    return best.offset;
}

GstClockTime shift(GstClockTime time, GstClockTimeDiff by) {
    if (by < 0 && time < static_cast<GstClockTime>(-by)) {
        return 0;
    }
    return time + static_cast<GstClockTime>(by);
}

/// Empty: `time` is outside of the segment.
bool running_time(const GstSegment& segment, GstClockTime time, GstClockTimeDiff* running) {
    if (segment.format != GST_FORMAT_TIME) {
        *running = static_cast<GstClockTimeDiff>(time);
        return true;
    }
    guint64 distance = 0;
    const gint sign = gst_segment_to_running_time_full(&segment, GST_FORMAT_TIME, time, &distance);
    *running = sign > 0 ? static_cast<GstClockTimeDiff>(distance) : -static_cast<GstClockTimeDiff>(distance);
    return sign != 0;
}

} // namespace

GstClockTime monotonic_now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return GST_TIMESPEC_TO_TIME(now);
}

TimeMap::TimeMap(GstElement* element) : base_time_(gst_element_get_base_time(element)) {
    GstClock* clock = gst_element_get_clock(element);
    if (!clock) {
        return;
    }
    if (!shows_monotonic_time(clock)) {
        clock_minus_monotonic_ = sample_offset(clock);
    }
    gst_object_unref(clock);
}

GstClockTime TimeMap::to_monotonic(const GstSegment& segment, GstClockTime time) const {
    GstClockTimeDiff running = 0;
    if (!GST_CLOCK_TIME_IS_VALID(time) || !running_time(segment, time, &running)) {
        return GST_CLOCK_TIME_NONE;
    }
    return shift(shift(base_time_, running), -clock_minus_monotonic_);
}

GstClockTimeDiff TimeMap::to_running_time(GstClockTime monotonic) const {
    return static_cast<GstClockTimeDiff>(monotonic) + clock_minus_monotonic_ -
           static_cast<GstClockTimeDiff>(base_time_);
}

} // namespace cuframes::gst
