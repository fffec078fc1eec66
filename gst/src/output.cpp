// SPDX-License-Identifier: LGPL-2.1-or-later
// SrcState, second part: from a frame of the ring to a buffer of the pipeline.
#include "gst-common/relaxed_capture.h"
#include "shared/clocking.h"
#include "shared/errors.h"
#include "src/state.h"

#include <algorithm>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

namespace cuframes::gst {
namespace {

void unref_frame(void* handle) { cuframes_frame_unref(static_cast<cuframes_frame*>(handle)); }

/// Where a ring in host memory is mapped.
const void* base_of(const cuframes_frame_view& view) {
    return view.fd >= 0 ? static_cast<const guint8*>(view.data) - view.fd_offset : nullptr;
}

/// A publisher that is no GStreamer pipeline may have named no caps: format and size say enough.
GstCaps* caps_of(const cuframes_frame_view& view) {
    if (view.caps[0] != '\0') {
        return gst_caps_from_string(view.caps);
    }
    const cuframes_geometry& geometry = *view.geometry;
    return gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, geometry.format, "width", G_TYPE_INT,
                               static_cast<gint>(geometry.width), "height", G_TYPE_INT,
                               static_cast<gint>(geometry.height), "framerate", GST_TYPE_FRACTION, 0, 1, nullptr);
}

void set_memory_feature(GstCaps* caps, bool on_gpu) {
    // What is not about memory stays: buffers may be single fields.
    const bool fields = gst_caps_features_contains(gst_caps_get_features(caps, 0), GST_CAPS_FEATURE_FORMAT_INTERLACED);
    GstCapsFeatures* features = on_gpu || fields ? gst_caps_features_new_empty() : nullptr;
    if (on_gpu) {
        gst_caps_features_add(features, CUFRAMES_GST_CUDA_MEMORY_FEATURE);
    }
    if (fields) {
        gst_caps_features_add(features, GST_CAPS_FEATURE_FORMAT_INTERLACED);
    }
    gst_caps_set_features(caps, 0, features);
}

guint info_size(const GstVideoInfo& info) { return static_cast<guint>(GST_VIDEO_INFO_SIZE(&info)); }

} // namespace

GstFlowReturn SrcState::follow_generation(const cuframes_frame_view& view) {
    if (view.epoch == epoch_) {
        if (!book_fits(view)) {
            make_book(view);
        }
        return GST_FLOW_OK;
    }
    const SrcSettings settings = copy_settings();
    if (!choose_memory(settings, view) || !take_layout(settings, view) || !accepted_downstream(settings)) {
        return GST_FLOW_NOT_NEGOTIATED;
    }
    // Which calls negotiate() and decide_allocation() below.
    if (!gst_base_src_negotiate(GST_BASE_SRC(src_))) {
        return GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(src_)) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
    }
    make_book(view);
    epoch_ = view.epoch;
    GST_DEBUG_OBJECT(src_, "generation %" G_GUINT64_FORMAT " is %" GST_PTR_FORMAT ", frames are %s", epoch_,
                     static_cast<void*>(caps_), output_ == Output::in_place ? "passed on in place" : "copied");
    return GST_FLOW_OK;
}

bool SrcState::choose_memory(const SrcSettings& settings, const cuframes_frame_view& view) {
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
    const int result = cuframes_subscriber_add_cuda_context(subscriber_, handles.context_handle());
    if (result != CUFRAMES_OK) {
        post_library_error(element_, result, "naming the pipeline's CUDA context");
    }
    return result == CUFRAMES_OK;
}

bool SrcState::take_layout(const SrcSettings& settings, const cuframes_frame_view& view) {
    GstCaps* caps = caps_of(view);
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

bool SrcState::accepted_downstream(const SrcSettings& settings) {
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

bool SrcState::negotiate() {
    GstCaps* now = caps();
    if (!now) { // before the first frame nothing is known, and that is no failure
        return true;
    }
    const bool done = gst_base_src_set_caps(GST_BASE_SRC(src_), now);
    gst_caps_unref(now);
    return done;
}

GstBufferPool* SrcState::host_pool(GstQuery* query, GstCaps* caps, guint* size, guint* min, guint* max) {
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

bool SrcState::decide_allocation(GstQuery* query) {
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
    output_ = slots_on_gpu_ == gpu_out_ && understood ? Output::in_place : Output::copied;
    if (output_ == Output::in_place) {
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

/// Downstream may be another element now, and a ring that was left and joined again is mapped at another place.
bool SrcState::book_fits(const cuframes_frame_view& view) const {
    return wants_descriptors(view) == book_has_descriptors_ && base_of(view) == book_base_;
}

void SrcState::make_book(const cuframes_frame_view& view) {
    copies_.reset();
    if (book_) {
        book_->close();
    }
    book_has_descriptors_ = wants_descriptors(view);
    book_base_ = base_of(view);
    if (slots_on_gpu_ && gpu_out_) {
        book_ = make_cuda_memory_book(unref_frame, cuda_.ensure(view.cuda_device, true), layout_.info, true);
        return;
    }
    // Elements without GstVideoMeta take the size of a buffer for the size of a frame.
    const gsize size = is_default_layout(layout_) ? info_.size : layout_.info.size;
    if (book_has_descriptors_) {
        book_ = std::make_shared<FdMemoryBook>(unref_frame, view.fd, book_base_, size);
    } else {
        book_ = std::make_shared<HostMemoryBook>(unref_frame, size, true);
    }
}

GstFlowReturn SrcState::wrap(cuframes_frame* frame, GstBuffer** buffer) {
    const cuframes_frame_view& view = *cuframes_frame_get(frame);
    // The pixels are mapped read-only, and the memory says so: whoever wants to write gets a copy.
    GstMemory* memory = book_->lend(view.slot, const_cast<void*>(view.data), cuframes_frame_ref(frame));
    *buffer = gst_buffer_new();
    gst_buffer_append_memory(*buffer, memory);
    GST_BUFFER_FLAG_UNSET(*buffer, GST_BUFFER_FLAG_TAG_MEMORY);
    return GST_FLOW_OK;
}

/// From the pool that was negotiated, or from one of our own where none was.
GstBuffer* SrcState::buffer_for(Copy why) {
    if (why == Copy::of_slot) {
        return copies_.acquire(info_, caps_, descriptor_allocator_, gpu_out_ ? cuda_.current() : CudaHandles());
    }
    GstBuffer* buffer = nullptr;
    GstBufferPool* pool = gst_base_src_get_buffer_pool(GST_BASE_SRC(src_));
    if (pool) {
        gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr);
    }
    gst_clear_object(&pool);
    return buffer;
}

GstFlowReturn SrcState::copy(cuframes_frame* frame, Copy why, GstBuffer** buffer) {
    const RelaxedCapture relaxed;
    *buffer = buffer_for(why);
    if (!*buffer) {
        if (GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(src_))) {
            return GST_FLOW_FLUSHING;
        }
        post_error(element_, CUFRAMES_ERROR_NO_MEMORY,
                   "cuframessrc key=" + copy_settings().key + ": no memory could be had to copy a frame to",
                   "copying a frame out of the ring");
        return GST_FLOW_ERROR;
    }
    GstVideoFrame there;
    int result = CUFRAMES_ERROR_NO_MEMORY;
    if (gst_video_frame_map(&there, &info_, *buffer, write_flags(gpu_out_))) {
        cuframes_image image = image_of(there, gpu_out_ ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST);
        if (gpu_out_) {
            const CudaHandles cuda = cuda_.current();
            image.cuda_stream = cuda.stream_handle();
            // The lease ends when the copy is done, and nobody waits for that here.
            cuframes_frame_record_stream(frame, image.cuda_stream);
        }
        result = cuframes_frame_read(frame, &image);
        gst_video_frame_unmap(&there);
        if (gpu_out_) {
            mark_copy_under_way(*buffer);
        }
    }
    if (result != CUFRAMES_OK) {
        post_library_error(element_, result, "copying a frame out of the ring");
        gst_clear_buffer(buffer);
        return GST_FLOW_ERROR;
    }
    ++copied_;
    return GST_FLOW_OK;
}

GstFlowReturn SrcState::output(cuframes_frame* frame, const TimeMap& times, GstClockTime pts, GstBuffer** buffer) {
    const cuframes_frame_view& view = *cuframes_frame_get(frame);
    discontinuity_pending_ = discontinuity_pending_ || view.discontinuity;
    GstFlowReturn flow = follow_generation(view);
    if (flow != GST_FLOW_OK) {
        return flow;
    }
    const bool copies = output_ == Output::copied || leases_are_used_up(view);
    flow =
        copies ? copy(frame, output_ == Output::copied ? Copy::to_output : Copy::of_slot, buffer) : wrap(frame, buffer);
    if (flow != GST_FLOW_OK) {
        return flow;
    }
    describe(*buffer, view, times, pts, copies);
    if (latency_.update(view.latency, view.pts, view.publish_time)) {
        GST_INFO_OBJECT(src_, "latency is %" GST_TIME_FORMAT " now", GST_TIME_ARGS(latency_.value()));
        use_latency();
        gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT_CAST(src_)));
    }
    keep_frames_for_sinks(view);
    return GST_FLOW_OK;
}

void SrcState::describe(GstBuffer* buffer, const cuframes_frame_view& view, const TimeMap& times, GstClockTime pts,
                        bool copied) {
    GST_BUFFER_PTS(buffer) = pts;
    const GstClockTimeDiff dts = GST_CLOCK_TIME_IS_VALID(view.dts) ? times.to_running_time(view.dts) : -1;
    GST_BUFFER_DTS(buffer) = dts >= 0 ? static_cast<GstClockTime>(dts) : GST_CLOCK_TIME_NONE;
    GST_BUFFER_DURATION(buffer) = view.duration;
    GST_BUFFER_OFFSET(buffer) = view.offset;
    GST_BUFFER_OFFSET_END(buffer) = view.offset_end;
    GST_BUFFER_FLAG_SET(buffer, view.flags & portable_flag_mask);
    if (std::exchange(discontinuity_pending_, false)) {
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    }

    const FrameTraits traits = metas_.unpack(buffer, GST_BUFFER_PTS(buffer), view.metadata, view.metadata_size);
    // Where the planes of a copy are, its pool may have said already, and locked that.
    GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
    if (!meta) {
        meta = add_video_meta(buffer, copied ? info_ : layout_.info);
    }
    meta->flags = static_cast<GstVideoFrameFlags>(traits.flags);
    meta->id = traits.id;
}

} // namespace cuframes::gst
