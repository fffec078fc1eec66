// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/frame_writer.h"

#include "gst-common/relaxed_capture.h"
#include "shared/errors.h"
#include "sink/mapped_frame.h"

#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

namespace cuframes::gst {
namespace {

/// Error of ours for a buffer that does not hold what its caps say; none of the library's means that.
constexpr int bad_buffer = CUFRAMES_ERROR_INVALID_ARGUMENT;

} // namespace

FrameWriter::FrameWriter(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings,
                         std::shared_ptr<Publication> publication, SinkNegotiation& negotiation, BufferReader& buffers)
    : sink_(sink),
      element_(GST_ELEMENT_CAST(sink)),
      settings_(settings),
      publication_(std::move(publication)),
      negotiation_(negotiation),
      buffers_(buffers) {}

cuframes_frame_info FrameWriter::frame_info(GstBuffer* buffer) {
    const BufferFacts facts = buffers_.read(buffer);
    cuframes_frame_info info;
    CUFRAMES_INIT(info);
    info.flags = facts.flags;
    info.pts = facts.pts;
    info.dts = facts.dts;
    info.duration = facts.duration;
    info.offset = cuframes_some(GST_BUFFER_OFFSET(buffer));
    info.offset_end = cuframes_some(GST_BUFFER_OFFSET_END(buffer));
    info.metadata = facts.metadata;
    info.metadata_size = facts.metadata_size;
    return info;
}

MemoryRecord* FrameWriter::own_unpublished_slot(GstBuffer* buffer) const {
    if (gst_buffer_n_memory(buffer) != 1) {
        return nullptr;
    }
    GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
    MemoryRecord* record = MemoryBook::record_of(memory);
    if (!record || record->published || record->book != negotiation_.generation().book ||
        memory->size != memory->maxsize) {
        return nullptr;
    }
    const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
    const Layout& layout = negotiation_.generation().spec.layout;
    return (meta ? meta_matches(meta, layout) : is_default_layout(layout)) ? record : nullptr;
}

int FrameWriter::publish_in_place(GstMemory* memory, MemoryRecord* record, const cuframes_frame_info& info) {
    const std::optional<CudaMemoryView> gpu = view_cuda_memory(memory);
    if (gpu) {
        // Pixels that somebody wrote through a mapping in host memory go to the GPU when it is mapped there.
        GstMapInfo map;
        if (!gst_memory_map(memory, &map, read_flags(true))) {
            return bad_buffer;
        }
        gst_memory_unmap(memory, &map);
    }
    const int result = cuframes_slot_publish(static_cast<cuframes_slot*>(record->handle), &info,
                                             gpu ? gpu->stream : CUFRAMES_DEFAULT_STREAM);
    if (result == CUFRAMES_OK) {
        record->published = true;
        // Readers see it now: an element that wants to draw on it, behind a tee say, gets a copy instead.
        GST_MINI_OBJECT_FLAG_SET(memory, GST_MEMORY_FLAG_READONLY);
    }
    return result;
}

int FrameWriter::copy_and_publish(cuframes_slot* slot, GstBuffer* buffer, const cuframes_frame_info& info) {
    const std::optional<CudaMemoryView> gpu = gpu_memory_of(buffer);
    const MappedFrame frame(negotiation_.info(), buffer, gpu.has_value());
    if (!frame) {
        post_error(element_, bad_buffer,
                   "cuframessink key=" + settings_.copy().key + ": a buffer of " +
                       std::to_string(gst_buffer_get_size(buffer)) + " bytes does not hold a frame of these caps" +
                       (frame.why_not().empty() ? "" : ": " + frame.why_not()),
                   "reading a frame");
        return bad_buffer;
    }
    cuframes_image image = image_of(*frame, gpu ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST);
    if (gpu) {
        image.cuda_stream = gpu->stream;
    }
    int result = cuframes_slot_write(slot, &image);
    if (result == CUFRAMES_OK) {
        result = cuframes_slot_publish(slot, &info, image.cuda_stream);
    }
    if (result != CUFRAMES_OK && result != CUFRAMES_ERROR_INVALID_STATE) {
        post_library_error(element_, result, "copying a frame into the ring");
    }
    return result;
}

GstFlowReturn FrameWriter::publish_copy(GstBuffer* buffer, const cuframes_frame_info& info) {
    for (;;) {
        cuframes_slot* slot = nullptr;
        int result = publication_->acquire(negotiation_.generation(), CUFRAMES_ACQUIRE_DEFAULT, &slot);
        if (result == CUFRAMES_OK) {
            result = copy_and_publish(slot, buffer, info);
            cuframes_slot_release(slot);
            if (result != CUFRAMES_ERROR_INVALID_STATE) {
                return result == CUFRAMES_OK ? GST_FLOW_OK : GST_FLOW_ERROR;
            }
        }
        GstFlowReturn flow = GST_FLOW_OK;
        switch (result) {
        case CUFRAMES_ERROR_NO_FREE_SLOT:
            GST_DEBUG_OBJECT(sink_, "no slot is free: a frame is dropped");
            publication_->with_publisher(cuframes_publisher_drop);
            return GST_FLOW_OK;
        case CUFRAMES_ERROR_INTERRUPTED:
            flow = after_interruption(sink_, *publication_);
            break;
        case CUFRAMES_ERROR_INVALID_STATE: // a pool has started another generation meanwhile
            flow = negotiation_.ensure_generation() ? GST_FLOW_OK : GST_FLOW_ERROR;
            break;
        default:
            post_library_error(element_, result, "taking a slot");
            flow = GST_FLOW_ERROR;
        }
        if (flow != GST_FLOW_OK) {
            return flow;
        }
    }
}

GstFlowReturn FrameWriter::publish(GstBuffer* buffer, GstClockTime capture) {
    const RelaxedCapture relaxed; // to map and to unmap
    cuframes_frame_info info = frame_info(buffer);
    if (GST_CLOCK_TIME_IS_VALID(capture)) {
        info.pts = cuframes_some(capture);
    }
    if (MemoryRecord* record = own_unpublished_slot(buffer)) {
        const int result = publish_in_place(gst_buffer_peek_memory(buffer, 0), record, info);
        if (result == CUFRAMES_OK) {
            return GST_FLOW_OK;
        }
        if (result != CUFRAMES_ERROR_INVALID_STATE) {
            post_library_error(element_, result, "publishing a frame");
            return GST_FLOW_ERROR;
        }
    }
    GST_LOG_OBJECT(sink_, "%" GST_PTR_FORMAT " is not in a free slot of the ring: copying it",
                   static_cast<void*>(buffer));
    return publish_copy(buffer, info);
}

} // namespace cuframes::gst
