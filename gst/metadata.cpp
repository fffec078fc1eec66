// SPDX-License-Identifier: LGPL-2.1-or-later
#include "metadata.h"

#include <gst/video/video.h>

#include <cstring>

GST_DEBUG_CATEGORY_STATIC(cuframes_meta_debug);
#define GST_CAT_DEFAULT cuframes_meta_debug

namespace cuframes::gst {
namespace {

void init_debug() {
    static const bool once = [] {
        GST_DEBUG_CATEGORY_INIT(cuframes_meta_debug, "cuframesmeta", 0, "cuframes metadata of frames");
        return true;
    }();
    (void)once;
}

/// Metas that exist for the sake of the memory that they are attached to mean nothing in another process.
bool is_about_memory_only(const GstMeta* meta) {
    return gst_meta_api_type_has_tag(meta->info->api, g_quark_from_static_string(GST_META_TAG_MEMORY_REFERENCE_STR));
}

/// Metas follow each other without alignment.
guint32 read_uint32(const guint8* bytes) {
    guint32 value;
    std::memcpy(&value, bytes, sizeof value);
    return GUINT32_FROM_LE(value);
}

} // namespace

void register_known_metas() {
    gst_video_meta_get_info();
    gst_video_crop_meta_get_info();
    gst_video_region_of_interest_meta_get_info();
    gst_video_time_code_meta_get_info();
    gst_video_caption_meta_get_info();
    gst_video_afd_meta_get_info();
    gst_video_bar_meta_get_info();
    gst_reference_timestamp_meta_get_info();
}

MetaWriter::MetaWriter(GstElement* element) : element_(element), bytes_(g_byte_array_new()) { init_debug(); }

MetaWriter::~MetaWriter() { g_byte_array_unref(bytes_); }

const GByteArray* MetaWriter::pack(GstBuffer* buffer) {
    g_byte_array_set_size(bytes_, 0);
    gst_buffer_foreach_meta(buffer, pack_one, this);
    return bytes_;
}

gboolean MetaWriter::pack_one(GstBuffer*, GstMeta** meta, gpointer data) {
    auto* self = static_cast<MetaWriter*>(data);
    if (!is_about_memory_only(*meta) && !gst_meta_serialize_simple(*meta, self->bytes_))
        self->leave_behind(*meta);
    return TRUE;
}

void MetaWriter::leave_behind(const GstMeta* meta) {
    ++left_behind_;
    if (logged_.insert(meta->info->type).second)
        GST_WARNING_OBJECT(element_, "%s cannot be serialized and does not reach the readers (said once)",
                           g_type_name(meta->info->type));
}

void MetaReader::skip(const std::string& name, const char* why) {
    init_debug();
    if (logged_.insert(name).second)
        GST_WARNING_OBJECT(element_, "%s is left out: %s (said once)", name.c_str(), why);
}

void MetaReader::unpack(GstBuffer* buffer, const void* data, gsize size) {
    const auto* bytes = static_cast<const guint8*>(data);
    // The form is [total size][name length][name][0][version][payload]. Lengths are checked here, as
    // gst_meta_deserialize() takes the inner one at its word.
    constexpr gsize fixed = 2 * sizeof(guint32) + 2;
    while (size > fixed) {
        const gsize total = read_uint32(bytes);
        const gsize name_length = read_uint32(bytes + sizeof(guint32));
        if (total > size || total < fixed || name_length > total - fixed) {
            skip("metadata", "it is malformed");
            return;
        }
        const std::string name(reinterpret_cast<const char*>(bytes) + 2 * sizeof(guint32), name_length);
        guint32 consumed = 0;
        if (!gst_meta_get_info(name.c_str()))
            skip(name, "no such meta is registered in this process");
        else if (!gst_meta_deserialize(buffer, bytes, total, &consumed))
            skip(name, "its version here cannot read it");
        bytes += total;
        size -= total;
    }
}

} // namespace cuframes::gst
