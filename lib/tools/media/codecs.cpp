// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/codecs.h"

#include "media/failure.h"
#include "media/pipeline.h"
#include "options/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace cuframes::tools {

namespace {

bool works(GstElement* element) {
    const bool ready = gst_element_set_state(element, GST_STATE_READY) != GST_STATE_CHANGE_FAILURE;
    gst_element_set_state(element, GST_STATE_NULL);
    return ready;
}

void drop(GstElement* floating) { gst_object_unref(gst_object_ref_sink(floating)); }

GstElement* first_that_works(GstElementFactoryListType type, const GstCaps* caps) {
    const CapsRef kind = kind_of(caps);
    GList* all = gst_element_factory_list_get_elements(type, GST_RANK_MARGINAL);
    GList* fitting = gst_element_factory_list_filter(all, kind.get(), GST_PAD_SINK, FALSE);
    fitting = g_list_sort(fitting, gst_plugin_feature_rank_compare_func);
    GstElement* found = nullptr;
    for (GList* item = fitting; item && !found; item = item->next) {
        found = gst_element_factory_create(GST_ELEMENT_FACTORY(item->data), nullptr);
        if (found && !works(found)) {
            drop(std::exchange(found, nullptr));
        }
    }
    gst_plugin_feature_list_free(fitting);
    gst_plugin_feature_list_free(all);
    return found;
}

/// Bits a second at most, for a picture in which much moves.
guint kilobits(const GstCaps* frames) {
    const GstStructure* form = gst_caps_get_structure(frames, 0);
    int width = 1280;
    int height = 720;
    int rate = 30;
    int per = 1;
    gst_structure_get_int(form, "width", &width);
    gst_structure_get_int(form, "height", &height);
    gst_structure_get_fraction(form, "framerate", &rate, &per);
    const double fps = rate > 0 ? static_cast<double>(rate) / per : 30;
    constexpr double bits_per_pixel = 0.2;
    return static_cast<guint>(std::max(500.0, width * static_cast<double>(height) * fps * bits_per_pixel / 1000));
}

struct Encoder {
    const char* factory;
    std::initializer_list<const char*> before; ///< What converts for it.
    const char* formats;
    /// As gst-launch-1.0 takes them.
    std::initializer_list<std::pair<const char*, const char*>> settings;
    const char* bit_rate;
    guint per_kilobit;
};

/// A keyframe each second or two, and nothing looks ahead: that would hold frames of the ring for as long.
const std::array encoders{
    Encoder{"nvh264enc",
            {"cudaupload", "cudaconvert"},
            "video/x-raw(memory:CUDAMemory), format=(string)NV12",
            {{"gop-size", "60"}, {"zerolatency", "true"}},
            "max-bitrate",
            1},
    Encoder{"vah264enc",
            {"vapostproc"},
            "video/x-raw(ANY), format=(string)NV12",
            {{"key-int-max", "60"}, {"b-frames", "0"}},
            "bitrate",
            1},
    Encoder{"x264enc",
            {"videoconvert"},
            "video/x-raw, format=(string){I420, NV12}",
            {{"tune", "zerolatency"},
             {"speed-preset", "veryfast"},
             {"key-int-max", "60"},
             {"pass", "qual"},
             {"quantizer", "21"}},
            "bitrate",
            1},
    Encoder{"openh264enc",
            {"videoconvert"},
            "video/x-raw, format=(string)I420",
            {{"gop-size", "60"}, {"complexity", "low"}},
            "bitrate",
            1000},
};

/// Null: it is not here, or does not work.
GstElement* try_encoder(const Encoder& encoder) {
    GstElement* element = gst_element_factory_make(encoder.factory, nullptr);
    if (element && !works(element)) {
        drop(std::exchange(element, nullptr));
    }
    return element;
}

/// Frames may be in GPU memory, for encoders that take them from the host. What is there already is passed on.
GstElement* append_download(GstBin* bin, GstElement* source) {
    GstElement* download = gst_element_factory_make("cudadownload", nullptr);
    if (download && !works(download)) {
        drop(std::exchange(download, nullptr));
    }
    return download ? append(bin, source, download) : source;
}

} // namespace

GstElement* make_parser(const GstCaps* caps) {
    GstElement* parser = first_that_works(GST_ELEMENT_FACTORY_TYPE_PARSER, caps);
    return parser ? parser : make_element("identity");
}

GstElement* make_decoder(const GstCaps* caps) {
    GstElement* decoder = first_that_works(GST_ELEMENT_FACTORY_TYPE_DECODER, caps);
    if (!decoder) {
        throw Failure(fmt::format("GStreamer has no decoder for {} here; install gstreamer1.0-libav",
                                  gst_structure_get_name(gst_caps_get_structure(caps, 0))));
    }
    return decoder;
}

GstElement* append_encoder(GstBin* bin, GstElement* source, const GstCaps* frames) {
    for (const Encoder& encoder : encoders) {
        GstElement* element = try_encoder(encoder);
        if (!element) {
            continue;
        }
        for (const auto& [name, value] : encoder.settings) {
            gst_util_set_object_arg(G_OBJECT(element), name, value);
        }
        g_object_set(element, encoder.bit_rate, kilobits(frames) * encoder.per_kilobit, nullptr);
        const bool takes_gpu_memory = std::string_view(encoder.formats).find("CUDAMemory") != std::string_view::npos;
        GstElement* tail = takes_gpu_memory ? source : append_download(bin, source);
        for (const char* converter : encoder.before) {
            tail = append(bin, tail, make_element(converter));
        }
        tail = append(bin, tail, make_filter(encoder.formats));
        tail = append(bin, tail, element);
        return append(bin, tail, make_element("h264parse"));
    }
    throw Failure("GStreamer has no encoder of H.264 here; install gstreamer1.0-plugins-ugly, which has x264enc");
}

CapsRef kind_of(const GstCaps* caps) {
    const GstStructure* full = gst_caps_get_structure(caps, 0);
    GstStructure* kind = gst_structure_new_empty(gst_structure_get_name(full));
    for (const char* field : {"mpegversion", "layer", "systemstream"}) {
        if (const GValue* value = gst_structure_get_value(full, field)) {
            gst_structure_set_value(kind, field, value);
        }
    }
    CapsRef out(gst_caps_new_empty());
    gst_caps_append_structure(out.get(), kind);
    return out;
}

GstElement* make_payloader(const GstCaps* caps) {
    GstElement* payloader = first_that_works(GST_ELEMENT_FACTORY_TYPE_PAYLOADER, caps);
    if (!payloader) {
        throw Failure(
            fmt::format("GStreamer cannot send {} by RTP", gst_structure_get_name(gst_caps_get_structure(caps, 0))));
    }
    return payloader;
}

std::string suffix_of(const GstCaps* caps) {
    const GstStructure* form = gst_caps_get_structure(caps, 0);
    const std::string type = gst_structure_get_name(form);
    int version = 0;
    gst_structure_get_int(form, "mpegversion", &version);
    if (type == "audio/mpeg") {
        return version == 1 ? "mp3" : "aac";
    }
    if (type == "video/mpeg") {
        return version == 4 ? "mpeg4" : "mpeg2";
    }
    if (type == "audio/x-raw") {
        return "sound";
    }
    const std::string name = type.substr(type.find('/') + 1);
    return name.starts_with("x-") ? name.substr(2) : name;
}

GstElement* make_source(const Ring& ring, const char* verb) {
    GstElement* source = make_element("cuframessrc");
    const std::string name = fmt::format("cuframes-{}", verb);
    g_object_set(source, "key", ring.key.c_str(), "directory", or_usual(ring.directory), "name-tag", name.c_str(),
                 nullptr);
    return source;
}

} // namespace cuframes::tools
