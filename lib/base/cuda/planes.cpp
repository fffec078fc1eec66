// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/cuda/planes.h"

namespace cuframes::core::cuda {

CUresult copy_planes(const Driver& driver, std::span<const PlaneRef> to, CUmemorytype to_type,
                     std::span<const PlaneRef> from, CUmemorytype from_type, const cuframes_geometry& geometry,
                     CUstream stream) {
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        CUDA_MEMCPY2D copy = {};
        // The driver reads the address that goes with the type.
        copy.srcMemoryType = from_type;
        copy.srcHost = from[i].data;
        copy.srcDevice = reinterpret_cast<CUdeviceptr>(from[i].data);
        copy.srcPitch = from[i].pitch;
        copy.dstMemoryType = to_type;
        copy.dstHost = to[i].data;
        copy.dstDevice = reinterpret_cast<CUdeviceptr>(to[i].data);
        copy.dstPitch = to[i].pitch;
        copy.WidthInBytes = geometry.planes[i].row_bytes;
        copy.Height = geometry.planes[i].rows;
        if (const CUresult result = driver.cuMemcpy2DAsync(&copy, stream); result != CUDA_SUCCESS) {
            return result;
        }
    }
    return CUDA_SUCCESS;
}

} // namespace cuframes::core::cuda
