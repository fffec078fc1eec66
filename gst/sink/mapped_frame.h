// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/cuda_context.h"

#include <gst/video/video.h>

#include <optional>
#include <string>

namespace cuframes::gst {

/// A frame in somebody else's memory, mapped for reading until it goes. Empty where the buffer does not hold what its caps
/// say.
class MappedFrame {
public:
    MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, bool on_gpu);
    MappedFrame(const MappedFrame&) = delete;
    MappedFrame& operator=(const MappedFrame&) = delete;
    ~MappedFrame();

    explicit operator bool() const { return mapped_ && why_not_.empty(); }
    const GstVideoFrame& operator*() const { return frame_; }
    /// What is wrong with the buffer; empty where GStreamer alone could say.
    const std::string& why_not() const { return why_not_; }

private:
    GstVideoFrame frame_{};
    std::string why_not_;
    bool mapped_ = false;
};

/// The memory of a frame whose planes are all on the GPU. Without GstVideoMeta several memories are one after they were
/// downloaded.
std::optional<CudaMemoryView> gpu_memory_of(GstBuffer* buffer);

} // namespace cuframes::gst
