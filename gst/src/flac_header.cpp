// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/flac_header.h"

namespace cuframes::gst {
namespace {

/// The first buffer in the caps is what Ogg begins with: some bytes of Ogg's own, and then two parts of a file.
constexpr gsize ogg_prefix = 9, file_marker = 4;

/// As the macros of GStreamer, which cast const away.
bool holds(const GValue* value, GType type) { return value && g_type_check_value_holds(value, type); }

void append(std::deque<BufferPtr>& header, GstBuffer* whole, gsize from, gsize to) {
    if (from < to) {
        header.emplace_back(gst_buffer_copy_region(whole, GST_BUFFER_COPY_MEMORY, from, to - from));
        GST_BUFFER_FLAG_SET(header.back().get(), GST_BUFFER_FLAG_HEADER);
    }
}

} // namespace

std::deque<BufferPtr> flac_header(const GstCaps* caps) {
    std::deque<BufferPtr> header;
    const GstStructure* media = gst_caps_get_structure(caps, 0);
    const GValue* parts = gst_structure_get_value(media, "streamheader");
    if (!gst_structure_has_name(media, "audio/x-flac") || !holds(parts, GST_TYPE_ARRAY)) {
        return header;
    }
    for (guint i = 0; i < gst_value_array_get_size(parts); ++i) {
        const GValue* part = gst_value_array_get_value(parts, i);
        GstBuffer* whole = holds(part, GST_TYPE_BUFFER) ? gst_value_get_buffer(part) : nullptr;
        const gsize size = whole ? gst_buffer_get_size(whole) : 0;
        if (i == 0 && size > ogg_prefix + file_marker) {
            append(header, whole, ogg_prefix, ogg_prefix + file_marker);
            append(header, whole, ogg_prefix + file_marker, size);
        } else if (i > 0) {
            append(header, whole, 0, size);
        }
    }
    return header;
}

} // namespace cuframes::gst
