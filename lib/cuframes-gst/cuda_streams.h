// SPDX-License-Identifier: LGPL-2.1-or-later
/// Streams of the driver, ordered after each other without a wait on the CPU.
#pragma once

#include "base/cuda/driver.h"
#include "error.h"
#include "tensors/device_memory.h"

#include <gst/cuda/gstcuda.h>

namespace cuframes::gst {

using core::StreamRef;

/// The driver, or NULL with `error` set.
const core::cuda::Driver* get_driver(GError** error);

/// The stream that a consumer or producer on `device` names; NULL for CUFRAMES_GST_STREAM_NO_SYNC.
bool resolve(int device, gint64 name, StreamRef& stream, GError** error);

/// Work that is queued on `second` from now on runs after what is queued on `first`.
bool order(const core::cuda::Driver& driver, const StreamRef& first, const StreamRef& second, GError** error);

/// Where GStreamer's elements queue work on a memory.
StreamRef stream_of(GstMemory* memory);

/// CUDA ordinal of the GPU.
int device_of(GstCudaContext* context);

} // namespace cuframes::gst
