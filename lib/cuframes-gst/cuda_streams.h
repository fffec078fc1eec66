// SPDX-License-Identifier: LGPL-2.1-or-later
/// Streams of the driver, ordered after each other without a wait on the CPU.
#pragma once

#include "base/cuda/driver.h"
#include "error.h"
#include "tensors/device_memory.h"
#include "tensors/reaper.h"

#include <gst/cuda/gstcuda.h>

namespace cuframes::gst {

/// A stream, and the context in which driver calls on it are made.
struct CudaStream {
    CUcontext context;
    CUstream stream;

    /// For the reaper's thread, to which the default stream of this one means another: that is as good as unknown.
    tensors::InFlight in_flight() const { return {context, stream == CU_STREAM_PER_THREAD ? nullptr : stream}; }
};

/// The driver, or NULL with `error` set.
const core::cuda::Driver* get_driver(GError** error);

/// The stream that a consumer or producer on `device` names; NULL for CUFRAMES_GST_STREAM_NO_SYNC.
bool resolve(int device, gint64 name, CudaStream& stream, GError** error);

/// Work that is queued on `second` from now on runs after what is queued on `first`.
bool order(const core::cuda::Driver& driver, const CudaStream& first, const CudaStream& second, GError** error);

/// Where GStreamer's elements queue work on a memory.
CudaStream stream_of(GstMemory* memory);

/// CUDA ordinal of the GPU.
int device_of(GstCudaContext* context);

} // namespace cuframes::gst
