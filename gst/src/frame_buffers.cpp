// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/frame_buffers.h"

#include "gst-common/relaxed_capture.h"
#include "shared/errors.h"
#include "shared/fd_memory_book.h"

#include <utility>

namespace cuframes::gst {
namespace {

void unref_frame(void* handle) { cuframes_frame_unref(static_cast<cuframes_frame*>(handle)); }

/// Where a ring in host memory is mapped.
const void* base_of(const cuframes_frame_view& view) {
    return view.fd >= 0 ? static_cast<const guint8*>(view.data) - view.fd_offset : nullptr;
}

} // namespace

FrameBuffers::FrameBuffers(GstBaseSrc* src, const ElementSettings<SrcSettings>& settings, CudaContextHolder& cuda,
                           const SrcNegotiation& negotiation)
    : src_(src),
      element_(GST_ELEMENT_CAST(src)),
      settings_(settings),
      cuda_(cuda),
      negotiation_(negotiation),
      metas_(element_) {}

void FrameBuffers::start() {
    copied_ = 0;
    discontinuity_pending_ = false;
}

void FrameBuffers::stop() {
    if (book_) {
        book_->close();
    }
    book_.reset();
    copies_.reset();
}

void FrameBuffers::follow(const cuframes_frame_view& view) {
    if (wants_descriptors(view) != book_has_descriptors_ || base_of(view) != book_base_) {
        make_book(view);
    }
}

GstFlowReturn FrameBuffers::read(cuframes_frame* frame, bool lease_goes_back, const TimeMap& times, GstClockTime pts,
                                 GstBuffer** buffer) {
    const bool copies = lease_goes_back || !negotiation_.in_place();
    if (!copies) {
        wrap(frame, buffer);
    } else if (const GstFlowReturn flow = copy(frame, buffer); flow != GST_FLOW_OK) {
        return flow;
    }
    describe(*buffer, *cuframes_frame_get(frame), times, pts, copies);
    return GST_FLOW_OK;
}

void FrameBuffers::make_book(const cuframes_frame_view& view) {
    copies_.reset();
    if (book_) {
        book_->close();
    }
    book_has_descriptors_ = wants_descriptors(view);
    book_base_ = base_of(view);
    if (negotiation_.slots_on_gpu() && negotiation_.gpu_out()) {
        book_ =
            make_cuda_memory_book(unref_frame, cuda_.ensure(view.cuda_device, true), negotiation_.layout().info, true);
        return;
    }
    // Elements without GstVideoMeta take the size of a buffer for the size of a frame.
    const gsize size =
        is_default_layout(negotiation_.layout()) ? negotiation_.info().size : negotiation_.layout().info.size;
    if (book_has_descriptors_) {
        book_ = std::make_shared<FdMemoryBook>(unref_frame, view.fd, book_base_, size);
    } else {
        book_ = std::make_shared<HostMemoryBook>(unref_frame, size, true);
    }
}

void FrameBuffers::wrap(cuframes_frame* frame, GstBuffer** buffer) {
    const cuframes_frame_view& view = *cuframes_frame_get(frame);
    // The pixels are mapped read-only, and the memory says so: whoever wants to write gets a copy.
    GstMemory* memory = book_->lend(view.slot, const_cast<void*>(view.data), cuframes_frame_ref(frame));
    *buffer = gst_buffer_new();
    gst_buffer_append_memory(*buffer, memory);
    GST_BUFFER_FLAG_UNSET(*buffer, GST_BUFFER_FLAG_TAG_MEMORY);
}

/// From the pool that was negotiated, or from one of our own where none was.
GstBuffer* FrameBuffers::buffer_for_copy() {
    if (negotiation_.in_place()) {
        return copies_.acquire(negotiation_.info(), negotiation_.agreed_caps(), negotiation_.descriptor_allocator(),
                               negotiation_.gpu_out() ? cuda_.current() : CudaHandles());
    }
    GstBuffer* buffer = nullptr;
    GstBufferPool* pool = gst_base_src_get_buffer_pool(src_);
    if (pool) {
        gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr);
    }
    gst_clear_object(&pool);
    return buffer;
}

int FrameBuffers::copy_pixels(cuframes_frame* frame, GstBuffer* buffer) {
    const bool on_gpu = negotiation_.gpu_out();
    GstVideoFrame there;
    if (!gst_video_frame_map(&there, &negotiation_.info(), buffer, write_flags(on_gpu))) {
        return CUFRAMES_ERROR_NO_MEMORY;
    }
    cuframes_image image = image_of(there, on_gpu ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST);
    if (on_gpu) {
        const CudaHandles cuda = cuda_.current();
        image.cuda_stream = cuda.stream_handle();
        // The lease ends when the copy is done, and nobody waits for that here.
        cuframes_frame_record_stream(frame, image.cuda_stream);
    }
    const int result = cuframes_frame_read(frame, &image);
    gst_video_frame_unmap(&there);
    if (on_gpu) {
        mark_copy_under_way(buffer);
    }
    return result;
}

GstFlowReturn FrameBuffers::copy(cuframes_frame* frame, GstBuffer** buffer) {
    const RelaxedCapture relaxed;
    *buffer = buffer_for_copy();
    if (!*buffer) {
        if (GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(src_))) {
            return GST_FLOW_FLUSHING;
        }
        post_error(element_, CUFRAMES_ERROR_NO_MEMORY,
                   "cuframessrc key=" + settings_.copy().key + ": no memory could be had to copy a frame to",
                   "copying a frame out of the ring");
        return GST_FLOW_ERROR;
    }
    if (const int result = copy_pixels(frame, *buffer); result != CUFRAMES_OK) {
        post_library_error(element_, result, "copying a frame out of the ring");
        gst_clear_buffer(buffer);
        return GST_FLOW_ERROR;
    }
    ++copied_;
    return GST_FLOW_OK;
}

void FrameBuffers::describe(GstBuffer* buffer, const cuframes_frame_view& view, const TimeMap& times, GstClockTime pts,
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
        meta = add_video_meta(buffer, copied ? negotiation_.info() : negotiation_.layout().info);
    }
    meta->flags = static_cast<GstVideoFrameFlags>(traits.flags);
    meta->id = traits.id;
}

} // namespace cuframes::gst
