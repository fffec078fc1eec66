// SPDX-License-Identifier: LGPL-2.1-or-later
#include "decoration.h"
#include "packets.h"
#include "pipeline.h"
#include "publisher.h"
#include "verbs.h"

#include <memory>
#include <optional>

namespace cuframes::test {
namespace {

GstState state_named(const std::string& name) {
    for (const GstState state : {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING}) {
        if (g_ascii_strcasecmp(gst_element_state_get_name(state), name.c_str()) == 0) {
            return state;
        }
    }
    throw std::runtime_error("no state " + name);
}

/// One pipeline and what a test may do with it.
class PipelineRole {
public:
    void add_verbs(Verbs& verbs) {
        const auto add = [&](const char* verb, auto method) { add_verb(verbs, verb, this, method); };
        add("launch", &PipelineRole::launch);
        add("state", &PipelineRole::set_state);
        add("settle", &PipelineRole::settle);
        add("await-end", &PipelineRole::await_end);
        add("await-error", &PipelineRole::await_error);
        add("set", &PipelineRole::set);
        add("stat", &PipelineRole::stat);
        add("decorate", &PipelineRole::decorate);
        add("pad-rows", &PipelineRole::pad_rows_of);
        add("flag-video-meta", &PipelineRole::flag_video_meta_of);
        add("pad-offset", &PipelineRole::pad_offset);
        add("watch-times", &PipelineRole::watch_times);
        add("capture-time", &PipelineRole::capture_time);
        add("watch-packets", &PipelineRole::watch_packets);
        add("packets", &PipelineRole::packets);
        add("use-realtime-clock", &PipelineRole::use_realtime_clock);
        add("base-time", &PipelineRole::base_time);
        add("caps", &PipelineRole::caps);
    }

private:
    Message launch(const Message& request) {
        pipeline_ = std::make_unique<Pipeline>(request.text("description"));
        return Message("ok");
    }

    Message set_state(const Message& request) {
        const GstStateChangeReturn result = pipeline_->set_state(state_named(request.text("to")));
        return Message("ok").set("result", gst_element_state_change_return_get_name(result));
    }

    Message settle(const Message&) {
        pipeline_->settled(GST_STATE_PLAYING);
        return Message("ok");
    }

    Message await_end(const Message&) {
        const BusNews news = pipeline_->wait_for(GST_MESSAGE_EOS);
        if (news.kind != BusNews::end_of_stream) {
            throw std::runtime_error("instead of EOS: " + news.text);
        }
        return Message("ok");
    }

    Message await_error(const Message&) {
        const BusNews news = pipeline_->wait_for(GST_MESSAGE_ERROR);
        if (news.kind != BusNews::error) {
            throw std::runtime_error("no error came");
        }
        return Message("ok").set("library", news.library).set("text", news.text);
    }

    Message set(const Message& request) {
        gst_util_set_object_arg(G_OBJECT(pipeline_->element(request.text("element"))), request.text("property").c_str(),
                                request.text("value").c_str());
        return Message("ok");
    }

    Message stat(const Message& request) {
        return Message("ok").set("value", pipeline_->stat(request.text("element"), request.text("field")));
    }

    Message decorate(const Message& request) {
        decorate_buffers(pipeline_->element(request.text("element", "sink")));
        return Message("ok");
    }

    Message pad_rows_of(const Message& request) {
        pad_rows(pipeline_->element(request.text("element", "sink")));
        return Message("ok");
    }

    Message flag_video_meta_of(const Message& request) {
        flag_video_meta(pipeline_->element(request.text("element", "sink")));
        return Message("ok");
    }

    Message pad_offset(const Message& request) {
        GstPad* pad = gst_element_get_static_pad(pipeline_->element(request.text("element")), "src");
        gst_pad_set_offset(pad, request.number("nanoseconds"));
        gst_object_unref(pad);
        return Message("ok");
    }

    Message watch_times(const Message& request) {
        times_ = std::make_unique<CaptureTimes>(pipeline_->element(request.text("element", "sink")));
        return Message("ok");
    }

    Message capture_time(const Message& request) {
        return Message("ok").set("value", times_->of(static_cast<guint64>(request.number("offset"))));
    }

    Message watch_packets(const Message& request) {
        packets_ = std::make_unique<PacketWatch>(pipeline_->element(request.text("element", "sink")));
        return Message("ok");
    }

    Message packets(const Message&) { return Message("ok").set("value", packets_->text()); }

    Message use_realtime_clock(const Message&) {
        auto* clock = GST_CLOCK(g_object_new(GST_TYPE_SYSTEM_CLOCK, "clock-type", GST_CLOCK_TYPE_REALTIME, nullptr));
        gst_pipeline_use_clock(GST_PIPELINE(pipeline_->get()), clock);
        gst_object_unref(clock);
        return Message("ok");
    }

    Message base_time(const Message&) {
        return Message("ok").set("value", gst_element_get_base_time(pipeline_->get()));
    }

    /// That have reached the sink; empty: none yet.
    Message caps(const Message& request) {
        GstPad* pad = gst_element_get_static_pad(pipeline_->element(request.text("element")), "sink");
        GstCaps* now = gst_pad_get_current_caps(pad);
        gst_object_unref(pad);
        gchar* text = now ? gst_caps_to_string(now) : g_strdup("");
        Message reply = Message("ok").set("value", std::string(text));
        g_free(text);
        gst_clear_caps(&now);
        return reply;
    }

    std::unique_ptr<Pipeline> pipeline_;
    std::unique_ptr<CaptureTimes> times_;
    std::unique_ptr<PacketWatch> packets_;
};

} // namespace

int pipeline_main() {
    PipelineRole role;
    Verbs verbs;
    role.add_verbs(verbs);
    while (const std::optional<Message> request = read_line()) {
        obey(verbs, *request);
    }
    return 0;
}

} // namespace cuframes::test
