// SPDX-License-Identifier: LGPL-2.1-or-later
#include "digest.h"

#include <gst/video/video.h>

#include <algorithm>
#include <stdexcept>

namespace cuframes::test {
namespace {

/// By component, from GStreamer's description of the format alone: the plugin's own notion of rows is what is tested.
gsize visible_bytes(const GstVideoFrame& frame, guint plane) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(frame.info.finfo, plane, components);
    gsize bytes = 0;
    for (guint i = 0; i < GST_VIDEO_MAX_COMPONENTS && components[i] >= 0; ++i) {
        bytes = std::max(bytes, static_cast<gsize>(GST_VIDEO_FRAME_COMP_WIDTH(&frame, components[i])) *
                                    static_cast<gsize>(GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, components[i])));
    }
    return bytes;
}

guint visible_rows(const GstVideoFrame& frame, guint plane) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(frame.info.finfo, plane, components);
    // Of a field, where buffers are fields, which GST_VIDEO_FRAME_COMP_HEIGHT() does not know.
    return static_cast<guint>(
        GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT(frame.info.finfo, components[0], GST_VIDEO_INFO_FIELD_HEIGHT(&frame.info)));
}

void add_plane(GChecksum* checksum, const GstVideoFrame& frame, guint plane) {
    const auto* row = static_cast<const guchar*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane));
    const gsize bytes = visible_bytes(frame, plane);
    for (guint y = 0; y < visible_rows(frame, plane); ++y, row += GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane)) {
        g_checksum_update(checksum, row, static_cast<gssize>(bytes));
    }
}

} // namespace

std::string digest(GstSample* sample) {
    GstVideoInfo info;
    GstVideoFrame frame;
    if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample)) ||
        !gst_video_frame_map(&frame, &info, gst_sample_get_buffer(sample), GST_MAP_READ)) {
        throw std::runtime_error("a sample cannot be mapped as the frame that its caps say it is");
    }
    GChecksum* checksum = g_checksum_new(G_CHECKSUM_SHA1);
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
        add_plane(checksum, frame, plane);
    }
    const std::string text = g_checksum_get_string(checksum);
    g_checksum_free(checksum);
    gst_video_frame_unmap(&frame);
    return text;
}

} // namespace cuframes::test
