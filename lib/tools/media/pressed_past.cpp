// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/pressed_past.h"

namespace cuframes::tools {

namespace {

/// Ten seconds become 20 ms, and a frame 80 µs, some ticks of RTP's clock of 90 kHz.
constexpr GstClockTimeDiff factor = 500;

GstClockTime pressed(GstClockTime timestamp, GstClockTime begin, GstClockTimeDiff past) {
    if (!GST_CLOCK_TIME_IS_VALID(timestamp)) {
        return timestamp;
    }
    // DTS may be before the beginning.
    const GstClockTimeDiff time = GST_CLOCK_DIFF(begin, timestamp);
    const GstClockTimeDiff out = time < past ? time / factor : time - past + past / factor;
    return begin + static_cast<GstClockTime>(out);
}

GstPadProbeReturn press(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
    GstEvent* event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    if (!event) {
        return GST_PAD_PROBE_OK;
    }
    const GstSegment* segment = nullptr;
    gst_event_parse_segment(event, &segment);
    const GstClockTime begin = segment->start;
    gst_event_unref(event);
    GstBuffer* buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
    const auto past = static_cast<GstClockTimeDiff>(*static_cast<GstClockTime*>(data));
    GST_BUFFER_PTS(buffer) = pressed(GST_BUFFER_PTS(buffer), begin, past);
    GST_BUFFER_DTS(buffer) = pressed(GST_BUFFER_DTS(buffer), begin, past);
    GST_PAD_PROBE_INFO_DATA(info) = buffer;
    return GST_PAD_PROBE_OK;
}

} // namespace

void press_past(GstPad* pad, GstClockTime past) {
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, press, new GstClockTime(past),
                      [](gpointer data) { delete static_cast<GstClockTime*>(data); });
}

} // namespace cuframes::tools
