// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/packet_caps.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace cuframes::gst {
namespace {

constexpr const char* raw_video = "video/x-raw";

bool text_is(const GstStructure* media, const char* field, std::string_view wanted) {
    const gchar* text = gst_structure_get_string(media, field);
    return text && text == wanted;
}

bool says(const GstStructure* media, const char* field, gboolean wanted) {
    gboolean value = FALSE;
    return gst_structure_get_boolean(media, field, &value) && value == wanted;
}

bool is_version(const GstStructure* media, int wanted) {
    int version = 0;
    return gst_structure_get_int(media, "mpegversion", &version) && version == wanted;
}

bool is_access_unit(const GstStructure* media) { return text_is(media, "alignment", "au"); }
bool is_temporal_unit_or_frame(const GstStructure* media) {
    return text_is(media, "alignment", "tu") || text_is(media, "alignment", "frame");
}
bool is_framed(const GstStructure* media) { return says(media, "framed", TRUE) || says(media, "parsed", TRUE); }
bool is_framed_aac(const GstStructure* media) { return is_framed(media) || text_is(media, "stream-format", "raw"); }
bool is_parsed(const GstStructure* media) { return says(media, "parsed", TRUE); }
bool is_not_denied(const GstStructure* media) { return !says(media, "parsed", FALSE) && !says(media, "framed", FALSE); }

bool any(const GstStructure*) { return true; }
bool is_mpeg_1_audio(const GstStructure* media) { return is_version(media, 1); }
bool is_mpeg_4_video(const GstStructure* media) { return is_version(media, 4) && says(media, "systemstream", FALSE); }
bool is_mpeg_video(const GstStructure* media) { return says(media, "systemstream", FALSE); }

/// Where caps alone say whether a buffer is a packet. Encoders of some kinds never say it, as their output always is, while
/// demuxers and type finders do where it is not.
struct Rule {
    const char* media;
    bool (*applies)(const GstStructure*);
    bool (*is_whole)(const GstStructure*);
    const char* field;  ///< That says it.
    const char* wanted; ///< In words of caps.
    const char* cure;
};

constexpr Rule rules[] = {
    {"video/x-h264", any, is_access_unit, "alignment", "alignment=au", "put h264parse before it"},
    {"video/x-h265", any, is_access_unit, "alignment", "alignment=au", "put h265parse before it"},
    {"video/x-h266", any, is_access_unit, "alignment", "alignment=au", "put h266parse before it"},
    {"video/x-av1", any, is_temporal_unit_or_frame, "alignment", "alignment=tu or frame", "put av1parse before it"},
    {"video/x-vp9", any, is_not_denied, "parsed", "parsed=true", "put vp9parse before it"},
    {"video/mpeg", is_mpeg_4_video, is_not_denied, "parsed", "parsed=true", "put mpeg4videoparse before it"},
    {"video/mpeg", is_mpeg_video, is_not_denied, "parsed", "parsed=true", "put mpegvideoparse before it"},
    {"video/x-h263", any, is_not_denied, "parsed", "parsed=true", "put h263parse before it"},
    {"image/jpeg", any, is_not_denied, "parsed", "parsed=true", "put jpegparse before it"},
    {"image/png", any, is_not_denied, "parsed", "parsed=true", "put pngparse before it"},
    {"audio/mpeg", is_mpeg_1_audio, is_framed, "parsed", "parsed=true", "put mpegaudioparse before it"},
    {"audio/mpeg", any, is_framed_aac, "framed", "framed=true", "put aacparse before it"},
    {"audio/x-ac3", any, is_framed, "framed", "framed=true", "put ac3parse before it"},
    {"audio/x-eac3", any, is_framed, "framed", "framed=true", "put ac3parse before it"},
    {"audio/x-dts", any, is_framed, "framed", "framed=true", "put dcaparse before it"},
    {"audio/x-flac", any, is_framed, "framed", "framed=true", "put flacparse before it"},
    {"audio/x-opus", any, is_not_denied, "parsed", "parsed=true", "put opusparse before it"},
    {"meta/x-klv", any, is_parsed, "parsed", "parsed=true",
     "where each buffer is a whole packet, say so in the caps (parsed=true)"},
};

constexpr Rule rule_of_others = {"",       any,           is_not_denied,
                                 "parsed", "parsed=true", "put the parser of this format before it"};

const Rule& rule_for(const GstStructure* media) {
    const auto* found = std::ranges::find_if(
        rules, [media](const Rule& rule) { return gst_structure_has_name(media, rule.media) && rule.applies(media); });
    return found == std::end(rules) ? rule_of_others : *found;
}

std::string what_it_says(const GstStructure* media, const char* field) {
    const GValue* value = gst_structure_get_value(media, field);
    gchar* text = value ? gst_value_serialize(value) : nullptr;
    const std::string said = text ? std::string("with ") + field + "=" + text : std::string("without ") + field;
    g_free(text);
    return said;
}

} // namespace

bool are_packets(const GstCaps* caps) { return !gst_structure_has_name(gst_caps_get_structure(caps, 0), raw_video); }

bool is_raw_but_video(const GstCaps* caps) {
    if (gst_caps_is_any(caps) || gst_caps_is_empty(caps)) {
        return false;
    }
    for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
        const std::string_view media = gst_structure_get_name(gst_caps_get_structure(caps, i));
        if (media != "audio/x-raw" && media != "text/x-raw") {
            return false;
        }
    }
    return true;
}

GstCaps* preferred_packet_caps() {
    return gst_caps_from_string("video/x-h264, stream-format=avc, alignment=au; "
                                "video/x-h264, stream-format=avc3, alignment=au; "
                                "video/x-h264, stream-format=byte-stream, alignment=au; "
                                "video/x-h265, stream-format=hvc1, alignment=au; "
                                "video/x-h265, stream-format=hev1, alignment=au; "
                                "video/x-h265, stream-format=byte-stream, alignment=au; "
                                "video/x-h266, stream-format=vvc1, alignment=au; "
                                "video/x-h266, stream-format=vvi1, alignment=au; "
                                "video/x-h266, stream-format=byte-stream, alignment=au; "
                                "video/x-av1, stream-format=obu-stream, alignment=tu; "
                                "video/x-av1, stream-format=annexb, alignment=tu; "
                                "video/x-av1, stream-format=obu-stream, alignment=frame; "
                                "video/x-vp9, alignment=super-frame");
}

GstCaps* packets_among(const GstCaps* offered) {
    GstCaps* packets = gst_caps_new_empty();
    for (guint i = 0; i < gst_caps_get_size(offered); ++i) {
        const GstStructure* media = gst_caps_get_structure(offered, i);
        const GstCapsFeatures* memory = gst_caps_get_features(offered, i);
        const bool in_system_memory = gst_caps_features_is_any(memory) ||
                                      gst_caps_features_is_equal(memory, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY);
        if (in_system_memory && !gst_structure_has_name(media, raw_video)) {
            gst_caps_append_structure(packets, gst_structure_copy(media));
        }
    }
    return packets;
}

std::string why_not_whole(const GstCaps* caps) {
    const GstStructure* media = gst_caps_get_structure(caps, 0);
    const Rule& rule = rule_for(media);
    if (rule.is_whole(media)) {
        return {};
    }
    return std::string("buffers of ") + gst_structure_get_name(media) + " " + what_it_says(media, rule.field) +
           " may be more or less than a packet each, and what is shared has to be whole packets (" + rule.wanted +
           "): " + rule.cure;
}

} // namespace cuframes::gst
