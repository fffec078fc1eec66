// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/camera_outlet.h"

#include "media/codecs.h"

#include <fmt/format.h>
#include <gst/app/app.h>

#include <utility>

namespace cuframes::tools {

namespace {

/// How far a file is read ahead.
constexpr GstClockTime ahead = GST_SECOND;
/// How far a decoder may be behind a camera before it gets less to do.
constexpr GstClockTime backlog = 3 * GST_SECOND;

} // namespace

CameraOutlet::CameraOutlet(const PublishOptions& options, StreamKind kind, const GstCaps* caps, bool is_live,
                           GstClockTime latency)
    : kind_(kind_of(caps)) {
    // What is published has its times in CLOCK_MONOTONIC, so let running time be that.
    const Owner<GstClock> clock(gst_system_clock_obtain());
    gst_pipeline_use_clock(pipeline_.get(), clock.get());
    gst_element_set_start_time(GST_ELEMENT(pipeline_.get()), GST_CLOCK_TIME_NONE);
    gst_element_set_base_time(GST_ELEMENT(pipeline_.get()), 0);
    add_source(caps, is_live, latency);
    if (gst_structure_has_name(gst_caps_get_structure(caps, 0), "video/x-raw")) {
        build_raw(options, caps);
    } else {
        build_encoded(options, kind, caps, is_live);
    }
}

CameraOutlet::~CameraOutlet() {
    if (watch_ != 0) {
        g_source_remove(watch_);
    }
}

void CameraOutlet::add_source(const GstCaps* caps, bool is_live, GstClockTime latency) {
    source_ = pipeline_.add("appsrc");
    // Who pushes from a file waits for what is shared in real time; a camera waits for nobody.
    g_object_set(source_, "caps", caps, "format", GST_FORMAT_TIME, "is-live", TRUE, "min-latency",
                 static_cast<gint64>(latency), "max-bytes", guint64{0}, "max-time", is_live ? guint64{0} : ahead,
                 "block", !is_live, nullptr);
}

void CameraOutlet::build_raw(const PublishOptions& options, const GstCaps* caps) {
    GstElement* tee = pipeline_.append(source_, "tee");
    if (options.only != "packets") {
        add_sink(add_queue(tee, true), options, options.key, "frames");
    }
    if (options.encode) {
        GstElement* encoded = append_encoder(pipeline_.bin(), add_queue(tee, true), caps);
        add_sink(encoded, options, options.key + ".h264", "packets");
    }
    if (sinks_.empty()) {
        throw Failure(fmt::format("{} has no packets; --encode makes them", shown_source(options.source)));
    }
}

void CameraOutlet::build_encoded(const PublishOptions& options, StreamKind kind, const GstCaps* caps, bool is_live) {

    GstElement* tee = pipeline_.append(pipeline_.append(source_, make_parser(caps)), "tee");
    if (options.only != "frames") {
        add_sink(add_queue(tee, false), options, fmt::format("{}.{}", options.key, suffix_of(caps)), "packets");
    }
    if (options.only != "packets" && kind == StreamKind::picture) {
        GstElement* decoder = pipeline_.append(add_queue(tee, is_live), make_decoder(caps));
        add_sink(decoder, options, options.key, "frames");
    }
    if (sinks_.empty()) {
        pipeline_.append(tee, "fakesink");
    }
}

GstElement* CameraOutlet::add_queue(GstElement* tee, bool is_leaky) {
    GstElement* queue = pipeline_.append(tee, "queue");
    g_object_set(queue, "max-size-buffers", 0u, "max-size-bytes", 0u, "max-size-time", backlog, nullptr);
    if (is_leaky) {
        gst_util_set_object_arg(G_OBJECT(queue), "leaky", "downstream");
    }
    return queue;
}

void CameraOutlet::add_sink(GstElement* tail, const PublishOptions& options, const std::string& key,
                            const char* content) {
    GstElement* sink = pipeline_.append(tail, "cuframessink");
    g_object_set(sink, "key", key.c_str(), "directory", or_usual(options.directory), "access", options.access.c_str(),
                 nullptr);
    gst_util_set_object_arg(G_OBJECT(sink), "content", content);
    if (std::string_view(content) == "packets") {
        g_object_set(sink, "max-time", static_cast<guint>(options.max_time * 1000), nullptr);
    } else {
        gst_util_set_object_arg(G_OBJECT(sink), "memory", options.memory.c_str());
    }
    sinks_.push_back({sink, key, content});
}

void CameraOutlet::start(std::function<void(const std::string&)> gone) {
    gone_ = std::move(gone);
    const BusRef bus(gst_pipeline_get_bus(pipeline_.get()));
    // What cannot be had, as a key that somebody else has, is said at once.
    pipeline_.set_state(GST_STATE_PAUSED);
    watch_ = gst_bus_add_watch(
        bus.get(),
        [](GstBus*, GstMessage* message, gpointer self) -> gboolean {
            static_cast<CameraOutlet*>(self)->hear(message);
            return G_SOURCE_CONTINUE;
        },
        this);
    gst_element_set_state(GST_ELEMENT(pipeline_.get()), GST_STATE_PLAYING);
}

bool CameraOutlet::takes(const GstCaps* caps) const { return gst_caps_is_equal(kind_.get(), kind_of(caps).get()); }

void CameraOutlet::push(GstSample* sample) {
    gst_app_src_push_sample(GST_APP_SRC(source_), sample);
    ++pushed_;
}

void CameraOutlet::end() { gst_app_src_end_of_stream(GST_APP_SRC(source_)); }

uint64_t CameraOutlet::published() const {
    uint64_t all = 0;
    for (const Sink& sink : sinks_) {
        GstStructure* stats = nullptr;
        g_object_get(sink.element, "stats", &stats, nullptr);
        guint64 published = 0;
        gst_structure_get_uint64(stats, "published", &published);
        gst_structure_free(stats);
        all += published;
    }
    return all;
}

std::string CameraOutlet::shown() const {
    std::string text;
    for (const Sink& sink : sinks_) {
        text += fmt::format("{}{} as {}", text.empty() ? "" : ", ", sink.content, sink.key);
    }
    return text;
}

void CameraOutlet::hear(GstMessage* message) {
    std::string why;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR: {
        GError* error = nullptr;
        gst_message_parse_error(message, &error, nullptr);
        why = ErrorRef(error)->message;
        break;
    }
    case GST_MESSAGE_EOS:
        break;
    case GST_MESSAGE_LATENCY:
        gst_bin_recalculate_latency(pipeline_.bin());
        return;
    default:
        return;
    }
    // It may be destroyed by what is called.
    if (const auto call = std::exchange(gone_, nullptr)) {
        call(why);
    }
}

} // namespace cuframes::tools
