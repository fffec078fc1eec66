// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory/cuda_vmm.h"

#include <fcntl.h>

#include <map>
#include <mutex>

namespace cuframes::cuda {

namespace {

CUmemAllocationProp properties_for(int32_t device) {
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    properties.location = {};
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = device;
    return properties;
}

uint64_t round_up(uint64_t size, uint64_t unit) { return (size + unit - 1) / unit * unit; }

Result<> run_self_test(const Context& context) {
    auto made = VmmMapping::allocate(context, 1);
    if (!made) {
        return made.error();
    }
    auto fd = made->export_fd();
    if (!fd) {
        return fd.error();
    }
    auto imported = VmmMapping::import(context, fd->get(), made->size());
    if (!imported) {
        return imported.error();
    }
    return {};
}

} // namespace

Result<VmmMapping> VmmMapping::allocate(const Context& context, uint64_t size) {
    const Driver& driver = context.driver();
    Current current(driver, context.get());
    const CUmemAllocationProp properties = properties_for(context.device());
    size_t granularity = 0;
    CUresult result =
        driver.cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemGetAllocationGranularity", result);
    }
    VmmMapping out(driver);
    const uint64_t rounded = round_up(size, granularity);
    if (result = driver.cuMemCreate(&out.handle_, rounded, &properties, 0); result != CUDA_SUCCESS) {
        return driver_error("cuMemCreate", result);
    }
    if (auto mapped = out.map(context.device(), rounded, CU_MEM_ACCESS_FLAGS_PROT_READWRITE); !mapped) {
        return mapped.error();
    }
    // Memory comes with the pixels of whoever had it before.
    result = driver.cuMemsetD8Async(out.address_, 0, rounded, nullptr);
    if (result == CUDA_SUCCESS) {
        result = driver.cuStreamSynchronize(nullptr);
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemsetD8Async", result);
    }
    return out;
}

Result<VmmMapping> VmmMapping::import(const Context& context, int fd, uint64_t size) {
    const Driver& driver = context.driver();
    Current current(driver, context.get());
    VmmMapping out(driver);
    const CUresult result = driver.cuMemImportFromShareableHandle(
        &out.handle_, reinterpret_cast<void*>(static_cast<intptr_t>(fd)), CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemImportFromShareableHandle", result);
    }
    if (auto mapped = out.map(context.device(), size, CU_MEM_ACCESS_FLAGS_PROT_READ); !mapped) {
        return mapped.error();
    }
    return out;
}

Result<> VmmMapping::map(int32_t device, uint64_t size, CUmemAccess_flags flags) {
    CUresult result = driver_->cuMemAddressReserve(&address_, size, 0, 0, 0);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemAddressReserve", result);
    }
    size_ = size;
    if (result = driver_->cuMemMap(address_, size, 0, handle_, 0); result != CUDA_SUCCESS) {
        return driver_error("cuMemMap", result);
    }
    mapped_ = true;
    CUmemAccessDesc access = {};
    access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    access.location.id = device;
    access.flags = flags;
    if (result = driver_->cuMemSetAccess(address_, size, &access, 1); result != CUDA_SUCCESS) {
        return driver_error("cuMemSetAccess", result);
    }
    return {};
}

VmmMapping::~VmmMapping() {
    if (mapped_) {
        driver_->cuMemUnmap(address_, size_);
    }
    if (address_) {
        driver_->cuMemAddressFree(address_, size_);
    }
    if (handle_) {
        driver_->cuMemRelease(handle_);
    }
}

Result<UniqueFd> VmmMapping::export_fd() const {
    int fd = -1;
    const CUresult result =
        driver_->cuMemExportToShareableHandle(&fd, handle_, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemExportToShareableHandle", result);
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    return UniqueFd(fd);
}

Result<> self_test(const Context& context) {
    static std::mutex mutex;
    static std::map<int32_t, Result<>> results;
    std::lock_guard lock(mutex);
    auto known = results.find(context.device());
    if (known == results.end()) {
        auto result = run_self_test(context);
        if (!result && result.error().code != CUFRAMES_ERROR_NO_MEMORY) {
            result = Error{CUFRAMES_ERROR_NO_GPU_SHARING,
                           text("GPU ", context.device(), " cannot share memory between processes with this driver: ",
                                result.error().message, "; use host memory instead (memory=system)")};
        }
        if (!result && result.error().code == CUFRAMES_ERROR_NO_MEMORY) {
            return result; // It may pass later.
        }
        known = results.emplace(context.device(), result).first;
    }
    return known->second;
}

} // namespace cuframes::cuda
