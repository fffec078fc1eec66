// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Takes numbered frames from a source element, reads each number back from where the pixels are, and reports when it
// had them. Ends with the first end frame after measured ones.
//
//     bench-reader --element "cuframessrc key=bench"
#include "bench.h"
#include "picture.h"

#include <glib-unix.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>

namespace {

using namespace bench;

class Reader {
public:
    /// `info` describes the frames for sources that carry no caps.
    explicit Reader(const GstVideoInfo& info) : info_(info) {}
    ~Reader();

    bool start(const char* element);
    int run();

private:
    static GstFlowReturn on_buffer(GstPad* pad, GstObject* parent, GstBuffer* buffer);
    static gboolean on_event(GstPad* pad, GstObject* parent, GstEvent* event);
    static gboolean on_error(GstBus* bus, GstMessage* message, gpointer self);
    static gboolean on_input(gint fd, GIOCondition condition, gpointer self);

    GstFlowReturn take(GstBuffer* buffer);
    void take_measured(const Reading& reading);
    void report_result() const;

    GstVideoInfo info_;
    GstElement* source_ = nullptr;
    GstPtr<GstElement> pipeline_;
    GstPtr<GstPad> pad_;
    GMainLoop* loop_ = g_main_loop_new(nullptr, FALSE);
    // Written by the streaming thread, read after it has ended.
    std::vector<int64_t> numbers_, times_;
    int64_t cpu_start_ = 0, cpu_end_ = 0;
    int torn_ = 0, misordered_ = 0;
    bool attached_ = false, failed_ = false;
};

Reader::~Reader() {
    if (pipeline_) {
        gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
    }
    g_main_loop_unref(loop_);
}

GstFlowReturn Reader::on_buffer(GstPad* pad, GstObject*, GstBuffer* buffer) {
    GstFlowReturn flow = static_cast<Reader*>(gst_pad_get_element_private(pad))->take(buffer);
    gst_buffer_unref(buffer);
    return flow;
}

gboolean Reader::on_event(GstPad* pad, GstObject* parent, GstEvent* event) {
    auto* self = static_cast<Reader*>(gst_pad_get_element_private(pad));
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
        GstCaps* caps;
        gst_event_parse_caps(event, &caps);
        gst_video_info_from_caps(&self->info_, caps);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) {
        g_main_loop_quit(self->loop_);
    }
    return gst_pad_event_default(pad, parent, event);
}

GstFlowReturn Reader::take(GstBuffer* buffer) {
    auto reading = read_back(buffer, info_);
    if (!reading) {
        std::fprintf(stderr, "bench-reader: cannot read a frame\n");
        failed_ = true;
        g_main_loop_quit(loop_);
        return GST_FLOW_ERROR;
    }
    if (!attached_) {
        report("attached", json_namespaces());
    }
    attached_ = true;
    if (reading->head != reading->tail) {
        torn_++;
    }
    if (part_of(reading->head) == Part::Measured) {
        take_measured(*reading);
    } else if (part_of(reading->head) == Part::End) {
        if (!cpu_end_) {
            cpu_end_ = cpu_ns();
        }
        g_main_loop_quit(loop_);
        return GST_FLOW_EOS;
    }
    return GST_FLOW_OK;
}

void Reader::take_measured(const Reading& reading) {
    int64_t number = index_of(reading.head);
    if (numbers_.empty()) {
        cpu_start_ = cpu_ns();
    } else if (number <= numbers_.back()) {
        misordered_++;
    }
    numbers_.push_back(number);
    times_.push_back(reading.time);
}

bool Reader::start(const char* element) {
    pipeline_ = make_pipeline(element, &source_);
    if (!pipeline_) {
        return false;
    }
    GstPtr<GstPad> peer(gst_element_get_static_pad(source_, "src"));
    pad_.reset(GST_PAD(gst_object_ref_sink(gst_pad_new("sink", GST_PAD_SINK))));
    gst_pad_set_element_private(pad_.get(), this);
    gst_pad_set_chain_function(pad_.get(), on_buffer);
    gst_pad_set_event_function(pad_.get(), on_event);
    gst_pad_set_active(pad_.get(), TRUE);
    if (!peer || gst_pad_link(peer.get(), pad_.get()) != GST_PAD_LINK_OK) {
        return false;
    }
    numbers_.reserve(1 << 16);
    times_.reserve(1 << 16);
    return gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE;
}

gboolean Reader::on_error(GstBus*, GstMessage* message, gpointer self) {
    if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_ERROR) {
        return TRUE;
    }
    auto* reader = static_cast<Reader*>(self);
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    std::fprintf(stderr, "bench-reader: %s\n", error->message);
    g_clear_error(&error);
    reader->failed_ = true;
    g_main_loop_quit(reader->loop_);
    return TRUE;
}

gboolean Reader::on_input(gint, GIOCondition, gpointer self) {
    if (poll_command() == Command::Quit) {
        g_main_loop_quit(static_cast<Reader*>(self)->loop_);
    }
    return TRUE;
}

int Reader::run() {
    GstPtr<GstBus> bus(gst_element_get_bus(pipeline_.get()));
    guint bus_watch = gst_bus_add_watch(bus.get(), on_error, this);
    guint input_watch = g_unix_fd_add(STDIN_FILENO, static_cast<GIOCondition>(G_IO_IN | G_IO_HUP), on_input, this);
    g_main_loop_run(loop_);
    g_source_remove(bus_watch);
    g_source_remove(input_watch);
    gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
    if (!failed_) {
        report_result();
    }
    return failed_;
}

void Reader::report_result() const {
    int64_t cpu = cpu_end_ ? cpu_end_ - cpu_start_ : 0;
    report("result", "\"torn\":" + std::to_string(torn_) + ",\"misordered\":" + std::to_string(misordered_) +
                         ",\"cpu\":" + std::to_string(cpu) + ',' + json_array("numbers", numbers_) + ',' +
                         json_array("times", times_));
}

} // namespace

int main(int argc, char** argv) {
    gchar* element = nullptr;
    gchar* format = nullptr;
    gint width = 1920, height = 1080;
    const GOptionEntry entries[] = {
        {"element", 0, 0, G_OPTION_ARG_STRING, static_cast<gpointer>(&element), "source to take from", "DESCRIPTION"},
        {"format", 0, 0, G_OPTION_ARG_STRING, static_cast<gpointer>(&format),
         "if the source gives no caps; default NV12", "NAME"},
        {"width", 0, 0, G_OPTION_ARG_INT, &width, "likewise", "N"},
        {"height", 0, 0, G_OPTION_ARG_INT, &height, "likewise", "N"},
        {},
    };
    GOptionContext* context = g_option_context_new("- take numbered frames from a source");
    g_option_context_add_main_entries(context, entries, nullptr);
    g_option_context_add_group(context, gst_init_get_option_group());
    bool parsed = g_option_context_parse(context, &argc, &argv, nullptr) && element;
    g_option_context_free(context);
    if (!parsed) {
        std::fprintf(stderr, "bench-reader: --element DESCRIPTION is needed\n");
        return 2;
    }
    GstVideoInfo info;
    gst_video_info_set_format(&info, gst_video_format_from_string(format ? format : "NV12"), guint(width),
                              guint(height));
    Reader reader(info);
    if (!reader.start(element)) {
        std::fprintf(stderr, "bench-reader: %s does not start\n", element);
        return 1;
    }
    return reader.run();
}
