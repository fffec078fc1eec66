// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/buffer_facts.h"

#include "shared/clocking.h"

#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

namespace cuframes::gst {
namespace {

GstClockTime running_time_of(GstBuffer* buffer, const GstSegment& segment) {
    return segment.format == GST_FORMAT_TIME
               ? gst_segment_to_running_time(&segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))
               : GST_CLOCK_TIME_NONE;
}

} // namespace

BufferReader::BufferReader(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings)
    : sink_(sink), element_(GST_ELEMENT_CAST(sink)), settings_(settings), metas_(element_) {}

void BufferReader::tell_segment(const GstSegment& segment, GstBuffer* buffer) {
    if (segment.format == GST_FORMAT_TIME || !GST_BUFFER_PTS_IS_VALID(buffer) || std::exchange(segment_told_, true)) {
        return;
    }
    GST_ELEMENT_WARNING(element_, STREAM, FORMAT,
                        ("cuframessink key=%s: the stream's segment is in %s, not in time, so that nothing waits for "
                         "the times of its buffers; set format=time on the appsrc or other source",
                         settings_.copy().key.c_str(), gst_format_get_name(segment.format)),
                        ("the time stamps are taken for running times"));
}

BufferFacts BufferReader::read(GstBuffer* buffer) {
    const TimeMap times(element_);
    const GstSegment& segment = sink_->segment;
    tell_segment(segment, buffer);
    const GByteArray* metadata = metas_.pack(buffer, running_time_of(buffer, segment));
    return {
        .flags = GST_BUFFER_FLAGS(buffer) & portable_flag_mask,
        .pts = cuframes_some(times.to_monotonic(segment, GST_BUFFER_PTS(buffer))),
        .dts = cuframes_some(times.to_monotonic(segment, GST_BUFFER_DTS(buffer))),
        .duration = cuframes_some(GST_BUFFER_DURATION(buffer)),
        .metadata = metadata->data,
        .metadata_size = metadata->len,
    };
}

} // namespace cuframes::gst
