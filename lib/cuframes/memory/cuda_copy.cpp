// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory/cuda_copy.h"

namespace cuframes {

namespace cuda {

CUresult copy_planes(const Driver& driver, const Planes& to, CUmemorytype to_type, const Planes& from,
                     CUmemorytype from_type, const cuframes_geometry& g, CUstream stream) {
    for (uint32_t i = 0; i < g.plane_count; ++i) {
        CUDA_MEMCPY2D copy = {};
        copy.srcMemoryType = from_type;
        copy.srcPitch = from[i].pitch;
        copy.dstMemoryType = to_type;
        copy.dstPitch = to[i].pitch;
        copy.WidthInBytes = g.planes[i].row_bytes;
        copy.Height = g.planes[i].rows;
        if (from_type == CU_MEMORYTYPE_HOST) {
            copy.srcHost = from[i].data;
        } else {
            copy.srcDevice = reinterpret_cast<CUdeviceptr>(from[i].data);
        }
        if (to_type == CU_MEMORYTYPE_HOST) {
            copy.dstHost = to[i].data;
        } else {
            copy.dstDevice = reinterpret_cast<CUdeviceptr>(to[i].data);
        }
        if (const CUresult result = driver.cuMemcpy2DAsync(&copy, stream); result != CUDA_SUCCESS) {
            return result;
        }
    }
    return CUDA_SUCCESS;
}

} // namespace cuda

Result<> copy_from_gpu(const Planes& to, const cuframes_geometry& g, const cuframes_image& image) {
    auto driver = cuda::driver();
    if (!driver) {
        return driver.error();
    }
    if (!image.cuda_context) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     "an image in GPU memory for a ring in host memory needs its cuda_context"};
    }
    cuda::Current current(**driver, static_cast<CUcontext>(image.cuda_context));
    auto* stream = static_cast<CUstream>(image.cuda_stream);
    CUresult result =
        cuda::copy_planes(**driver, to, CU_MEMORYTYPE_HOST, planes_of(image), CU_MEMORYTYPE_DEVICE, g, stream);
    if (result == CUDA_SUCCESS) {
        result = (*driver)->cuStreamSynchronize(stream);
    }
    if (result != CUDA_SUCCESS) {
        return cuda::driver_error("cuMemcpy2DAsync", result);
    }
    return {};
}

} // namespace cuframes
