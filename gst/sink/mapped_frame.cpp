// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/mapped_frame.h"

#include "gst-common/layout.h"

namespace cuframes::gst {

MappedFrame::MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, bool on_gpu)
    : why_not_(contradiction(info, buffer)) {
    mapped_ = why_not_.empty() && gst_video_frame_map(&frame_, &info, buffer, read_flags(on_gpu));
    if (!mapped_) {
        return;
    }
    // The picture is what the caps say; a GstVideoMeta may speak of a border around it.
    frame_.info.width = GST_VIDEO_INFO_WIDTH(&info);
    frame_.info.height = GST_VIDEO_INFO_HEIGHT(&info);
    why_not_ = unreadable_rows(frame_);
}

MappedFrame::~MappedFrame() {
    if (mapped_) {
        gst_video_frame_unmap(&frame_);
    }
}

std::optional<CudaMemoryView> gpu_memory_of(GstBuffer* buffer) {
    const guint count = gst_buffer_n_memory(buffer);
    if (count > 1 && !gst_buffer_get_video_meta(buffer)) {
        return std::nullopt;
    }
    for (guint i = 1; i < count; ++i) {
        if (!view_cuda_memory(gst_buffer_peek_memory(buffer, i))) {
            return std::nullopt;
        }
    }
    return view_cuda_memory(gst_buffer_peek_memory(buffer, 0));
}

} // namespace cuframes::gst
