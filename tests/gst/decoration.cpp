// SPDX-License-Identifier: LGPL-2.1-or-later
#include "decoration.h"

#include <gst/video/video.h>

#include <ctime>
#include <stdexcept>

namespace cuframes::test {
namespace {

GstClockTime monotonic_now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return GST_TIMESPEC_TO_TIME(now);
}

GstPadProbeReturn decorate(GstPad*, GstPadProbeInfo* info, gpointer) {
    GstBuffer* buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
    const guint64 offset = GST_BUFFER_OFFSET(buffer);
    GstCaps* reference = gst_caps_new_empty_simple("timestamp/x-ntp");
    gst_buffer_add_reference_timestamp_meta(buffer, reference, reference_time(offset), 33 * GST_MSECOND);
    gst_caps_unref(reference);
    GstCustomMeta* custom = gst_buffer_add_custom_meta(buffer, custom_meta_name);
    gst_structure_set(gst_custom_meta_get_structure(custom), "offset", G_TYPE_UINT64, offset, "words", G_TYPE_STRING,
                      "as they were", nullptr);
    gst_buffer_add_video_region_of_interest_meta(buffer, "face", 1, 2, 3, 4);
    gst_buffer_add_video_time_code_meta_full(buffer, 30, 1, nullptr, GST_VIDEO_TIME_CODE_FLAGS_NONE, 1, 2, 3,
                                             static_cast<guint>(offset), 0);
    gst_buffer_add_video_crop_meta(buffer);
    GST_BUFFER_FLAG_SET(buffer, decoration_flags());
    GST_PAD_PROBE_INFO_DATA(info) = buffer;
    return GST_PAD_PROBE_OK;
}

/// The same frame in rows with padding around them.
GstBuffer* with_padding(GstBuffer* buffer, const GstVideoInfo& info) {
    GstVideoInfo padded_info = info;
    GstVideoAlignment alignment;
    gst_video_alignment_reset(&alignment);
    alignment.padding_left = alignment.padding_right = 32;
    alignment.padding_top = alignment.padding_bottom = 8;
    gst_video_info_align(&padded_info, &alignment);
    GstBuffer* padded = gst_buffer_new_allocate(nullptr, padded_info.size, nullptr);
    GstVideoMeta* meta = gst_buffer_add_video_meta_full(
        padded, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info),
        static_cast<guint>(GST_VIDEO_INFO_WIDTH(&info)), static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&info)),
        GST_VIDEO_INFO_N_PLANES(&info), padded_info.offset, padded_info.stride);
    gst_video_meta_set_alignment(meta, alignment);
    GstVideoFrame from, to;
    gst_video_frame_map(&from, &info, buffer, GST_MAP_READ);
    gst_video_frame_map(&to, &info, padded, GST_MAP_WRITE);
    gst_video_frame_copy(&to, &from);
    gst_video_frame_unmap(&to);
    gst_video_frame_unmap(&from);
    gst_buffer_copy_into(padded, buffer, GST_BUFFER_COPY_METADATA, 0, static_cast<gsize>(-1));
    return padded;
}

GstPadProbeReturn move_to_padded(GstPad* pad, GstPadProbeInfo* info, gpointer) {
    GstCaps* caps = gst_pad_get_current_caps(pad);
    GstVideoInfo video;
    gst_video_info_from_caps(&video, caps);
    gst_caps_unref(caps);
    GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    GST_PAD_PROBE_INFO_DATA(info) = with_padding(buffer, video);
    gst_buffer_unref(buffer);
    return GST_PAD_PROBE_OK;
}

GstPadProbeReturn flag_meta(GstPad*, GstPadProbeInfo* info, gpointer) {
    GstBuffer* buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
    GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
    meta->flags = static_cast<GstVideoFrameFlags>(GST_VIDEO_FRAME_FLAG_INTERLACED | GST_VIDEO_FRAME_FLAG_TFF);
    GST_PAD_PROBE_INFO_DATA(info) = buffer;
    return GST_PAD_PROBE_OK;
}

void add_probe(GstElement* element, GstPadProbeCallback probe) {
    GstPad* sink_pad = gst_element_get_static_pad(element, "sink");
    gst_pad_add_probe(sink_pad, GST_PAD_PROBE_TYPE_BUFFER, probe, nullptr, nullptr);
    gst_object_unref(sink_pad);
}

} // namespace

void register_custom_meta() {
    static const bool once = gst_meta_register_custom_simple(custom_meta_name) != nullptr;
    (void)once;
}

GstClockTime reference_time(guint64 offset) { return 1'000'000'000'000 + offset; }

GstBufferFlags decoration_flags() {
    return static_cast<GstBufferFlags>(GST_BUFFER_FLAG_MARKER | GST_BUFFER_FLAG_DROPPABLE | GST_BUFFER_FLAG_CORRUPTED |
                                       static_cast<int>(GST_VIDEO_BUFFER_FLAG_INTERLACED) |
                                       static_cast<int>(GST_VIDEO_BUFFER_FLAG_TFF));
}

void decorate_buffers(GstElement* element) {
    register_custom_meta();
    add_probe(element, decorate);
}

void flag_video_meta(GstElement* element) { add_probe(element, flag_meta); }

void pad_rows(GstElement* element) { add_probe(element, move_to_padded); }

CaptureTimes::CaptureTimes(GstElement* element)
    : element_(GST_ELEMENT(gst_object_ref(element))),
      pad_(gst_element_get_static_pad(element, "sink")),
      probe_(gst_pad_add_probe(pad_, GST_PAD_PROBE_TYPE_BUFFER, note, this, nullptr)) {}

CaptureTimes::~CaptureTimes() {
    gst_pad_remove_probe(pad_, probe_);
    gst_object_unref(pad_);
    gst_object_unref(element_);
}

GstPadProbeReturn CaptureTimes::note(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
    auto* self = static_cast<CaptureTimes*>(data);
    GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    GstEvent* event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    GstClock* clock = gst_element_get_clock(self->element_);
    if (event && clock) {
        const GstSegment* segment = nullptr;
        gst_event_parse_segment(event, &segment);
        const GstClockTime running = gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
        const GstClockTime on_clock = gst_element_get_base_time(self->element_) + running;
        const GstClockTime monotonic = monotonic_now() + on_clock - gst_clock_get_time(clock);
        const std::lock_guard lock(self->mutex_);
        self->times_[GST_BUFFER_OFFSET(buffer)] = monotonic;
    }
    gst_clear_object(&clock);
    gst_clear_event(&event);
    return GST_PAD_PROBE_OK;
}

GstClockTime CaptureTimes::of(guint64 offset) {
    const std::lock_guard lock(mutex_);
    const auto found = times_.find(offset);
    if (found == times_.end()) {
        throw std::runtime_error("no frame with this offset was sent");
    }
    return found->second;
}

} // namespace cuframes::test
