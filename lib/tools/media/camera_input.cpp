// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/camera_input.h"

#include <fmt/format.h>
#include <gst/app/app.h>

#include <algorithm>
#include <utility>

namespace cuframes::tools {

namespace {

/// Longer than any camera's distance of keyframes that is worth waiting for; a stream may have none.
constexpr GstClockTime patience = 12 * GST_SECOND;

CapsRef caps_of(GstPad* pad) {
    CapsRef caps(gst_pad_get_current_caps(pad));
    return caps ? std::move(caps) : CapsRef(gst_pad_query_caps(pad, nullptr));
}

std::string type_of(const GstCaps* caps) {
    return gst_caps_get_size(caps) > 0 && !gst_caps_is_any(caps)
               ? gst_structure_get_name(gst_caps_get_structure(caps, 0))
               : "";
}

} // namespace

bool is_rtsp(const std::string& source) { return source.starts_with("rtsp://") || source.starts_with("rtsps://"); }
bool is_v4l2(const std::string& source) { return source == "v4l2" || source.starts_with("v4l2:"); }

std::string shown_source(const std::string& source) {
    const size_t begin = source.find("://");
    const size_t end = source.find('@');
    if (begin == std::string::npos || end == std::string::npos || end > source.find('/', begin + 3)) {
        return source;
    }
    return source.substr(0, begin + 3) + source.substr(end + 1);
}

CameraInput::CameraInput(const PublishOptions& options, Deliver deliver, GstClockTime begin)
    : deliver_(std::move(deliver)), begin_(begin), arrived_(gst_util_get_timestamp()) {
    // Its times are to be those of CLOCK_MONOTONIC, whatever clock a source would like better.
    const Owner<GstClock> clock(gst_system_clock_obtain());
    gst_pipeline_use_clock(pipeline_.get(), clock.get());
    build(options);
}

CameraInput::~CameraInput() {
    if (watch_ != 0) {
        g_source_remove(watch_);
    }
}

void CameraInput::build(const PublishOptions& options) {
    if (is_rtsp(options.source)) {
        GstElement* source = pipeline_.add("rtspsrc");
        g_object_set(source, "location", options.source.c_str(), "latency", static_cast<guint>(options.latency * 1000),
                     nullptr);
        if (options.transport != "auto") {
            gst_util_set_object_arg(G_OBJECT(source), "protocols", options.transport.c_str());
        }
        g_signal_connect(source, "pad-added",
                         G_CALLBACK(+[](GstElement*, GstPad* pad, CameraInput* self) { self->take_rtp(pad); }), this);
    } else if (is_v4l2(options.source)) {
        GstElement* source = pipeline_.add("v4l2src");
        if (options.source.size() > 5) {
            g_object_set(source, "device", options.source.c_str() + 5, nullptr);
        }
        add_sink(PadRef(gst_element_get_static_pad(source, "src")).get(), StreamKind::picture);
    } else if (options.source == "test") {
        GstElement* source = pipeline_.add("videotestsrc");
        g_object_set(source, "is-live", TRUE, nullptr);
        gst_util_set_object_arg(G_OBJECT(source), "pattern", "ball");
        const size_t x = options.size.find('x');
        int rate = 0;
        int per = 1;
        gst_util_double_to_fraction(options.rate, &rate, &per);
        GstElement* tail = pipeline_.append_caps(
            source, fmt::format("video/x-raw, format=(string)I420, width={}, height={}, framerate={}/{}",
                                options.size.substr(0, x), options.size.substr(x + 1), rate, per)
                        .c_str());
        add_sink(PadRef(gst_element_get_static_pad(tail, "src")).get(), StreamKind::picture);
    } else {
        is_live_ = false;
        GstElement* source = pipeline_.add("filesrc");
        g_object_set(source, "location", options.source.c_str(), nullptr);
        GstElement* parse = add_parsebin();
        gst_element_link(source, parse);
    }
}

GstElement* CameraInput::add_parsebin() {
    GstElement* parse = pipeline_.add("parsebin");
    g_signal_connect(parse, "pad-added",
                     G_CALLBACK(+[](GstElement*, GstPad* pad, CameraInput* self) { self->take_stream(pad); }), this);
    return parse;
}

void CameraInput::take_rtp(GstPad* pad) {
    const CapsRef caps = caps_of(pad);
    const char* media = type_of(caps.get()) == "application/x-rtp"
                            ? gst_structure_get_string(gst_caps_get_structure(caps.get(), 0), "media")
                            : nullptr;
    if (g_strcmp0(media, "video") != 0 && g_strcmp0(media, "audio") != 0) {
        ignore(pad);
        return;
    }
    GstElement* parse = add_parsebin();
    gst_element_sync_state_with_parent(parse);
    gst_pad_link(pad, PadRef(gst_element_get_static_pad(parse, "sink")).get());
}

void CameraInput::take_stream(GstPad* pad) {
    const std::string type = type_of(caps_of(pad).get());
    if ((type.starts_with("video/") || type.starts_with("image/")) && !has_picture_.exchange(true)) {
        add_sink(pad, StreamKind::picture);
    } else if (type.starts_with("audio/") && !has_sound_.exchange(true)) {
        add_sink(pad, StreamKind::sound);
    } else {
        ignore(pad);
    }
}

/// What is linked nowhere would end the others.
void CameraInput::ignore(GstPad* pad) {
    GstElement* sink = pipeline_.add("fakesink");
    g_object_set(sink, "async", FALSE, nullptr);
    gst_element_sync_state_with_parent(sink);
    gst_pad_link(pad, PadRef(gst_element_get_static_pad(sink, "sink")).get());
}

void CameraInput::add_sink(GstPad* pad, StreamKind kind) {
    GstElement* sink = pipeline_.add("appsink");
    g_object_set(sink, "sync", FALSE, "async", FALSE, "max-buffers", 30u, nullptr);
    GstAppSinkCallbacks callbacks = {};
    callbacks.new_sample = [](GstAppSink* from, gpointer stream) {
        auto* of = static_cast<Stream*>(stream);
        const SampleRef sample(gst_app_sink_pull_sample(from));
        return sample ? of->input->bring(*of, sample.get()) : GST_FLOW_EOS;
    };
    gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, kind == StreamKind::picture ? &picture_ : &sound_,
                               nullptr);
    gst_element_sync_state_with_parent(sink);
    gst_pad_link(pad, PadRef(gst_element_get_static_pad(sink, "sink")).get());
}

GstFlowReturn CameraInput::bring(Stream& stream, GstSample* sample) {
    GstBuffer* received = gst_sample_get_buffer(sample);
    const GstClockTime now = gst_util_get_timestamp();
    arrived_ = now;
    GstClockTime none = GST_CLOCK_TIME_NONE;
    if (!is_live_) {
        begin_.compare_exchange_strong(none, now);
    }
    // What a decoder makes of the packets before the first keyframe is nothing that anybody wants to see.
    const bool is_delta = GST_BUFFER_FLAG_IS_SET(received, GST_BUFFER_FLAG_DELTA_UNIT);
    if (stream.is_waiting_for_keyframe && is_delta && now < started_ + patience) {
        return GST_FLOW_OK;
    }
    stream.is_waiting_for_keyframe = false;
    const BufferRef buffer(gst_buffer_copy(received));
    const GstSegment* segment = gst_sample_get_segment(sample);
    GST_BUFFER_PTS(buffer.get()) = absolute(segment, GST_BUFFER_PTS(received));
    GST_BUFFER_DTS(buffer.get()) = absolute(segment, GST_BUFFER_DTS(received));
    if (std::exchange(stream.is_first, false)) {
        GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
    }
    if (GST_BUFFER_PTS_IS_VALID(buffer.get())) {
        const GstClockTime length = GST_BUFFER_DURATION_IS_VALID(received) ? GST_BUFFER_DURATION(received) : 0;
        end_ = std::max<GstClockTime>(end_, GST_BUFFER_PTS(buffer.get()) + length);
    }
    const SampleRef timed(gst_sample_new(buffer.get(), gst_sample_get_caps(sample), nullptr, nullptr));
    deliver_(*this, stream.kind, timed.get());
    ++count_;
    return GST_FLOW_OK;
}

GstClockTime CameraInput::absolute(const GstSegment* segment, GstClockTime time) const {
    if (!GST_CLOCK_TIME_IS_VALID(time)) {
        return GST_CLOCK_TIME_NONE;
    }
    guint64 running = 0;
    const int sign = gst_segment_to_running_time_full(segment, GST_FORMAT_TIME, time, &running);
    const GstClockTime zero = is_live_ ? gst_element_get_base_time(GST_ELEMENT(pipeline_.get())) : begin_.load();
    return sign >= 0 ? zero + running : zero - std::min<GstClockTime>(running, zero);
}

GstClockTime CameraInput::latency() const {
    GstQuery* query = gst_query_new_latency();
    gboolean live = FALSE;
    GstClockTime least = 0;
    if (gst_element_query(GST_ELEMENT(pipeline_.get()), query)) {
        gst_query_parse_latency(query, &live, &least, nullptr);
    }
    gst_query_unref(query);
    return live && is_live_ && GST_CLOCK_TIME_IS_VALID(least) ? least : 0;
}

void CameraInput::start(std::function<void(const std::string&)> gone) {
    gone_ = std::move(gone);
    started_ = gst_util_get_timestamp();
    const BusRef bus(gst_pipeline_get_bus(pipeline_.get()));
    watch_ = gst_bus_add_watch(
        bus.get(),
        [](GstBus*, GstMessage* message, gpointer self) -> gboolean {
            static_cast<CameraInput*>(self)->hear(message);
            return G_SOURCE_CONTINUE;
        },
        this);
    // A failure is on the bus.
    gst_element_set_state(GST_ELEMENT(pipeline_.get()), GST_STATE_PLAYING);
}

void CameraInput::hear(GstMessage* message) {
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        GError* error = nullptr;
        char* details = nullptr;
        gst_message_parse_error(message, &error, &details);
        const ErrorRef owned(error);
        const Text text(details);
        tell_gone(owned->message);
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
        tell_gone("");
    }
}

void CameraInput::tell_gone(const std::string& why) {
    // It may be destroyed by what is called.
    if (const auto call = std::exchange(gone_, nullptr)) {
        call(why);
    }
}

} // namespace cuframes::tools
