// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cuda/driver.h"
#include "memory/copy.h"

namespace cuframes::cuda {

/** Queues a copy of the visible bytes of every plane on `stream` of the current context. */
CUresult copy_planes(const Driver& driver, const Planes& to, CUmemorytype to_type, const Planes& from,
                     CUmemorytype from_type, const cuframes_geometry& g, CUstream stream);

inline CUmemorytype memory_type(const cuframes_image& image) {
    return image.memory == CUFRAMES_MEMORY_CUDA ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
}

} // namespace cuframes::cuda
