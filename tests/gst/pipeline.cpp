// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipeline.h"

#include <gst/app/gstappsink.h>

#include <stdexcept>

namespace cuframes::test {
namespace {

GstClockTime nanoseconds(milliseconds limit) { return static_cast<GstClockTime>(scaled(limit).count()) * GST_MSECOND; }

BusNews news_of(GstMessage* message) {
    BusNews news;
    GError* error = nullptr;
    const GstStructure* details = nullptr;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
        news.kind = BusNews::end_of_stream;
        break;
    case GST_MESSAGE_ERROR:
        news.kind = BusNews::error;
        gst_message_parse_error(message, &error, nullptr);
        gst_message_parse_error_details(message, &details);
        break;
    case GST_MESSAGE_WARNING:
        news.kind = BusNews::warning;
        gst_message_parse_warning(message, &error, nullptr);
        break;
    case GST_MESSAGE_INFO:
        news.kind = BusNews::info;
        gst_message_parse_info(message, &error, nullptr);
        break;
    case GST_MESSAGE_ELEMENT:
        news.kind = BusNews::element;
        news.structure.reset(gst_structure_copy(gst_message_get_structure(message)));
        break;
    default:
        break;
    }
    if (error) {
        news.text = error->message;
    }
    if (details && gst_structure_get_string(details, "cuframes-error")) {
        news.library = gst_structure_get_string(details, "cuframes-error");
    }
    g_clear_error(&error);
    return news;
}

} // namespace

Pipeline::Pipeline(const std::string& description) {
    GError* error = nullptr;
    pipeline_ = gst_parse_launch(description.c_str(), &error);
    if (error) {
        const std::string text = error->message;
        g_clear_error(&error);
        gst_clear_object(&pipeline_);
        throw std::runtime_error(description + ": " + text);
    }
    gst_object_ref_sink(pipeline_);
}

Pipeline::~Pipeline() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
}

GstElement* Pipeline::element(const std::string& name) const {
    GstElement* found = gst_bin_get_by_name(GST_BIN(pipeline_), name.c_str());
    if (!found) {
        throw std::runtime_error("no element " + name);
    }
    gst_object_unref(found); // the pipeline keeps it
    return found;
}

GstStateChangeReturn Pipeline::set_state(GstState state) { return gst_element_set_state(pipeline_, state); }

bool Pipeline::settled(GstState state) {
    GstState now = GST_STATE_NULL;
    const GstStateChangeReturn result = gst_element_get_state(pipeline_, &now, nullptr, nanoseconds(default_limit));
    return (result == GST_STATE_CHANGE_SUCCESS || result == GST_STATE_CHANGE_NO_PREROLL) && now == state;
}

BusNews Pipeline::wait_for(int kinds, milliseconds limit) {
    GstBus* bus = gst_element_get_bus(pipeline_);
    GstMessage* message =
        gst_bus_timed_pop_filtered(bus, nanoseconds(limit), static_cast<GstMessageType>(kinds | GST_MESSAGE_ERROR));
    gst_object_unref(bus);
    if (!message) {
        return {};
    }
    BusNews news = news_of(message);
    gst_message_unref(message);
    return news;
}

std::string Pipeline::run_to_end() {
    play();
    const BusNews news = wait_for(GST_MESSAGE_EOS);
    if (news.kind == BusNews::end_of_stream) {
        return {};
    }
    return news.kind == BusNews::error ? news.text : "nothing came";
}

Structure Pipeline::wait_for_publisher(const std::string& state, milliseconds limit) {
    for (;;) {
        BusNews news = wait_for(GST_MESSAGE_ELEMENT, limit);
        if (news.kind != BusNews::element) {
            throw std::runtime_error("no message that the publisher is " + state + "; " + news.text);
        }
        const GstStructure* said = news.structure.get();
        if (gst_structure_has_name(said, "cuframes-publisher") && state == gst_structure_get_string(said, "state")) {
            return std::move(news.structure);
        }
    }
}

Sample Pipeline::pull(const std::string& appsink, milliseconds limit) {
    return Sample(gst_app_sink_try_pull_sample(GST_APP_SINK(element(appsink)), nanoseconds(limit)));
}

std::vector<std::string> Pipeline::digest_all(const std::string& appsink) {
    std::vector<std::string> digests;
    while (const Sample sample = pull(appsink)) {
        digests.push_back(digest(sample.get()));
    }
    return digests;
}

Structure Pipeline::stats(const std::string& name) const {
    GstStructure* stats = nullptr;
    g_object_get(element(name), "stats", &stats, nullptr);
    return Structure(stats);
}

uint64_t Pipeline::stat(const std::string& name, const std::string& field) const {
    return number_in(stats(name).get(), field);
}

uint64_t number_in(const GstStructure* structure, const std::string& field) {
    const GValue* value = gst_structure_get_value(structure, field.c_str());
    if (!value) {
        throw std::runtime_error("no field " + field);
    }
    if (G_VALUE_HOLDS_UINT64(value)) {
        return g_value_get_uint64(value);
    }
    if (G_VALUE_HOLDS_UINT(value)) {
        return g_value_get_uint(value);
    }
    return static_cast<uint64_t>(g_value_get_int(value));
}

} // namespace cuframes::test
