// SPDX-License-Identifier: LGPL-2.1-or-later
#include "clocking.h"

#include <ctime>

namespace cuframes::gst {
namespace {

bool is_monotonic_system_clock(GstClock* clock) {
    if (!GST_IS_SYSTEM_CLOCK(clock))
        return false;
    GstClockType type = GST_CLOCK_TYPE_OTHER;
    g_object_get(clock, "clock-type", &type, nullptr);
    GstClock* master = gst_clock_get_master(clock);
    if (master)
        gst_object_unref(master);
    return type == GST_CLOCK_TYPE_MONOTONIC && !master;
}

GstClockTimeDiff sample_offset(GstClock* clock) {
    // The monotonic clock is read on both sides of the other: the middle is right to half the time in between.
    const GstClockTime before = monotonic_now();
    const GstClockTime there = gst_clock_get_time(clock);
    const GstClockTime after = monotonic_now();
    return GST_CLOCK_DIFF(before + (after - before) / 2, there);
}

GstClockTime shift(GstClockTime time, GstClockTimeDiff by) {
    if (by < 0 && time < static_cast<GstClockTime>(-by))
        return 0;
    return time + static_cast<GstClockTime>(by);
}

} // namespace

GstClockTime monotonic_now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return GST_TIMESPEC_TO_TIME(now);
}

TimeMap::TimeMap(GstElement* element) : base_time_(gst_element_get_base_time(element)) {
    GstClock* clock = gst_element_get_clock(element);
    if (!clock)
        return;
    if (!is_monotonic_system_clock(clock))
        clock_minus_monotonic_ = sample_offset(clock);
    gst_object_unref(clock);
}

GstClockTime TimeMap::to_monotonic(const GstSegment& segment, GstClockTime time) const {
    if (!GST_CLOCK_TIME_IS_VALID(time))
        return GST_CLOCK_TIME_NONE;
    guint64 distance = 0;
    const gint sign = gst_segment_to_running_time_full(&segment, GST_FORMAT_TIME, time, &distance);
    if (sign == 0)
        return GST_CLOCK_TIME_NONE;
    const GstClockTimeDiff running =
        sign > 0 ? static_cast<GstClockTimeDiff>(distance) : -static_cast<GstClockTimeDiff>(distance);
    return shift(shift(base_time_, running), -clock_minus_monotonic_);
}

GstClockTime TimeMap::to_running_time(GstClockTime monotonic) const {
    if (!GST_CLOCK_TIME_IS_VALID(monotonic))
        return GST_CLOCK_TIME_NONE;
    const GstClockTime there = shift(monotonic, clock_minus_monotonic_);
    return there > base_time_ ? there - base_time_ : 0;
}

} // namespace cuframes::gst
