// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "gst-common/layout.h"
#include "shared/cuda_context.h"
#include "shared/settings.h"
#include "src/settings.h"

#include <gst/base/gstbasesrc.h>

namespace cuframes::gst {

/// What the source agrees on with downstream for one generation of the ring: caps, the kind of memory, and whether frames
/// leave in place. All but caps() is the streaming thread's.
class SrcNegotiation {
public:
    SrcNegotiation(GstBaseSrc* src, const ElementSettings<SrcSettings>& settings, CudaContextHolder& cuda);
    ~SrcNegotiation() { reset(); }
    SrcNegotiation(const SrcNegotiation&) = delete;
    SrcNegotiation& operator=(const SrcNegotiation&) = delete;

    GstCaps* caps() const; ///< Of the ring; NULL until its first frame. A reference.
    bool negotiate();
    bool decide_allocation(GstQuery* query);
    /// Agrees on a frame's generation. What is not GST_FLOW_OK was posted as an error, or comes of a flush.
    GstFlowReturn follow(cuframes_subscriber* subscriber, const cuframes_frame_view& view);
    /// Nothing is agreed on any more.
    void reset();

    GstCaps* agreed_caps() const { return caps_; }     ///< The same, borrowed.
    const Layout& layout() const { return layout_; }   ///< Of the slots.
    const GstVideoInfo& info() const { return info_; } ///< Of the caps, in the default layout.
    bool slots_on_gpu() const { return slots_on_gpu_; }
    bool gpu_out() const { return gpu_out_; } ///< Frames leave as GPU memory.
    /// Frames leave as the slots themselves; else they are copied to host memory: downloaded, or set in rows for elements
    /// that know the default layout only.
    bool in_place() const { return in_place_; }
    /// Downstream's, where it needs memory with a descriptor.
    GstAllocator* descriptor_allocator() const { return descriptor_allocator_; }

private:
    bool choose_memory(const SrcSettings& settings, cuframes_subscriber* subscriber, const cuframes_frame_view& view);
    bool take_layout(const SrcSettings& settings, const cuframes_frame_view& view);
    bool accepted_downstream(const SrcSettings& settings);
    GstBufferPool* host_pool(GstQuery* query, GstCaps* caps, guint* size, guint* min, guint* max);

    GstBaseSrc* src_;
    GstElement* element_;
    const ElementSettings<SrcSettings>& settings_;
    CudaContextHolder& cuda_;
    GstCaps* caps_ = nullptr; ///< Guarded by the object lock: queries read it.
    Layout layout_{};
    GstVideoInfo info_{};
    bool slots_on_gpu_ = false;
    bool gpu_out_ = false;
    bool video_meta_ = false;
    bool in_place_ = true;
    GstAllocator* descriptor_allocator_ = nullptr;
};

} // namespace cuframes::gst
