// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/meta_forms.h"

#include <gst/audio/audio.h>
#include <gst/video/video.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace cuframes::gst {
namespace {

// --- what of GstVideoMeta is not layout: flags u32, id i32

Written write_traits(const GstMeta* meta, const MetaWriting& to, ByteWriter& bytes) {
    const auto* video = reinterpret_cast<const GstVideoMeta*>(meta);
    // The ring has one picture for each frame: of several views that lie side by side in a buffer this one is copied.
    if (video != gst_buffer_get_video_meta(to.buffer)) {
        return Written::no;
    }
    if (video->flags == GST_VIDEO_FRAME_FLAG_NONE && video->id == 0) {
        return Written::needless;
    }
    bytes.u32(static_cast<guint32>(video->flags));
    bytes.i32(video->id);
    return Written::yes;
}

bool read_traits(ByteReader& bytes, const MetaReading& from) {
    const FrameTraits traits = {.flags = bytes.u32(), .id = bytes.i32()};
    if (bytes.ok()) {
        from.traits = traits;
    }
    return bytes.ok();
}

// --- GstVideoTimeCodeMeta: fps_n, fps_d, flags, hours, minutes, seconds, frames, field_count u32; jam u8 (0: none follows),
//     seconds since 1970 i64, microseconds u32, offset from UTC in seconds i32

void write_jam(GDateTime* jam, ByteWriter& bytes) {
    bytes.u8(jam ? 1 : 0);
    if (!jam) {
        return;
    }
    bytes.i64(g_date_time_to_unix(jam));
    bytes.u32(static_cast<guint32>(g_date_time_get_microsecond(jam)));
    bytes.i32(static_cast<gint32>(g_date_time_get_utc_offset(jam) / G_TIME_SPAN_SECOND));
}

Written write_time_code(const GstMeta* meta, const MetaWriting&, ByteWriter& bytes) {
    const GstVideoTimeCode& code = reinterpret_cast<const GstVideoTimeCodeMeta*>(meta)->tc;
    bytes.u32(code.config.fps_n);
    bytes.u32(code.config.fps_d);
    bytes.u32(static_cast<guint32>(code.config.flags));
    bytes.u32(code.hours);
    bytes.u32(code.minutes);
    bytes.u32(code.seconds);
    bytes.u32(code.frames);
    bytes.u32(code.field_count);
    write_jam(code.config.latest_daily_jam, bytes);
    return Written::yes;
}

struct DateTimeUnref {
    void operator()(GDateTime* time) const { g_date_time_unref(time); }
};
using DateTime = std::unique_ptr<GDateTime, DateTimeUnref>;

/// False for a time that cannot be.
bool read_jam(ByteReader& bytes, DateTime* jam) {
    if (bytes.u8() == 0) {
        return bytes.ok();
    }
    const gint64 seconds = bytes.i64();
    const guint32 microseconds = bytes.u32();
    const gint32 offset = bytes.i32();
    // GLib aborts at offsets that no zone has.
    constexpr gint32 furthest = 18 * 3600;
    if (!bytes.ok() || microseconds >= G_USEC_PER_SEC || offset < -furthest || offset > furthest) {
        return false;
    }
    const DateTime whole(g_date_time_new_from_unix_utc(seconds));
    const DateTime exact(whole ? g_date_time_add(whole.get(), microseconds) : nullptr);
    GTimeZone* zone = g_time_zone_new_offset(offset);
    jam->reset(exact ? g_date_time_to_timezone(exact.get(), zone) : nullptr);
    g_time_zone_unref(zone);
    return *jam != nullptr;
}

bool read_time_code(ByteReader& bytes, const MetaReading& from) {
    std::array<guint32, 8> numbers;
    std::ranges::generate(numbers, [&] { return bytes.u32(); });
    const auto [fps_n, fps_d, flags, hours, minutes, seconds, frames, field_count] = numbers;
    DateTime jam;
    return read_jam(bytes, &jam) && gst_buffer_add_video_time_code_meta_full(
                                        from.buffer, fps_n, fps_d, jam.get(), static_cast<GstVideoTimeCodeFlags>(flags),
                                        hours, minutes, seconds, frames, field_count);
}

// --- GstVideoRegionOfInterestMeta: id, parent_id i32; x, y, w, h u32; type text; u32 how many texts, one for each parameter

Written write_region(const GstMeta* meta, const MetaWriting& to, ByteWriter& bytes) {
    const auto* region = reinterpret_cast<const GstVideoRegionOfInterestMeta*>(meta);
    bytes.i32(region->id);
    bytes.i32(region->parent_id);
    bytes.u32(region->x);
    bytes.u32(region->y);
    bytes.u32(region->w);
    bytes.u32(region->h);
    bytes.text(g_quark_to_string(region->roi_type));
    const guint counter = bytes.reserve_u32();
    guint32 count = 0;
    for (const GList* item = region->params; item; item = item->next) {
        const auto* parameter = static_cast<const GstStructure*>(item->data);
        // Strictly: a pointer, say, becomes no text that only looks like one.
        gchar* text = gst_structure_serialize_full(parameter, GST_SERIALIZE_FLAG_STRICT);
        if (text) {
            bytes.text(text);
            ++count;
        } else {
            to.leave_behind(std::string("parameter ") + gst_structure_get_name(parameter) + " of a region of interest",
                            "it has values that have no form as text");
        }
        g_free(text);
    }
    bytes.set(counter, count);
    return Written::yes;
}

bool read_parameter(ByteReader& bytes, GstVideoRegionOfInterestMeta* region) {
    const std::string text = bytes.text();
    gchar* end = nullptr;
    GstStructure* parameter =
        bytes.ok() && may_be_parsed(text) ? gst_structure_from_string(text.c_str(), &end) : nullptr;
    if (parameter) {
        gst_video_region_of_interest_meta_add_param(region, parameter);
    }
    return parameter != nullptr;
}

bool read_region(ByteReader& bytes, const MetaReading& from) {
    const gint32 id = bytes.i32(), parent_id = bytes.i32();
    const guint32 x = bytes.u32(), y = bytes.u32(), w = bytes.u32(), h = bytes.u32();
    const std::string type = bytes.text();
    const guint32 parameters = bytes.count(sizeof(guint32));
    GQuark quark = 0;
    if (!bytes.ok() || !from.names.find(type, &quark)) {
        return false;
    }
    GstVideoRegionOfInterestMeta* region =
        gst_buffer_add_video_region_of_interest_meta_id(from.buffer, quark, x, y, w, h);
    region->id = id;
    region->parent_id = parent_id;
    for (guint32 i = 0; i < parameters && bytes.ok(); ++i) {
        if (!read_parameter(bytes, region)) {
            from.skip("a parameter of a region of interest", "it cannot be read here");
        }
    }
    return true;
}

// --- GstVideoAFDMeta: field, spec, afd u8

Written write_afd(const GstMeta* meta, const MetaWriting&, ByteWriter& bytes) {
    const auto* afd = reinterpret_cast<const GstVideoAFDMeta*>(meta);
    bytes.u8(afd->field);
    bytes.u8(static_cast<guint8>(afd->spec));
    bytes.u8(static_cast<guint8>(afd->afd));
    return Written::yes;
}

/// Values that the standards reserve are a programming error to GStreamer.
bool is_afd(guint8 spec, guint8 afd) {
    const bool reserved = afd == 1 || (afd >= 5 && afd <= 7) || afd == 12 || afd > 15;
    return !reserved && spec <= GST_VIDEO_AFD_SPEC_SMPTE_ST2016_1 && (spec != GST_VIDEO_AFD_SPEC_DVB_ETSI || afd != 0);
}

bool read_afd(ByteReader& bytes, const MetaReading& from) {
    const guint8 field = bytes.u8(), spec = bytes.u8(), afd = bytes.u8();
    if (!bytes.ok() || field > 1 || !is_afd(spec, afd)) {
        return false;
    }
    gst_buffer_add_video_afd_meta(from.buffer, field, static_cast<GstVideoAFDSpec>(spec),
                                  static_cast<GstVideoAFDValue>(afd));
    return true;
}

// --- GstVideoBarMeta: field, is_letterbox u8; bar_data1, bar_data2 u32

Written write_bar(const GstMeta* meta, const MetaWriting&, ByteWriter& bytes) {
    const auto* bar = reinterpret_cast<const GstVideoBarMeta*>(meta);
    bytes.u8(bar->field);
    bytes.u8(bar->is_letterbox ? 1 : 0);
    bytes.u32(bar->bar_data1);
    bytes.u32(bar->bar_data2);
    return Written::yes;
}

bool read_bar(ByteReader& bytes, const MetaReading& from) {
    const guint8 field = bytes.u8(), is_letterbox = bytes.u8();
    const guint32 first = bytes.u32(), second = bytes.u32();
    if (!bytes.ok() || field > 1) {
        return false;
    }
    gst_buffer_add_video_bar_meta(from.buffer, field, is_letterbox != 0, first, second);
    return true;
}

// --- GstVideoCaptionMeta: caption_type u32; data, with its length before it

Written write_caption(const GstMeta* meta, const MetaWriting&, ByteWriter& bytes) {
    const auto* caption = reinterpret_cast<const GstVideoCaptionMeta*>(meta);
    if (!caption->data || caption->size == 0 || caption->size > G_MAXINT32) {
        return Written::no;
    }
    bytes.u32(static_cast<guint32>(caption->caption_type));
    bytes.blob(caption->data, static_cast<guint32>(caption->size));
    return Written::yes;
}

bool read_caption(ByteReader& bytes, const MetaReading& from) {
    const guint32 type = bytes.u32();
    const ByteReader data = bytes.blob();
    constexpr guint32 known[] = {GST_VIDEO_CAPTION_TYPE_CEA608_RAW, GST_VIDEO_CAPTION_TYPE_CEA608_S334_1A,
                                 GST_VIDEO_CAPTION_TYPE_CEA708_RAW, GST_VIDEO_CAPTION_TYPE_CEA708_CDP};
    return bytes.ok() && data.left() > 0 && std::ranges::find(known, type) != std::end(known) &&
           gst_buffer_add_video_caption_meta(from.buffer, static_cast<GstVideoCaptionType>(type), data.data(),
                                             data.left());
}

// --- GstVideoSEIUserDataUnregisteredMeta: uuid, 16 bytes; data, with its length before it

Written write_user_data(const GstMeta* meta, const MetaWriting&, ByteWriter& bytes) {
    const auto* user_data = reinterpret_cast<const GstVideoSEIUserDataUnregisteredMeta*>(meta);
    if (!user_data->data || user_data->size == 0 || user_data->size > G_MAXINT32) {
        return Written::no;
    }
    for (const guint8 byte : user_data->uuid) {
        bytes.u8(byte);
    }
    bytes.blob(user_data->data, static_cast<guint32>(user_data->size));
    return Written::yes;
}

bool read_user_data(ByteReader& bytes, const MetaReading& from) {
    std::array<guint8, 16> uuid;
    std::ranges::generate(uuid, [&] { return bytes.u8(); });
    const ByteReader data = bytes.blob();
    if (!bytes.ok() || data.left() == 0) {
        return false;
    }
    std::vector<guint8> copy(data.data(), data.data() + data.left());
    gst_buffer_add_video_sei_user_data_unregistered_meta(from.buffer, uuid.data(), copy.data(), copy.size());
    return true;
}

// --- GstAudioClippingMeta: format u32, start, end u64

Written write_clipping(const GstMeta* meta, const MetaWriting&, ByteWriter& bytes) {
    const auto* clipping = reinterpret_cast<const GstAudioClippingMeta*>(meta);
    bytes.u32(static_cast<guint32>(clipping->format));
    bytes.u64(clipping->start);
    bytes.u64(clipping->end);
    return Written::yes;
}

bool read_clipping(ByteReader& bytes, const MetaReading& from) {
    const guint32 format = bytes.u32();
    const guint64 start = bytes.u64(), end = bytes.u64();
    // In time, or in samples. Others are of no stream of sound.
    if (!bytes.ok() || (format != GST_FORMAT_TIME && format != GST_FORMAT_DEFAULT)) {
        return false;
    }
    gst_buffer_add_audio_clipping_meta(from.buffer, static_cast<GstFormat>(format), start, end);
    return true;
}

std::vector<MetaForm> all_forms() {
    std::vector<MetaForm> all = {
        {"cuframes/video", 1, gst_video_meta_get_info, write_traits, read_traits},
        {"cuframes/time-code", 1, gst_video_time_code_meta_get_info, write_time_code, read_time_code},
        {"cuframes/region-of-interest", 1, gst_video_region_of_interest_meta_get_info, write_region, read_region},
        {"cuframes/afd", 1, gst_video_afd_meta_get_info, write_afd, read_afd},
        {"cuframes/bar", 1, gst_video_bar_meta_get_info, write_bar, read_bar},
        {"cuframes/caption", 1, gst_video_caption_meta_get_info, write_caption, read_caption},
        {"cuframes/user-data", 1, gst_video_sei_user_data_unregistered_meta_get_info, write_user_data, read_user_data},
        {"cuframes/audio-clipping", 1, gst_audio_clipping_meta_get_info, write_clipping, read_clipping},
    };
    if (const MetaForm* analytics = analytics_form()) {
        all.push_back(*analytics);
    }
    return all;
}

} // namespace

bool may_be_parsed(const std::string& text) {
    const auto is_letter_of_name = [](char c) { return g_ascii_isalnum(c) || (c && std::strchr("/-_.:+", c)); };
    const auto end = std::ranges::find_if_not(text, is_letter_of_name);
    if (text.empty() || !g_ascii_isalpha(text[0]) || (end != text.end() && !std::strchr(",;(", *end))) {
        return false;
    }
    int depth = 0, deepest = 0;
    for (const char c : text) {
        depth += c && std::strchr("[{<(", c) ? 1 : c && std::strchr("]}>)", c) ? -1 : 0;
        deepest = std::max(deepest, depth);
    }
    return deepest <= 32;
}

bool NameTable::find(const std::string& name, GQuark* quark) {
    // Far more classes than any model tells apart, and few enough to be kept for ever.
    constexpr guint most = 65536;
    constexpr gsize longest = 1024;
    *quark = name.empty() ? 0 : g_quark_try_string(name.c_str());
    if (*quark != 0 || name.empty()) {
        return true;
    }
    if (added_ >= most || name.size() > longest) {
        return false;
    }
    ++added_;
    *quark = g_quark_from_string(name.c_str());
    return true;
}

std::span<const MetaForm> meta_forms() {
    static const std::vector<MetaForm> forms = all_forms();
    return forms;
}

} // namespace cuframes::gst
