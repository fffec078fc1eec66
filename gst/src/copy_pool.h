// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/cuda_context.h"

namespace cuframes::gst {

/// Buffers for copies of frames whose lease has to go back at once, in the kind of memory that the ring is in. Made when
/// the first copy is: most readers never need one.
class CopyPool {
public:
    CopyPool() = default;
    CopyPool(const CopyPool&) = delete;
    CopyPool& operator=(const CopyPool&) = delete;
    ~CopyPool() { reset(); }

    /// The next buffer comes from another pool, for another format. Buffers that are out stay valid.
    void reset();

    /// A buffer for frames of `info` and `caps`, in GPU memory where `cuda` is given, else of `allocator`, or of the default
    /// one where that is NULL. NULL: none could be had.
    GstBuffer* acquire(const GstVideoInfo& info, GstCaps* caps, GstAllocator* allocator, const CudaHandles& cuda);

private:
    GstBufferPool* pool_ = nullptr;
};

/// An unconfigured pool of GPU memory in that context; NULL in builds without.
GstBufferPool* new_cuda_copy_pool(const CudaHandles& cuda);

} // namespace cuframes::gst
