// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst-common/relaxed_capture.h"

#include <dlfcn.h>
#include <gst/cuda/gstcuda.h>

#include <atomic>

namespace cuframes::gst {
namespace {

using Exchange = CUresult (*)(CUstreamCaptureMode*);
std::atomic<Exchange> exchange = nullptr;

/// Of the calling thread: scopes that it is in, and in which of them the mode was changed, 0: in none.
struct Scopes {
    int depth = 0;
    int changed_at = 0;
    CUstreamCaptureMode before = CU_STREAM_CAPTURE_MODE_GLOBAL;
};
thread_local Scopes scopes;

} // namespace

void RelaxedCapture::enter() {
    ++scopes.depth;
    const Exchange call = exchange.load(std::memory_order_acquire);
    if (scopes.changed_at != 0 || !call) {
        return;
    }
    scopes.before = CU_STREAM_CAPTURE_MODE_RELAXED;
    if (call(&scopes.before) == CUDA_SUCCESS) {
        scopes.changed_at = scopes.depth;
    }
}

void RelaxedCapture::leave() {
    if (scopes.changed_at == scopes.depth) {
        scopes.changed_at = 0;
        exchange.load(std::memory_order_acquire)(&scopes.before);
    }
    --scopes.depth;
}

bool load_cuda() {
    if (!gst_cuda_load_library()) {
        return false;
    }
    // Never closed: the driver does not take being unloaded.
    static void* const driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (driver && !exchange.load(std::memory_order_relaxed)) {
        exchange.store(reinterpret_cast<Exchange>(dlsym(driver, "cuThreadExchangeStreamCaptureMode")),
                       std::memory_order_release);
    }
    return true;
}

} // namespace cuframes::gst
