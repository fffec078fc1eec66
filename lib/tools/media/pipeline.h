// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/failure.h"
#include "media/loop.h"
#include "media/owners.h"

#include <exception>
#include <functional>
#include <string>
#include <utility>

namespace cuframes::tools {

/// What an element said when it could not go on.
struct PipelineFailure : Failure {
    PipelineFailure(const std::string& what, GQuark its_domain, int its_code, std::string its_details)
        : Failure(what), domain(its_domain), code(its_code), details(std::move(its_details)) {}

    bool is_resource_error(GstResourceError which) const { return domain == GST_RESOURCE_ERROR && code == which; }

    GQuark domain;
    int code;
    std::string details; ///< For those who know the element: often what the system said.
};

/// Before anything else of GStreamer: throws if it has not this project's elements.
void start_gstreamer();

/// An element that is not in a pipeline yet. Throws if there is none, and says what to install.
GstElement* make_element(const char* factory);
bool has_element(const char* factory);
/// A capsfilter.
GstElement* make_filter(const char* caps);
/// Adds an element behind `previous`, and returns it; throws if they do not fit.
GstElement* append(GstBin* bin, GstElement* previous, GstElement* floating);

/// A pipeline, stopped at the end. Its elements belong to it.
class Pipeline {
public:
    Pipeline() : pipeline_(GST_PIPELINE(gst_object_ref_sink(gst_pipeline_new(nullptr)))) {}
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;
    ~Pipeline();

    GstPipeline* get() const { return pipeline_; }
    GstBin* bin() const { return GST_BIN(pipeline_); }

    GstElement* add(GstElement* floating);
    GstElement* add(const char* factory) { return add(make_element(factory)); }
    GstElement* append(GstElement* previous, GstElement* floating) { return tools::append(bin(), previous, floating); }
    GstElement* append(GstElement* previous, const char* factory) { return append(previous, make_element(factory)); }
    GstElement* append_caps(GstElement* previous, const char* caps) { return append(previous, make_filter(caps)); }

    /// Throws if an element cannot; in that case what it said.
    void set_state(GstState state);
    /// The error that is waiting on the bus, if there is one.
    void throw_error() const;

    /// What to do with each message, in the main loop, before it is looked at here.
    void on_message(std::function<void(GstMessage*)> call) { heard_ = std::move(call); }
    /// Plays until the end of the stream, and throws what goes wrong. A verb that is asked to end ends the stream, and gives
    /// what is behind it the time to finish.
    void play(Loop& loop);
    /// What to do where that takes too long, instead of a failure after ten seconds.
    void give_time(Seconds limit, std::function<void()> late) {
        patience_ = limit;
        late_ = std::move(late);
    }
    /// Ends the stream, as if its sources did.
    void end();

private:
    static gboolean on_bus(GstBus* bus, GstMessage* message, gpointer self);
    void hear(GstMessage* message);

    GstPipeline* pipeline_;
    std::function<void(GstMessage*)> heard_;
    Seconds patience_{10};
    std::function<void()> late_;
    Loop* loop_ = nullptr;
    std::exception_ptr failure_;
};

} // namespace cuframes::tools
