// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory/cuda_copy.h"

#include "base/cuda/planes.h"
#include "base/cuda/streams.h"

namespace cuframes::core {

namespace cuda {

Error refused_on_stream(const char* what, CUresult result) {
    if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED) {
        return {CUFRAMES_ERROR_CUDA,
                text(what, ": the stream captures a CUDA graph, so that what is queued on it does not "
                           "run now; use another stream, or wait for the end of the capture")};
    }
    if (result == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT) {
        return {CUFRAMES_ERROR_CUDA,
                text(what, ": a stream that waits for the legacy default stream captures a CUDA graph, "
                           "which this would break; name another stream than the default one")};
    }
    return driver_error(what, result);
}

Result<> copy_now(const Driver& driver, const Planes& to, CUmemorytype to_type, const Planes& from,
                  CUmemorytype from_type, const cuframes_geometry& g, CUstream stream, CUcontext said) {
    auto context = context_of_stream(driver, stream, said);
    if (!context) {
        return context.error();
    }
    Current current(driver, *context);
    if (const CUresult result = check_not_capturing(driver, stream); result != CUDA_SUCCESS) {
        return refused_on_stream("copying a frame", result);
    }
    CUresult result = copy_planes(driver, to, to_type, from, from_type, g, stream);
    if (to_type == CU_MEMORYTYPE_HOST || from_type == CU_MEMORYTYPE_HOST) {
        const CUresult done = driver.cuStreamSynchronize(stream);
        result = result == CUDA_SUCCESS ? done : result;
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemcpy2DAsync", result);
    }
    return {};
}

} // namespace cuda

Result<> copy_from_gpu(const Planes& to, const cuframes_geometry& g, const cuframes_image& image) {
    auto driver = cuda::driver();
    if (!driver) {
        return driver.error();
    }
    auto* stream = static_cast<CUstream>(image.cuda_stream.stream);
    if (!image.cuda_stream.context && cuda::is_default_stream(stream)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     "an image in GPU memory for a ring in host memory needs the context of its cuda_stream"};
    }
    return cuda::copy_now(**driver, to, CU_MEMORYTYPE_HOST, planes_of(image), CU_MEMORYTYPE_DEVICE, g, stream,
                          static_cast<CUcontext>(image.cuda_stream.context));
}

} // namespace cuframes::core
