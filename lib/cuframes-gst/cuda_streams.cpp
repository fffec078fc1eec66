// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cuda_streams.h"

namespace cuframes::gst {

using core::cuda::Current;
using core::cuda::Driver;

const Driver* get_driver(GError** error) {
    auto loaded = core::cuda::driver();
    if (loaded) {
        return *loaded;
    }
    set_error(error, loaded.error());
    return nullptr;
}

bool resolve(int device, gint64 name, StreamRef& stream, GError** error) {
    auto resolved = tensors::resolve_stream(device, name);
    if (!resolved) {
        set_error(error, resolved.error());
        return false;
    }
    stream = *resolved;
    return true;
}

bool order(const Driver& driver, const StreamRef& first, const StreamRef& second, GError** error) {
    // An event of a capture is none to wait for outside, and no other is to be waited for in it: it would break.
    for (const StreamRef& one : {first, second}) {
        const auto runs = one.stream ? tensors::check_runs(one) : Result<>();
        if (!runs) {
            set_error(error, runs.error());
            return false;
        }
    }
    const char* call = "cuEventCreate";
    CUevent event = nullptr;
    CUresult result = CUDA_SUCCESS;
    {
        const Current current(driver, static_cast<CUcontext>(first.context));
        result = current.result();
        if (result == CUDA_SUCCESS) {
            result = driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING);
        }
        if (result == CUDA_SUCCESS) {
            call = "cuEventRecord";
            result = driver.cuEventRecord(event, static_cast<CUstream>(first.stream));
        }
    }
    if (result == CUDA_SUCCESS) {
        const Current current(driver, static_cast<CUcontext>(second.context));
        call = "cuStreamWaitEvent";
        result = driver.cuStreamWaitEvent(static_cast<CUstream>(second.stream), event, 0);
    }
    // The driver keeps what a queued wait needs.
    if (event) {
        driver.cuEventDestroy(event);
    }
    if (result != CUDA_SUCCESS) {
        set_error(error, core::cuda::driver_error(call, result));
    }
    return result == CUDA_SUCCESS;
}

StreamRef stream_of(GstMemory* memory) {
    auto* cuda = GST_CUDA_MEMORY_CAST(memory);
    GstCudaStream* stream = gst_cuda_memory_get_stream(cuda);
    return {.stream = stream ? gst_cuda_stream_get_handle(stream) : CU_STREAM_LEGACY,
            .context = gst_cuda_context_get_handle(cuda->context)};
}

int device_of(GstCudaContext* context) {
    guint device = 0;
    g_object_get(context, "cuda-device-id", &device, nullptr);
    return static_cast<int>(device);
}

} // namespace cuframes::gst
