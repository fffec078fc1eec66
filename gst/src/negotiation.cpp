// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/negotiation.h"

#include "shared/errors.h"
#include "shared/fd_memory_book.h"
#include "shared/ring_caps.h"

#include <algorithm>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

namespace cuframes::gst {
namespace {

guint info_size(const GstVideoInfo& info) { return static_cast<guint>(GST_VIDEO_INFO_SIZE(&info)); }

} // namespace

SrcNegotiation::SrcNegotiation(GstBaseSrc* src, const ElementSettings<SrcSettings>& settings, CudaContextHolder& cuda)
    : src_(src), element_(GST_ELEMENT_CAST(src)), settings_(settings), cuda_(cuda) {}

GstFlowReturn SrcNegotiation::follow(cuframes_subscriber* subscriber, const cuframes_frame_view& view) {
    const SrcSettings settings = settings_.copy();
    if (!choose_memory(settings, subscriber, view) || !take_layout(settings, view) || !accepted_downstream(settings)) {
        return GST_FLOW_NOT_NEGOTIATED;
    }
    // Which calls negotiate() and decide_allocation() below.
    if (!gst_base_src_negotiate(src_)) {
        return GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(src_)) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
    }
    GST_DEBUG_OBJECT(src_, "generation %" G_GUINT64_FORMAT " is %" GST_PTR_FORMAT ", frames are %s", view.epoch,
                     static_cast<void*>(caps_), in_place_ ? "passed on in place" : "copied");
    return GST_FLOW_OK;
}

void SrcNegotiation::reset() {
    gst_clear_object(&descriptor_allocator_);
    GST_OBJECT_LOCK(src_);
    gst_clear_caps(&caps_);
    GST_OBJECT_UNLOCK(src_);
}

bool SrcNegotiation::choose_memory(const SrcSettings& settings, cuframes_subscriber* subscriber,
                                   const cuframes_frame_view& view) {
    slots_on_gpu_ = view.memory == CUFRAMES_MEMORY_CUDA;
    gpu_out_ = slots_on_gpu_ && settings.memory != GST_CUFRAMES_MEMORY_SYSTEM && built_with_cuda();
    if (settings.memory == GST_CUFRAMES_MEMORY_CUDA && !gpu_out_) {
        post_error(element_, CUFRAMES_ERROR_DEVICE_MISMATCH,
                   "cuframessrc key=" + settings.key +
                       ": memory=cuda was asked for, but the publisher's frames are in host memory; set memory=auto "
                       "and put cudaupload behind it, or set memory=cuda on the publisher's cuframessink",
                   "choosing the memory");
        return false;
    }
    if (!gpu_out_) {
        return true;
    }
    const CudaHandles handles = cuda_.ensure(view.cuda_device, true);
    if (!handles) {
        post_error(element_, CUFRAMES_ERROR_CUDA,
                   "cuframessrc key=" + settings.key + ": no CUDA context could be had on GPU " +
                       std::to_string(view.cuda_device) + "; set memory=system to download the frames here",
                   "finding the GPU");
        return false;
    }
    // From now on a frame's release waits for what the pipeline's elements still do with it.
    const int result = cuframes_subscriber_add_cuda_context(subscriber, handles.context_handle());
    if (result != CUFRAMES_OK) {
        post_library_error(element_, result, "naming the pipeline's CUDA context");
    }
    return result == CUFRAMES_OK;
}

bool SrcNegotiation::take_layout(const SrcSettings& settings, const cuframes_frame_view& view) {
    GstCaps* caps = ring_caps(view.caps, *view.geometry);
    const LayoutResult result = caps ? layout_of_ring(caps, *view.geometry) : LayoutResult{{}, "they cannot be parsed"};
    if (!result.layout) {
        post_error(element_, CUFRAMES_ERROR_PROTOCOL,
                   "cuframessrc key=" + settings.key + ": the publisher's caps '" + view.caps +
                       "' cannot be used: " + result.why + "; is the publisher of another version?",
                   "reading the caps");
        gst_clear_caps(&caps);
        return false;
    }
    layout_ = *result.layout;
    gst_video_info_from_caps(&info_, caps);
    caps = gst_caps_make_writable(caps);
    set_memory_feature(caps, gpu_out_);
    GST_OBJECT_LOCK(src_);
    std::swap(caps_, caps);
    GST_OBJECT_UNLOCK(src_);
    gst_clear_caps(&caps);
    return true;
}

bool SrcNegotiation::accepted_downstream(const SrcSettings& settings) {
    if (gst_pad_peer_query_accept_caps(GST_BASE_SRC_PAD(src_), caps_) || GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(src_))) {
        return true;
    }
    gchar* text = gst_caps_to_string(caps_);
    const std::string caps = text;
    g_free(text);
    post_error(element_, CUFRAMES_ERROR_INVALID_STATE,
               "cuframessrc key=" + settings.key + ": the next element does not take the publisher's frames, " + caps +
                   (gpu_out_ ? "; they are in GPU memory: put cudadownload in between, or set memory=system"
                             : "; put videoconvert in between, or see to it that the caps filter agrees"),
               "negotiating");
    return false;
}

GstCaps* SrcNegotiation::caps() const {
    GST_OBJECT_LOCK(src_);
    GstCaps* caps = caps_ ? gst_caps_ref(caps_) : nullptr;
    GST_OBJECT_UNLOCK(src_);
    return caps;
}

bool SrcNegotiation::negotiate() {
    GstCaps* now = caps();
    if (!now) { // before the first frame nothing is known, and that is no failure
        return true;
    }
    const bool done = gst_base_src_set_caps(src_, now);
    gst_caps_unref(now);
    return done;
}

GstBufferPool* SrcNegotiation::host_pool(GstQuery* query, GstCaps* caps, guint* size, guint* min, guint* max) {
    GstBufferPool* pool = nullptr;
    if (gst_query_get_n_allocation_pools(query) > 0) {
        gst_query_parse_nth_allocation_pool(query, 0, &pool, size, min, max);
    }
    *size = std::max(*size, info_size(info_));
    for (bool own = false; !own;) {
        own = pool == nullptr;
        if (own) {
            pool = gst_video_buffer_pool_new();
        }
        GstStructure* config = gst_buffer_pool_get_config(pool);
        if (own && descriptor_allocator_) {
            gst_buffer_pool_config_set_allocator(config, descriptor_allocator_, nullptr);
        }
        gst_buffer_pool_config_set_params(config, caps, *size, *min, *max);
        if (video_meta_ && gst_buffer_pool_has_option(pool, GST_BUFFER_POOL_OPTION_VIDEO_META)) {
            gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
        }
        if (gst_buffer_pool_set_config(pool, config)) {
            return pool;
        }
        // What downstream proposed does not take our settings: the second round is with a pool of ours.
        gst_clear_object(&pool);
    }
    return nullptr;
}

bool SrcNegotiation::decide_allocation(GstQuery* query) {
    GstCaps* caps = nullptr;
    gst_query_parse_allocation(query, &caps, nullptr);
    if (!caps) {
        return true;
    }
    video_meta_ = gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    gst_clear_object(&descriptor_allocator_);
    if (!gpu_out_) {
        descriptor_allocator_ = find_descriptor_allocator(query);
    }
    // Elements for GPU memory read its layout from the memory itself.
    const bool understood =
        (gpu_out_ || video_meta_ || is_default_layout(layout_)) && (!descriptor_allocator_ || offsets_are_understood());
    in_place_ = slots_on_gpu_ == gpu_out_ && understood;
    if (in_place_) {
        while (gst_query_get_n_allocation_pools(query) > 0) {
            gst_query_remove_nth_allocation_pool(query, 0);
        }
        return true;
    }
    guint size = 0, min = 0, max = 0;
    GstBufferPool* pool = host_pool(query, caps, &size, &min, &max);
    if (!pool) {
        return false;
    }
    if (gst_query_get_n_allocation_pools(query) > 0) {
        gst_query_set_nth_allocation_pool(query, 0, pool, size, min, max);
    } else {
        gst_query_add_allocation_pool(query, pool, size, min, max);
    }
    gst_object_unref(pool);
    return true;
}

} // namespace cuframes::gst
