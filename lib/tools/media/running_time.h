// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace cuframes::tools {

/// Of a timestamp in the segment that a pad's stream is in. GST_CLOCK_TIME_NONE: it is outside of it, or there is none.
inline GstClockTime running_time_of(GstPad* pad, GstClockTime timestamp) {
    if (!GST_CLOCK_TIME_IS_VALID(timestamp)) {
        return GST_CLOCK_TIME_NONE;
    }
    GstEvent* event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    if (!event) {
        return GST_CLOCK_TIME_NONE;
    }
    const GstSegment* segment = nullptr;
    gst_event_parse_segment(event, &segment);
    const GstClockTime time = gst_segment_to_running_time(segment, GST_FORMAT_TIME, timestamp);
    gst_event_unref(event);
    return time;
}

} // namespace cuframes::tools
