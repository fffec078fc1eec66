// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pushes numbered frames into a sink element, as a decoder would: with buffers from the pool that the sink proposes,
// the pixels written on the pool's stream and not waited for. Reports when each push began and how long it took.
//
//     bench-publisher --element "cuframessink key=bench sync=false" --memory cuda --rate 120 --frames 600
//
// It pushes warm-up frames until "g" arrives on stdin, then the measured ones, then end frames until "q" arrives.
#include "bench.h"
#include "picture.h"

#ifdef HAVE_CUDA
#include <gst/cuda/gstcuda.h>
#endif

#include <chrono>
#include <cstdio>
#include <thread>

namespace {

using namespace bench;

constexpr int idle_rate = 60;
/// For a sink that proposes no pool of its own: more than any reader in the benchmark holds.
constexpr guint own_pool_buffers = 24;

struct Options {
    gchar* element = nullptr;
    gchar* memory = nullptr;
    gchar* format = nullptr;
    gint width = 1920, height = 1080, rate = 120, frames = 600;
};

bool parse_options(int* argc, char*** argv, Options& options) {
    const GOptionEntry entries[] = {
        {"element", 0, 0, G_OPTION_ARG_STRING, static_cast<gpointer>(&options.element), "sink to push into",
         "DESCRIPTION"},
        {"memory", 0, 0, G_OPTION_ARG_STRING, static_cast<gpointer>(&options.memory), "host (default) or cuda",
         "WHERE"},
        {"format", 0, 0, G_OPTION_ARG_STRING, static_cast<gpointer>(&options.format), "pixel format, default NV12",
         "NAME"},
        {"width", 0, 0, G_OPTION_ARG_INT, &options.width, "pixels", "N"},
        {"height", 0, 0, G_OPTION_ARG_INT, &options.height, "pixels", "N"},
        {"rate", 0, 0, G_OPTION_ARG_INT, &options.rate, "frames a second; 0: as fast as it goes", "N"},
        {"frames", 0, 0, G_OPTION_ARG_INT, &options.frames, "measured frames", "N"},
        {},
    };
    GOptionContext* context = g_option_context_new("- push numbered frames into a sink");
    g_option_context_add_main_entries(context, entries, nullptr);
    g_option_context_add_group(context, gst_init_get_option_group());
    GError* error = nullptr;
    bool ok = g_option_context_parse(context, argc, argv, &error) && options.element;
    if (!ok) {
        std::fprintf(stderr, "bench-publisher: %s\n", error ? error->message : "--element is missing");
    }
    g_clear_error(&error);
    g_option_context_free(context);
    return ok;
}

class Publisher {
public:
    explicit Publisher(const Options& options) : options_(options), cuda_(g_strcmp0(options.memory, "cuda") == 0) {}
    ~Publisher();

    bool start();
    int run();

private:
    bool make_context();
    bool send_stream_start();
    bool make_pool();
    bool push(uint32_t number, int64_t* start, int64_t* duration);
    bool push_until(Command wanted, Part part);
    bool push_measured();
    void report_measured(int64_t elapsed, int64_t cpu);

    const Options& options_;
    bool cuda_;
    GstElement* sink_ = nullptr;
    GstPtr<GstElement> pipeline_;
    GstPtr<GstPad> pad_;
    GstPtr<GstBufferPool> pool_;
    CapsPtr caps_;
    GstVideoInfo info_ = {};
    std::vector<int64_t> starts_, durations_;
#ifdef HAVE_CUDA
    GstPtr<GstCudaContext> context_;
#endif
};

Publisher::~Publisher() {
    if (pipeline_) {
        gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
    }
    if (pool_) {
        gst_buffer_pool_set_active(pool_.get(), FALSE);
    }
}

/// A decoder shares its CUDA context with the sink beside it.
bool Publisher::make_context() {
    if (!cuda_) {
        return true;
    }
#ifdef HAVE_CUDA
    if (gst_cuda_load_library()) {
        context_.reset(gst_cuda_context_new(0));
    }
    if (!context_) {
        std::fprintf(stderr, "bench-publisher: no CUDA device\n");
        return false;
    }
    GstContext* context = gst_context_new_cuda_context(context_.get());
    gst_element_set_context(pipeline_.get(), context);
    gst_context_unref(context);
    return true;
#else
    std::fprintf(stderr, "bench-publisher: built without CUDA\n");
    return false;
#endif
}

bool Publisher::send_stream_start() {
    gst_video_info_set_format(&info_, gst_video_format_from_string(options_.format ? options_.format : "NV12"),
                              guint(options_.width), guint(options_.height));
    info_.fps_n = options_.rate ? options_.rate : idle_rate;
    info_.fps_d = 1;
    caps_.reset(gst_video_info_to_caps(&info_));
    if (cuda_) {
        gst_caps_set_features_simple(caps_.get(), gst_caps_features_new_single("memory:CUDAMemory"));
    }
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    return gst_pad_push_event(pad_.get(), gst_event_new_stream_start("bench")) &&
           gst_pad_push_event(pad_.get(), gst_event_new_caps(caps_.get())) &&
           gst_pad_push_event(pad_.get(), gst_event_new_segment(&segment));
}

/// Takes the sink's pool, or makes one with the allocator it proposes, as decoders do in decide_allocation().
bool Publisher::make_pool() {
    GstQuery* query = gst_query_new_allocation(caps_.get(), TRUE);
    gst_pad_peer_query(pad_.get(), query);
    GstBufferPool* pool = nullptr;
    GstAllocator* allocator = nullptr;
    GstAllocationParams params;
    gst_allocation_params_init(&params);
    guint size = guint(GST_VIDEO_INFO_SIZE(&info_)), min = 0, max = own_pool_buffers;
    if (gst_query_get_n_allocation_pools(query)) {
        gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &min, &max);
    }
    if (gst_query_get_n_allocation_params(query)) {
        gst_query_parse_nth_allocation_param(query, 0, &allocator, &params);
    }
    gst_query_unref(query);

#ifdef HAVE_CUDA
    if (cuda_ && (!GST_IS_CUDA_BUFFER_POOL(pool) || GST_CUDA_BUFFER_POOL(pool)->context != context_.get())) {
        g_clear_pointer(&pool, gst_object_unref);
        pool = gst_cuda_buffer_pool_new(context_.get());
    }
#endif
    pool_.reset(pool ? pool : gst_video_buffer_pool_new());
    GstStructure* config = gst_buffer_pool_get_config(pool_.get());
    gst_buffer_pool_config_set_params(config, caps_.get(), size, min, max);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (allocator && !cuda_) {
        gst_buffer_pool_config_set_allocator(config, allocator, &params);
    }
    g_clear_pointer(&allocator, gst_object_unref);
    return gst_buffer_pool_set_config(pool_.get(), config) && gst_buffer_pool_set_active(pool_.get(), TRUE);
}

bool Publisher::start() {
    pipeline_ = make_pipeline(options_.element, &sink_);
    if (!pipeline_ || !make_context()) {
        return false;
    }
    GstPtr<GstPad> peer(gst_element_get_static_pad(sink_, "sink"));
    pad_.reset(GST_PAD(gst_object_ref_sink(gst_pad_new("src", GST_PAD_SRC))));
    gst_pad_set_active(pad_.get(), TRUE);
    if (!peer || gst_pad_link(pad_.get(), peer.get()) != GST_PAD_LINK_OK) {
        return false;
    }
    if (gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
        return false;
    }
    return send_stream_start() && make_pool();
}

bool Publisher::push(uint32_t number, int64_t* start, int64_t* duration) {
    GstBuffer* buffer = nullptr;
    if (gst_buffer_pool_acquire_buffer(pool_.get(), &buffer, nullptr) != GST_FLOW_OK) {
        return false;
    }
    if (!stamp(buffer, info_, number)) {
        gst_buffer_unref(buffer);
        return false;
    }
    GST_BUFFER_PTS(buffer) = gst_element_get_current_running_time(pipeline_.get());
    *start = now_ns();
    GstFlowReturn flow = gst_pad_push(pad_.get(), buffer);
    *duration = now_ns() - *start;
    return flow == GST_FLOW_OK;
}

/// Keeps frames coming at a leisurely pace until the driver says `wanted`, or to quit.
bool Publisher::push_until(Command wanted, Part part) {
    auto due = std::chrono::steady_clock::now();
    for (uint32_t index = 0;; index++) {
        Command command = poll_command();
        if (command == wanted || command == Command::Quit) {
            return command == wanted;
        }
        int64_t start, duration;
        if (!push(frame_number(part, index), &start, &duration)) {
            return false;
        }
        if (index == 0 && part == Part::WarmUp) {
            report("ready", json_namespaces());
        }
        due += std::chrono::nanoseconds(1'000'000'000 / idle_rate);
        std::this_thread::sleep_until(due);
    }
}

bool Publisher::push_measured() {
    auto frames = size_t(options_.frames);
    starts_.resize(frames);
    durations_.resize(frames);
    auto begin = std::chrono::steady_clock::now();
    for (size_t i = 0; i < frames; i++) {
        if (options_.rate) {
            std::this_thread::sleep_until(begin +
                                          std::chrono::nanoseconds(1'000'000'000LL * int64_t(i) / options_.rate));
        }
        if (!push(frame_number(Part::Measured, uint32_t(i)), &starts_[i], &durations_[i])) {
            return false;
        }
    }
    return true;
}

void Publisher::report_measured(int64_t elapsed, int64_t cpu) {
    // A sink with statistics tells whether it had to copy; the others have no such figure.
    std::string copied = "null";
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(sink_), "stats")) {
        GstStructure* stats = nullptr;
        g_object_get(sink_, "stats", &stats, nullptr);
        guint64 count = 0;
        if (stats && gst_structure_get_uint64(stats, "copied", &count)) {
            copied = std::to_string(count);
        }
        g_clear_pointer(&stats, gst_structure_free);
    }
    report("done", "\"elapsed\":" + std::to_string(elapsed) + ",\"cpu\":" + std::to_string(cpu) + ",\"copied\":" +
                       copied + ',' + json_array("starts", starts_) + ',' + json_array("durations", durations_));
}

int Publisher::run() {
    bool ok = push_until(Command::Go, Part::WarmUp);
    if (ok) {
        int64_t start = now_ns(), cpu = cpu_ns();
        ok = push_measured();
        if (ok) {
            report_measured(now_ns() - start, cpu_ns() - cpu);
        }
        ok = ok && push_until(Command::Quit, Part::End);
    }
    if (ok) {
        gst_pad_push_event(pad_.get(), gst_event_new_eos());
    }
    if (!report_error(pipeline_.get()) && ok) {
        return 0;
    }
    std::fprintf(stderr, "bench-publisher: %s takes no more frames\n", options_.element);
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    if (!parse_options(&argc, &argv, options)) {
        return 2;
    }
    Publisher publisher(options);
    if (!publisher.start()) {
        std::fprintf(stderr, "bench-publisher: %s does not start\n", options.element);
        return 1;
    }
    return publisher.run();
}
