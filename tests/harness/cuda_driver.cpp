// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cuda_driver.h"

#include <dlfcn.h>

namespace cuframes::test {
namespace {

template <typename Function>
bool find(void* library, const char* name, Function& function, std::string& problem) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    if (!function) {
        problem = std::string("the driver has no ") + name;
    }
    return function != nullptr;
}

} // namespace

bool CudaDriver::load(std::string& problem) {
    library_ = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library_) {
        problem = ::dlerror();
        return false;
    }
    const bool complete =
        find(library_, "cuInit", init, problem) && find(library_, "cuDriverGetVersion", driver_version, problem) &&
        find(library_, "cuDeviceGetCount", device_count, problem) &&
        find(library_, "cuDeviceGet", device_get, problem) &&
        find(library_, "cuDevicePrimaryCtxRetain", primary_retain, problem) &&
        find(library_, "cuDevicePrimaryCtxRelease_v2", primary_release, problem) &&
        find(library_, "cuCtxSetCurrent", context_set_current, problem) &&
        find(library_, "cuCtxCreate_v2", context_create, problem) &&
        find(library_, "cuCtxDestroy_v2", context_destroy, problem) &&
        find(library_, "cuCtxSynchronize", context_synchronize, problem) &&
        find(library_, "cuMemAlloc_v2", memory_alloc, problem) &&
        find(library_, "cuMemFree_v2", memory_free, problem) &&
        find(library_, "cuMemcpyHtoD_v2", copy_to_device, problem) &&
        find(library_, "cuMemcpyDtoH_v2", copy_to_host, problem) &&
        find(library_, "cuMemcpyDtoDAsync_v2", copy_async, problem) && find(library_, "cuMemsetD8_v2", fill, problem) &&
        find(library_, "cuMemsetD8Async", fill_async, problem) &&
        find(library_, "cuStreamCreate", stream_create, problem) &&
        find(library_, "cuStreamQuery", stream_query, problem) &&
        find(library_, "cuStreamSynchronize", stream_synchronize, problem) &&
        find(library_, "cuStreamDestroy_v2", stream_destroy, problem) &&
        find(library_, "cuStreamBeginCapture_v2", capture_begin, problem) &&
        find(library_, "cuStreamEndCapture", capture_end, problem) &&
        find(library_, "cuGraphDestroy", graph_destroy, problem);
    int count = 0;
    if (complete && (init(0) != 0 || device_count(&count) != 0 || count == 0)) {
        problem = "the driver has no device";
        return false;
    }
    return complete;
}

const CudaDriver::Attempt& CudaDriver::attempt() {
    static const Attempt result = [] {
        Attempt fresh;
        auto driver = std::make_unique<CudaDriver>();
        if (driver->load(fresh.problem)) {
            fresh.driver = std::move(driver);
        }
        return fresh;
    }();
    return result;
}

const CudaDriver* CudaDriver::get() { return attempt().driver.get(); }

std::string CudaDriver::absence() { return attempt().problem; }

void CudaDriver::check(int result, const char* call) const {
    if (result != 0) {
        throw std::runtime_error(std::string(call) + " returned " + std::to_string(result));
    }
}

void* CudaDriver::extension(const char* symbol) const { return ::dlsym(library_, symbol); }

void* CudaDriver::use_primary_context(int device) const {
    int handle = 0;
    void* context = nullptr;
    check(device_get(&handle, device), "cuDeviceGet");
    check(primary_retain(&context, handle), "cuDevicePrimaryCtxRetain");
    check(context_set_current(context), "cuCtxSetCurrent");
    return context;
}

} // namespace cuframes::test
