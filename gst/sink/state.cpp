// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/state.h"

#include "shared/clocking.h"
#include "shared/errors.h"
#include "shared/stats.h"
#include "sink/slot_pool.h"

#include <algorithm>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

namespace cuframes::gst {
namespace {

/// Whether an element that can put its frames in either kind of memory is there for GPU memory.
bool lists_gpu_memory_first(const GstCaps* offered) {
    return !gst_caps_is_any(offered) && !gst_caps_is_empty(offered) && is_cuda_caps(offered);
}

} // namespace

SinkState::SinkState(GstCuframesSink* sink)
    : sink_(sink),
      element_(GST_ELEMENT_CAST(sink)),
      settings_(element_),
      cuda_(element_),
      metas_(element_),
      events_(element_, deliver_subscriber_event) {}

SinkState::~SinkState() {
    gst_clear_caps(&caps_);
    gst_clear_structure(&last_stats_);
}

bool SinkState::check_settings(const SinkSettings& settings) {
    if (settings.key.empty()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_KEY,
                   "cuframessink has no key: set the property key to the name that readers will use", "starting");
        return false;
    }
    if (settings.wait_for_subscribers > settings.max_subscribers) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings.key +
                       " would wait for ever: wait-for-subscribers=" + std::to_string(settings.wait_for_subscribers) +
                       " is more than max-subscribers=" + std::to_string(settings.max_subscribers) +
                       "; lower the one or raise the other",
                   "starting");
        return false;
    }
    if (settings.memory != GST_CUFRAMES_MEMORY_CUDA) {
        return true;
    }
    // Asked for explicitly, the GPU is tried before the key is taken: a failure leaves nothing behind.
    const int result = cuframes_cuda_self_test(settings.cuda_device < 0 ? 0 : settings.cuda_device);
    if (result != CUFRAMES_OK) {
        post_error(element_, result, "cuframessink key=" + settings.key + ": " + cuframes_last_error_message(),
                   "trying to share GPU memory");
    }
    return result == CUFRAMES_OK;
}

bool SinkState::start() {
    const SinkSettings settings = copy_settings();
    cuda_.set_device(settings.cuda_device);
    if (!check_settings(settings)) {
        return false;
    }
    cuframes_publisher_options options = settings.options();
    options.on_subscriber_added = [](const cuframes_subscriber_info* who, void* self) {
        static_cast<SinkState*>(self)->events_.push(*who, std::nullopt);
    };
    options.on_subscriber_removed = [](const cuframes_subscriber_info* who, cuframes_leave_reason why, void* self) {
        static_cast<SinkState*>(self)->events_.push(*who, why);
    };
    options.user_data = this;
    const int result = publication_->open(options);
    if (result != CUFRAMES_OK) {
        post_library_error(element_, result, "taking the key");
        return false;
    }
    subscribers_came_ = settings.wait_for_subscribers == 0;
    segment_told_ = shows_preroll_ = false;
    return true;
}

void SinkState::stop() {
    GstStructure* last = stats();
    publication_->close();
    generation_.reset();
    default_spec_ = {};
    gst_clear_caps(&caps_);
    forget_prerolled();
    shown_ = nullptr;
    GST_OBJECT_LOCK(sink_);
    std::swap(last_stats_, last);
    GST_OBJECT_UNLOCK(sink_);
    gst_clear_structure(&last);
}

GstStructure* SinkState::stats() const {
    GstStructure* stats = nullptr;
    publication_->with_publisher([&](cuframes_publisher* publisher) {
        stats = publisher_stats(publisher, metas_.left_behind());
        return CUFRAMES_OK;
    });
    if (stats) {
        return stats;
    }
    GST_OBJECT_LOCK(sink_);
    stats = last_stats_ ? gst_structure_copy(last_stats_) : nullptr;
    GST_OBJECT_UNLOCK(sink_);
    return stats ? stats : publisher_stats(nullptr, 0);
}

GstClockTime SinkState::tell_latency(GstClockTime pipeline_latency) {
    gboolean live = FALSE, upstream_live = FALSE;
    GstClockTime least = 0, most = 0;
    GstBaseSink* base = GST_BASE_SINK(sink_);
    GstClockTime told = 0, own = pipeline_latency;
    if (gst_base_sink_query_latency(base, &live, &upstream_live, &least, &most) && upstream_live) {
        own = std::min(least, pipeline_latency);
        const GstClockTimeDiff offset = gst_base_sink_get_ts_offset(base);
        // Without sync a frame is shared as soon as it is there, and how late that is readers can see best.
        told = gst_base_sink_get_sync(base) ? own + static_cast<GstClockTime>(std::max<GstClockTimeDiff>(offset, 0))
                                            : GST_CLOCK_TIME_NONE;
    }
    GST_INFO_OBJECT(sink_, "latency of frames is %" GST_TIME_FORMAT ", of the pipeline %" GST_TIME_FORMAT,
                    GST_TIME_ARGS(told), GST_TIME_ARGS(pipeline_latency));
    publication_->with_publisher(
        [&](cuframes_publisher* publisher) { return cuframes_publisher_set_latency(publisher, told); });
    return own;
}

guint64 SinkState::epoch() const {
    const GenerationPtr newest = publication_->newest();
    return newest ? newest->epoch : 0;
}

guint SinkState::num_subscribers() const {
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    publication_->with_publisher(
        [&](cuframes_publisher* publisher) { return cuframes_publisher_get_stats(publisher, &stats); });
    return stats.subscribers;
}

bool SinkState::find_gpu(const SinkSettings& settings, bool frames_on_gpu, GenerationSpec* spec) {
    spec->cuda_device = settings.cuda_device;
    if (!frames_on_gpu) {
        return true; // the library brings its own context to upload with
    }
    CudaHandles handles = cuda_.follow(GST_BASE_SINK_PAD(sink_));
    if (!handles) {
        handles = cuda_.ensure(settings.cuda_device, true);
    }
    if (!handles) {
        const int result = cuframes_cuda_self_test(settings.cuda_device < 0 ? 0 : settings.cuda_device);
        post_error(element_, result == CUFRAMES_OK ? CUFRAMES_ERROR_CUDA : result,
                   "cuframessink key=" + settings.key + ": no CUDA context for the frames could be had: " +
                       (result == CUFRAMES_OK ? "GStreamer's CUDA library refused" : cuframes_last_error_message()),
                   "finding the GPU");
        return false;
    }
    if (settings.cuda_device >= 0 && handles.device() != settings.cuda_device) {
        post_error(element_, CUFRAMES_ERROR_DEVICE_MISMATCH,
                   "cuframessink key=" + settings.key + ": the frames are on GPU " + std::to_string(handles.device()) +
                       ", but cuda-device-id=" + std::to_string(settings.cuda_device) +
                       "; set it to that GPU or to -1, or decode on the other one",
                   "checking the GPU");
        return false;
    }
    spec->cuda = handles;
    spec->cuda_device = handles.device();
    return true;
}

bool SinkState::make_spec(GstCaps* caps, GenerationSpec* spec) {
    const SinkSettings settings = copy_settings();
    const bool frames_on_gpu = is_cuda_caps(caps);
    GstVideoInfo info;
    if (!gst_video_info_from_caps(&info, caps)) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings.key + ": these caps are not raw video with a format and a size",
                   "reading the caps");
        return false;
    }
    const bool ring_on_gpu =
        settings.memory == GST_CUFRAMES_MEMORY_CUDA || (settings.memory == GST_CUFRAMES_MEMORY_AUTO && frames_on_gpu);
    const LayoutResult result = ring_on_gpu ? cuda_layout(info) : host_layout(info);
    if (!result.layout) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings.key + ": these frames cannot be held: " + result.why,
                   "laying out the frames");
        return false;
    }
    spec->caps = caps;
    spec->layout = *result.layout;
    spec->memory = ring_on_gpu ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST;
    return !ring_on_gpu || find_gpu(settings, frames_on_gpu, spec);
}

GstCaps* SinkState::acceptable_caps() const {
    GstPad* pad = GST_BASE_SINK_PAD(sink_);
    GstCaps* all = gst_pad_get_pad_template_caps(pad);
    GstPad* peer = gst_pad_get_peer(pad);
    if (!peer) {
        return all;
    }
    GstCaps* offered = gst_pad_get_pad_template_caps(peer);
    gst_object_unref(peer);
    const bool gpu_first = copy_settings().memory != GST_CUFRAMES_MEMORY_SYSTEM && lists_gpu_memory_first(offered);
    gst_caps_unref(offered);
    if (!gpu_first || !cuda_is_usable()) {
        return all;
    }
    // cudaupload passes frames through where they are if both kinds are taken. Whoever writes it wants them on the GPU.
    GstCaps* on_gpu = gst_caps_copy_nth(all, 0);
    gst_caps_unref(all);
    return on_gpu;
}

bool SinkState::set_caps(GstCaps* caps) {
    GenerationSpec spec;
    if (!make_spec(caps, &spec)) {
        return false;
    }
    gst_caps_replace(&caps_, caps);
    spec.caps = caps_;
    default_spec_ = std::move(spec);
    gst_video_info_from_caps(&info_, caps);
    caps_changed_ = true;
    return true;
}

GstBufferPool* SinkState::make_pool(GstCaps* caps, const GenerationSpec& spec, guint* size) {
    GstBufferPool* pool =
        spec.cuda ? new_cuda_slot_pool(publication_, element_, spec) : new_host_slot_pool(publication_, element_, spec);
    GstStructure* config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_set_params(config, caps, *size, 0, 0);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    set_pool_stream(config, spec.cuda);
    if (!gst_buffer_pool_set_config(pool, config)) {
        gst_object_unref(pool);
        return nullptr;
    }
    config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_get_params(config, nullptr, size, nullptr, nullptr);
    gst_structure_free(config);
    return pool;
}

bool SinkState::propose_allocation(GstQuery* query) {
    GstCaps* caps = nullptr;
    gboolean need_pool = FALSE;
    gst_query_parse_allocation(query, &caps, &need_pool);
    GenerationSpec spec;
    if (!caps || !make_spec(caps, &spec)) {
        return false;
    }
    // In host memory the ring has GStreamer's default layout, and GstVideoMeta is not offered: see docs/decisions/0010.
    if (spec.memory == CUFRAMES_MEMORY_CUDA) {
        gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    }
    // Frames that have to cross between host and GPU memory anyway gain nothing from our pool.
    if ((spec.memory == CUFRAMES_MEMORY_CUDA) != is_cuda_caps(caps)) {
        return true;
    }
    guint size = static_cast<guint>(spec.layout.info.size);
    GstBufferPool* pool = need_pool ? make_pool(caps, spec, &size) : nullptr;
    // No upper limit, which some decoders insist on: past the last free slot the pool gives ordinary memory.
    gst_query_add_allocation_pool(query, pool, size, 0, 0);
    if (pool) {
        gst_object_unref(pool);
    }
    return true;
}

bool SinkState::ensure_generation() {
    GenerationPtr newest = publication_->newest();
    if (newest && newest == generation_ && !caps_changed_) {
        return true;
    }
    // A pool has started one for these caps, in a layout that upstream chose; or nobody has.
    const bool fits =
        newest && newest->spec.memory == default_spec_.memory && gst_caps_is_equal(newest->spec.caps, caps_);
    if (!fits) {
        const int result = publication_->configure(default_spec_, &newest);
        if (result != CUFRAMES_OK) {
            post_library_error(element_, result, "making the ring");
            return false;
        }
    }
    generation_ = std::move(newest);
    caps_changed_ = false;
    return true;
}

} // namespace cuframes::gst
