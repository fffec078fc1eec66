// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/file_form.h"

#include "media/codecs.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace cuframes::tools {

namespace {

std::string ending_of(const std::string& file) { return file.substr(file.rfind('.') + 1); }

/// Of what a parser makes of packets with these caps.
bool takes(GstElement* muxer, const GstCaps* caps) {
    const CapsRef kind = kind_of(caps);
    return gst_element_factory_can_sink_any_caps(gst_element_get_factory(muxer), kind.get());
}

Failure does_not_fit(const Ring& ring, const std::string& file) {
    return Failure(fmt::format("a .{} file cannot hold {}, which {} carries; take .mkv", ending_of(file),
                               ring.media_type(), ring.key));
}

/// With a filter, by which the muxer's pad is chosen.
void finish(Pipeline& pipeline, GstElement* tail, const char* type, GstElement* muxer, const Ring& ring,
            const std::string& file) {
    tail = pipeline.append_caps(tail, type);
    tail = pipeline.append(tail, "queue");
    // An encoder's lookahead, or a log's past, of the other stream.
    g_object_set(tail, "max-size-time", guint64{0}, "max-size-buffers", 0u, "max-size-bytes", 64u << 20, nullptr);
    if (!gst_element_link(tail, muxer)) {
        throw does_not_fit(ring, file);
    }
}

GstElement* append_sound_encoder(Pipeline& pipeline, GstElement* tail, const Ring& ring) {
    const CapsRef caps = ring.parsed_caps();
    if (ring.media_type() != "audio/x-raw") {
        tail = pipeline.append(tail, make_parser(caps.get()));
        tail = pipeline.append(tail, make_decoder(caps.get()));
    }
    for (const char* factory : {"audioconvert", "audioresample", "avenc_aac", "aacparse"}) {
        tail = pipeline.append(tail, factory);
    }
    return tail;
}

} // namespace

GstElement* add_muxer(Pipeline& pipeline, const std::string& file) {
    static constexpr std::array<std::pair<const char*, const char*>, 5> muxers{
        {{"mkv", "matroskamux"}, {"webm", "webmmux"}, {"mp4", "mp4mux"}, {"mov", "qtmux"}, {"ts", "mpegtsmux"}}};
    for (const auto& [ending, factory] : muxers) {
        if (ending_of(file) == ending) {
            GstElement* muxer = pipeline.add(factory);
            if (g_object_class_find_property(G_OBJECT_GET_CLASS(muxer), "fragment-mode")) {
                // In fragments while it is written, in one piece when it is finished.
                g_object_set(muxer, "fragment-duration", 1000u, nullptr);
                gst_util_set_object_arg(G_OBJECT(muxer), "fragment-mode", "first-moov-then-finalise");
            }
            return muxer;
        }
    }
    throw Failure(fmt::format("{}: a file's name ends in .mkv, .mp4, .mov, .ts or .webm", file));
}

void link_to_muxer(Pipeline& pipeline, GstElement* source, const Ring& ring, GstElement* muxer,
                   const std::string& file) {
    const CapsRef caps = ring.parsed_caps();
    if (!ring.has_packets) {
        GstElement* tail = append_encoder(pipeline.bin(), source, caps.get());
        finish(pipeline, tail, "video/x-h264", muxer, ring, file);
    } else if (ring.is_sound() && !takes(muxer, caps.get())) {
        finish(pipeline, append_sound_encoder(pipeline, source, ring), "audio/mpeg", muxer, ring, file);
    } else if (!takes(muxer, caps.get())) {
        throw does_not_fit(ring, file);
    } else {
        GstElement* tail = pipeline.append(source, make_parser(caps.get()));
        finish(pipeline, tail, ring.media_type().c_str(), muxer, ring, file);
    }
}

} // namespace cuframes::tools
