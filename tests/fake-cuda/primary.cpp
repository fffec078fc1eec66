// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"
#include "context.h"
#include "device.h"

using namespace fake_cuda;

namespace {

// A retain that comes while the last release still drains the context has to wait for its end:
// the new life has the handle of the old one.
std::mutex& lifecycle() {
    static auto* const mutex = new std::mutex;
    return *mutex;
}

} // namespace

extern "C" {

CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext* out, CUdevice device) {
    return guarded(__func__, [&]() -> CUresult {
        if (out == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (!is_device(device)) {
            return CUDA_ERROR_INVALID_DEVICE;
        }
        std::lock_guard one_at_a_time(lifecycle());
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        PrimaryContext& primary = d.primaries[static_cast<size_t>(device)];
        if (primary.handle == nullptr) {
            primary.handle = new_handle<CUcontext>(d);
        }
        if (primary.retained++ == 0) {
            make_context(d, primary.handle, device, primary.flags)->primary = true;
        }
        *out = primary.handle;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    return guarded(__func__, [&]() -> CUresult {
        if (!is_device(device)) {
            return CUDA_ERROR_INVALID_DEVICE;
        }
        std::lock_guard one_at_a_time(lifecycle());
        ContextRef last;
        {
            Driver& d = driver();
            std::lock_guard lock(d.mutex);
            PrimaryContext& primary = d.primaries[static_cast<size_t>(device)];
            if (primary.retained == 0) {
                return CUDA_ERROR_INVALID_CONTEXT;
            }
            if (--primary.retained == 0) {
                last = find_context(d, primary.handle);
            }
        }
        if (last) {
            destroy_context(last);
        }
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuDevicePrimaryCtxGetState(CUdevice device, unsigned int* flags, int* active) {
    return guarded(__func__, [&]() -> CUresult {
        if (!is_device(device)) {
            return CUDA_ERROR_INVALID_DEVICE;
        }
        if (flags == nullptr || active == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        const PrimaryContext& primary = d.primaries[static_cast<size_t>(device)];
        *flags = primary.flags;
        *active = primary.retained > 0 ? 1 : 0;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned int flags) {
    return guarded(__func__, [&]() -> CUresult {
        if (!is_device(device)) {
            return CUDA_ERROR_INVALID_DEVICE;
        }
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        d.primaries[static_cast<size_t>(device)].flags = flags;
        return CUDA_SUCCESS;
    });
}
}
