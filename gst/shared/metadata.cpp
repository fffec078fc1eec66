// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/metadata.h"

#include <gst/audio/audio.h>
#include <gst/video/video.h>

#include <algorithm>

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

const MetaForm* form_for(const GstMeta* meta) {
    const std::span<const MetaForm> forms = meta_forms();
    const auto found =
        std::ranges::find_if(forms, [meta](const MetaForm& form) { return form.info()->type == meta->info->type; });
    return found == forms.end() ? nullptr : &*found;
}

const MetaForm* form_named(const std::string& name) {
    const std::span<const MetaForm> forms = meta_forms();
    const auto found = std::ranges::find_if(forms, [&name](const MetaForm& form) { return form.name == name; });
    return found == forms.end() ? nullptr : &*found;
}

/// Publishers before our own forms sent the whole meta; its first number is its flags, and the rest their layout.
void take_flags_of_serialized_video_meta(ByteReader payload, FrameTraits& traits) {
    const guint32 flags = payload.u32();
    if (payload.ok()) {
        traits.flags = flags;
    }
}

/// GStreamer's own reader takes for granted that these begin with caps.
bool is_reference_timestamp(ByteReader payload) {
    payload.u64();
    payload.u64();
    if (!payload.ok() || payload.left() == 0 || payload.data()[payload.left() - 1] != '\0') {
        return false;
    }
    const std::string text = reinterpret_cast<const char*>(payload.data());
    GstCaps* caps = may_be_parsed(text) ? gst_caps_from_string(text.c_str()) : nullptr;
    const bool usable = caps != nullptr;
    gst_clear_caps(&caps);
    return usable;
}

} // namespace

void register_known_metas() {
    for (const MetaForm& form : meta_forms()) {
        form.info();
    }
    gst_video_crop_meta_get_info();
    gst_reference_timestamp_meta_get_info();
    gst_audio_meta_get_info();
    gst_audio_level_meta_get_info();
}

void LeftOut::count(const std::string& what, const char* why) {
    ++total_;
    if (told_.size() < 100 && told_.insert(what).second) {
        GST_WARNING_OBJECT(element_, "%s %s: %s (said once)", what.c_str(), consequence_, why);
    }
}

MetaWriter::MetaWriter(GstElement* element)
    : left_out_(element, "does not reach the readers"),
      bytes_(g_byte_array_new()),
      writing_{.buffer = nullptr, .running_time = GST_CLOCK_TIME_NONE, .leave_behind = {}} {
    init_debug();
    writing_.leave_behind = [this](const std::string& what, const char* why) { left_out_.count(what, why); };
}

MetaWriter::~MetaWriter() { g_byte_array_unref(bytes_); }

const GByteArray* MetaWriter::pack(GstBuffer* buffer, GstClockTime running_time) {
    g_byte_array_set_size(bytes_, 0);
    writing_.buffer = buffer;
    writing_.running_time = running_time;
    gst_buffer_foreach_meta(buffer, pack_one, this);
    return bytes_;
}

gboolean MetaWriter::pack_one(GstBuffer*, GstMeta** meta, gpointer data) {
    auto* self = static_cast<MetaWriter*>(data);
    if (!is_about_memory_only(*meta) && self->write(*meta) == Written::no) {
        self->left_out_.count(g_type_name((*meta)->info->type), "it cannot be serialized");
    }
    return TRUE;
}

Written MetaWriter::write(const GstMeta* meta) {
    if (const MetaForm* form = form_for(meta)) {
        return write_in_form(*form, meta);
    }
    return gst_meta_serialize_simple(meta, bytes_) ? Written::yes : Written::no;
}

Written MetaWriter::write_in_form(const MetaForm& form, const GstMeta* meta) {
    // As GStreamer's own: [total size][name length][name][0][version][payload].
    const guint before = bytes_->len;
    ByteWriter bytes(bytes_);
    const guint total = bytes.reserve_u32();
    bytes.text(form.name);
    bytes.u8(0);
    bytes.u8(form.version);
    const Written written = form.write(meta, writing_, bytes);
    if (written == Written::yes) {
        bytes.set(total, bytes_->len - before);
    } else {
        g_byte_array_set_size(bytes_, before);
    }
    return written;
}

MetaReader::MetaReader(GstElement* element) : left_out_(element, "is left out") { init_debug(); }

void MetaReader::read(const std::string& name, ByteReader payload, ByteReader entry, const MetaReading& from) {
    payload.u8(); // the 0 behind the name
    const guint8 version = payload.u8();
    if (const MetaForm* form = form_named(name)) {
        if (version > form->version) {
            from.skip(name, "its publisher's cuframes is newer");
        } else if (!form->read(payload, from)) {
            from.skip(name, "it is malformed");
        }
    } else if (name == "GstVideoMeta") {
        take_flags_of_serialized_video_meta(payload, from.traits);
    } else if (!gst_meta_get_info(name.c_str())) {
        from.skip(name, "no such meta is known in this process");
    } else if (name == "GstReferenceTimestampMeta" && !is_reference_timestamp(payload)) {
        from.skip(name, "it is malformed");
    } else {
        guint32 consumed = 0;
        if (!gst_meta_deserialize(from.buffer, entry.data(), entry.left(), &consumed)) {
            from.skip(name, "its version here cannot read it");
        }
    }
}

FrameTraits MetaReader::unpack(GstBuffer* buffer, GstClockTime running_time, const void* data, gsize size) {
    FrameTraits traits;
    const MetaReading from = {
        .buffer = buffer,
        .running_time = running_time,
        .names = names_,
        .traits = traits,
        .skip = [this](const std::string& what, const char* why) { left_out_.count(what, why); },
    };
    const auto* bytes = static_cast<const guint8*>(data);
    // Lengths are checked here, as gst_meta_deserialize() takes the inner one at its word.
    constexpr gsize fixed = 2 * sizeof(guint32) + 2;
    while (size > 0) {
        ByteReader entry(bytes, size);
        const gsize total = entry.u32();
        const gsize name_length = entry.u32();
        if (!entry.ok() || total > size || total < fixed || name_length > total - fixed) {
            from.skip("metadata", "it is malformed");
            break;
        }
        const auto* name = reinterpret_cast<const char*>(entry.data());
        const gsize behind_name = 2 * sizeof(guint32) + name_length;
        read({name, name_length}, {bytes + behind_name, total - behind_name}, {bytes, total}, from);
        bytes += total;
        size -= total;
    }
    return traits;
}

} // namespace cuframes::gst
