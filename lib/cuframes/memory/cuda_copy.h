// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/cuda/driver.h"
#include "memory/copy.h"

namespace cuframes::core::cuda {

/// Copies all planes on a stream of whatever context, waited for where one side is host memory, which its owner may change
/// or read as soon as this returns. CUDA: the stream captures a graph, into which the copy would go instead.
Result<> copy_now(const Driver& driver, const Planes& to, CUmemorytype to_type, const Planes& from,
                  CUmemorytype from_type, const cuframes_geometry& g, CUstream stream, CUcontext said);

/// An error for a stream that cannot be used for `what` while it captures, or for what else stands in the way.
Error refused_on_stream(const char* what, CUresult result);

inline CUmemorytype memory_type(const cuframes_image& image) {
    return image.memory == CUFRAMES_MEMORY_CUDA ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
}

} // namespace cuframes::core::cuda
