// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/srt_key.h"

#include "media/codecs.h"
#include "media/owners.h"
#include "media/pressed_past.h"
#include "media/ring.h"

#include <fmt/format.h>
#include <gst/app/app.h>

#include <utility>

namespace cuframes::tools {

namespace {

/// What fits one packet of SRT.
constexpr gint packets_of_ts = 7;

GstElement* append_muxer(Pipeline& pipeline, const Ring& ring) {
    const CapsRef caps = ring.parsed_caps();
    GstElement* source = pipeline.add(make_source(ring, "serve"));
    GstElement* tail = nullptr;
    if (ring.has_packets) {
        gst_util_set_object_arg(G_OBJECT(source), "start", "keyframe");
        gst_util_set_object_arg(G_OBJECT(source), "join", "record");
        press_past(PadRef(gst_element_get_static_pad(source, "src")).get(), past_since_keyframe(ring));
        tail = pipeline.append(source, make_parser(caps.get()));
        tail = pipeline.append_caps(tail, ring.media_type().c_str());
    } else {
        tail = append_encoder(pipeline.bin(), source, caps.get());
    }
    tail = pipeline.append(tail, "mpegtsmux");
    g_object_set(tail, "alignment", packets_of_ts, nullptr);
    return tail;
}

} // namespace

SrtKey::SrtKey(std::string key, std::string directory, const std::string& address, unsigned port)
    : key_(std::move(key)), directory_(std::move(directory)) {
    feed_ = listener_.add("appsrc");
    g_object_set(feed_, "is-live", TRUE, "format", GST_FORMAT_TIME, nullptr);
    GstElement* sink = listener_.append(feed_, "srtsink");
    const std::string uri = fmt::format("srt://{}:{}?mode=listener", address, port);
    g_object_set(sink, "uri", uri.c_str(), "wait-for-connection", FALSE, "sync", FALSE, "async", FALSE, nullptr);
    g_signal_connect(sink, "caller-added",
                     G_CALLBACK(+[](GstElement*, gint, gpointer, SrtKey* self) { ++self->callers_; }), this);
    g_signal_connect(sink, "caller-removed",
                     G_CALLBACK(+[](GstElement*, gint, gpointer, SrtKey* self) { --self->callers_; }), this);
    listener_.set_state(GST_STATE_PLAYING);
}

void SrtKey::look_around() {
    if (callers_ > 0 && !reader_) {
        begin();
    } else if (callers_ == 0) {
        reader_.reset();
    }
}

/// Until there is something to send callers wait.
void SrtKey::begin() {
    const auto ring = find_ring(key_, directory_);
    if (!ring) {
        return;
    }
    auto reader = std::make_unique<Pipeline>();
    GstElement* sink = reader->append(append_muxer(*reader, *ring), "appsink");
    g_object_set(sink, "sync", FALSE, nullptr);
    GstAppSinkCallbacks callbacks = {};
    callbacks.new_sample = [](GstAppSink* from, gpointer feed) {
        const SampleRef sample(gst_app_sink_pull_sample(from));
        return sample ? gst_app_src_push_sample(GST_APP_SRC(feed), sample.get()) : GST_FLOW_EOS;
    };
    gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, feed_, nullptr);
    reader->set_state(GST_STATE_PLAYING);
    reader_ = std::move(reader);
}

} // namespace cuframes::tools
