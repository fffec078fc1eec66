// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/cuda/streams.h"

#include <optional>

namespace cuframes::core::cuda {

Result<CUcontext> context_of_stream(const Driver& driver, CUstream stream, CUcontext said) {
    if (is_default_stream(stream)) {
        return said;
    }
    std::optional<Current> current;
    if (said) {
        current.emplace(driver, said);
    }
    CUcontext own = nullptr;
    if (const CUresult result = driver.cuStreamGetCtx(stream, &own); result != CUDA_SUCCESS) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("this is no CUDA stream of this process, or none any more: ",
                                                           driver_error("cuStreamGetCtx", result).message)};
    }
    return own;
}

CUresult check_not_capturing(const Driver& driver, CUstream stream) {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    if (const CUresult result = driver.cuStreamIsCapturing(stream, &status); result != CUDA_SUCCESS) {
        return result;
    }
    return status == CU_STREAM_CAPTURE_STATUS_NONE ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult record_behind(const Driver& driver, CUevent event, CUstream stream) {
    CUresult result = check_not_capturing(driver, stream);
    if (result == CUDA_SUCCESS) {
        result = driver.cuEventRecord(event, stream);
    }
    // A capture that began in between has taken the event in, and would take in whoever waits for it. The legacy stream
    // captures nothing.
    return result == CUDA_SUCCESS && stream != CU_STREAM_LEGACY ? check_not_capturing(driver, stream) : result;
}

bool may_pass_later(CUresult result) {
    switch (result) {
    case CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED:
    case CUDA_ERROR_STREAM_CAPTURE_INVALIDATED:
    case CUDA_ERROR_STREAM_CAPTURE_MERGE:
    case CUDA_ERROR_STREAM_CAPTURE_UNMATCHED:
    case CUDA_ERROR_STREAM_CAPTURE_UNJOINED:
    case CUDA_ERROR_STREAM_CAPTURE_ISOLATION:
    case CUDA_ERROR_STREAM_CAPTURE_IMPLICIT:
    case CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD:
    case CUDA_ERROR_CAPTURED_EVENT:
    case CUDA_ERROR_NOT_PERMITTED:
    case CUDA_ERROR_OUT_OF_MEMORY:
        return true;
    default:
        return false;
    }
}

} // namespace cuframes::core::cuda
