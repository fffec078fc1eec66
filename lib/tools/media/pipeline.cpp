// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/pipeline.h"

#include <fmt/format.h>
#include <gst/video/video.h>

#include <array>
#include <memory>
#include <string_view>

namespace cuframes::tools {

namespace {

/// Debian's packages by the elements that they have.
std::string package_of(std::string_view factory) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> packages{{
        {"cuframes", "gstreamer1.0-cuframes, or set GST_PLUGIN_PATH to the folder with libgstcuframes.so"},
        {"x26", "gstreamer1.0-plugins-ugly"},
        {"av", "gstreamer1.0-libav"},
        {"v4l2", "gstreamer1.0-plugins-good"},
        {"rtsp", "gstreamer1.0-plugins-good"},
        {"srt", "gstreamer1.0-plugins-bad"},
    }};
    for (const auto& [prefix, package] : packages) {
        if (factory.starts_with(prefix)) {
            return std::string(package);
        }
    }
    return "gstreamer1.0-plugins-base, -good or -bad";
}

PipelineFailure failure_of(GstMessage* message) {
    GError* raw_error = nullptr;
    char* raw_details = nullptr;
    gst_message_parse_error(message, &raw_error, &raw_details);
    const ErrorRef error(raw_error);
    const Text text(raw_details);
    // Its first line says where in GStreamer's source.
    const std::string details = text ? text.get() : "";
    return {error->message, error->domain, error->code, details.substr(details.rfind('\n') + 1)};
}

} // namespace

void start_gstreamer() {
    gst_init(nullptr, nullptr);
    // Caps travel as text, which can be read where their types are known: decoders put this one into theirs.
    g_type_ensure(GST_TYPE_VIDEO_MULTIVIEW_FLAGSET);
    for (const char* factory : {"cuframessrc", "cuframessink"}) {
        if (!has_element(factory)) {
            make_element(factory);
        }
    }
}

bool has_element(const char* factory) { return FactoryRef(gst_element_factory_find(factory)) != nullptr; }

GstElement* make_element(const char* factory) {
    GstElement* element = gst_element_factory_make(factory, nullptr);
    if (!element) {
        throw Failure(fmt::format("GStreamer has no element {} here; install {}", factory, package_of(factory)));
    }
    return element;
}

GstElement* make_filter(const char* caps) {
    GstElement* filter = make_element("capsfilter");
    const CapsRef wanted(gst_caps_from_string(caps));
    g_object_set(filter, "caps", wanted.get(), nullptr);
    return filter;
}

GstElement* append(GstBin* bin, GstElement* previous, GstElement* floating) {
    gst_bin_add(bin, floating);
    if (!gst_element_link(previous, floating)) {
        throw Failure(
            fmt::format("{} does not take what {} gives", GST_ELEMENT_NAME(floating), GST_ELEMENT_NAME(previous)));
    }
    return floating;
}

Pipeline::~Pipeline() {
    gst_element_set_state(GST_ELEMENT(pipeline_), GST_STATE_NULL);
    gst_object_unref(pipeline_);
}

GstElement* Pipeline::add(GstElement* floating) {
    gst_bin_add(bin(), floating);
    return floating;
}

void Pipeline::set_state(GstState state) {
    if (gst_element_set_state(GST_ELEMENT(pipeline_), state) == GST_STATE_CHANGE_FAILURE) {
        throw_error();
        throw Failure("GStreamer could not start the pipeline");
    }
}

void Pipeline::throw_error() const {
    const BusRef bus(gst_pipeline_get_bus(pipeline_));
    if (const MessageRef message{gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR)}) {
        throw failure_of(message.get());
    }
}

void Pipeline::end() {
    // Not here: a source waits for what is behind it, and that for somebody who does not read, say.
    gst_element_call_async(
        GST_ELEMENT(pipeline_),
        [](GstElement* pipeline, gpointer) { gst_element_send_event(pipeline, gst_event_new_eos()); }, nullptr,
        nullptr);
}

void Pipeline::play(Loop& loop) {
    loop_ = &loop;
    const BusRef bus(gst_pipeline_get_bus(pipeline_));
    gst_bus_add_watch(bus.get(), on_bus, this);
    std::unique_ptr<Timer> patience;
    loop.on_asked_to_end([&] {
        end();
        patience = std::make_unique<Timer>(std::chrono::duration_cast<std::chrono::milliseconds>(patience_), [&] {
            if (late_) {
                late_();
            }
            failure_ = std::make_exception_ptr(Failure("the end of the stream was not written in time"));
            loop.quit();
        });
    });
    // A failure is on the bus.
    gst_element_set_state(GST_ELEMENT(pipeline_), GST_STATE_PLAYING);
    loop.run();
    loop.on_asked_to_end(nullptr);
    gst_bus_remove_watch(bus.get());
    if (failure_) {
        std::rethrow_exception(failure_);
    }
}

gboolean Pipeline::on_bus(GstBus*, GstMessage* message, gpointer self) {
    static_cast<Pipeline*>(self)->hear(message);
    return G_SOURCE_CONTINUE;
}

void Pipeline::hear(GstMessage* message) {
    if (heard_) {
        heard_(message);
    }
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR:
        // Those that follow are about the first.
        if (!failure_) {
            failure_ = std::make_exception_ptr(failure_of(message));
        }
        loop_->quit();
        break;
    case GST_MESSAGE_EOS:
        loop_->quit();
        break;
    case GST_MESSAGE_LATENCY:
        gst_bin_recalculate_latency(bin());
        break;
    default:
        break;
    }
}

} // namespace cuframes::tools
