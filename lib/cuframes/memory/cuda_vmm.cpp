// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory/cuda_vmm.h"

#include <fcntl.h>

#include <mutex>
#include <set>

namespace cuframes::core::cuda {

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

Result<> run_self_test(const Context& context) {
    auto size = VmmRange::granularity(context);
    if (!size) {
        return size.error();
    }
    auto made = VmmRange::reserve(context, *size, 1);
    auto imported = VmmRange::reserve(context, *size, 1);
    if (!made || !imported) {
        return made ? imported.error() : made.error();
    }
    if (auto allocated = made->allocate(); !allocated) {
        return allocated.error();
    }
    auto fd = made->export_fd(0);
    if (!fd) {
        return fd.error();
    }
    return imported->import(fd->get());
}

} // namespace

Result<uint64_t> VmmRange::granularity(const Context& context) {
    Current current(context.driver(), context.get());
    const CUmemAllocationProp properties = properties_for(context.device());
    size_t granularity = 0;
    const CUresult result =
        context.driver().cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemGetAllocationGranularity", result);
    }
    return uint64_t{granularity};
}

Result<VmmRange> VmmRange::reserve(const Context& context, uint64_t chunk_size, uint32_t chunks) {
    VmmRange out(context, chunk_size, chunks);
    Current current(context.driver(), context.get());
    const CUresult result = context.driver().cuMemAddressReserve(&out.address_, out.size(), 0, 0, 0);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemAddressReserve", result);
    }
    return out;
}

VmmRange::~VmmRange() {
    const Driver& driver = context_.driver();
    for (uint32_t chunk = 0; chunk < mapped(); ++chunk) {
        driver.cuMemUnmap(address_ + chunk * chunk_size_, chunk_size_);
        driver.cuMemRelease(mapped_[chunk]);
    }
    if (address_) {
        driver.cuMemAddressFree(address_, size());
    }
}

Result<> VmmRange::check_room() const {
    if (mapped() < chunks_) {
        return {};
    }
    return Error{CUFRAMES_ERROR_PROTOCOL, text("the ring has room for ", chunks_, " chunks of memory and no more")};
}

Result<> VmmRange::allocate() {
    if (auto room = check_room(); !room) {
        return room;
    }
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    const CUmemAllocationProp properties = properties_for(context_.device());
    CUmemGenericAllocationHandle handle = 0;
    const CUresult result = driver.cuMemCreate(&handle, chunk_size_, &properties, 0);
    if (result == CUDA_ERROR_OUT_OF_MEMORY) {
        return Error{CUFRAMES_ERROR_NO_MEMORY,
                     text("GPU ", context_.device(), " has no ", chunk_size_,
                          " bytes left for frames: free GPU memory, or let the ring hold fewer frames")};
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemCreate", result);
    }
    if (auto done = map(handle, CU_MEM_ACCESS_FLAGS_PROT_READWRITE); !done) {
        return done;
    }
    return zero(address_ + (mapped() - 1) * chunk_size_);
}

Result<> VmmRange::import(int fd) {
    if (auto room = check_room(); !room) {
        return room;
    }
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    CUmemGenericAllocationHandle handle = 0;
    const CUresult result = driver.cuMemImportFromShareableHandle(
        &handle, reinterpret_cast<void*>(static_cast<intptr_t>(fd)), CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemImportFromShareableHandle", result);
    }
    return map(handle, CU_MEM_ACCESS_FLAGS_PROT_READ);
}

/// Takes over the handle, whatever comes of it.
Result<> VmmRange::map(CUmemGenericAllocationHandle handle, CUmemAccess_flags flags) {
    const Driver& driver = context_.driver();
    const CUdeviceptr address = address_ + mapped() * chunk_size_;
    CUresult result = driver.cuMemMap(address, chunk_size_, 0, handle, 0);
    if (result != CUDA_SUCCESS) {
        driver.cuMemRelease(handle);
        return driver_error("cuMemMap", result);
    }
    mapped_.push_back(handle);
    CUmemAccessDesc access = {};
    access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    access.location.id = context_.device();
    access.flags = flags;
    if (result = driver.cuMemSetAccess(address, chunk_size_, &access, 1); result != CUDA_SUCCESS) {
        driver.cuMemUnmap(address, chunk_size_);
        driver.cuMemRelease(handle);
        mapped_.pop_back();
        return driver_error("cuMemSetAccess", result);
    }
    return {};
}

/// Memory comes with the pixels of whoever had it before. In a stream of its own, so that nobody's work waits.
Result<> VmmRange::zero(CUdeviceptr address) const {
    const Driver& driver = context_.driver();
    CUstream stream = nullptr;
    CUresult result = driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING);
    if (result == CUDA_SUCCESS) {
        result = driver.cuMemsetD8Async(address, 0, chunk_size_, stream);
        if (result == CUDA_SUCCESS) {
            result = driver.cuStreamSynchronize(stream);
        }
        driver.cuStreamDestroy(stream);
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemsetD8Async", result);
    }
    return {};
}

Result<UniqueFd> VmmRange::export_fd(uint32_t chunk) const {
    int fd = -1;
    const CUresult result = context_.driver().cuMemExportToShareableHandle(&fd, mapped_[chunk],
                                                                           CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemExportToShareableHandle", result);
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    return UniqueFd(fd);
}

Result<> self_test(const Context& context) {
    static std::mutex mutex;
    static std::set<int32_t> passed; // A failure is not remembered: what the driver refused now it may take later.
    std::lock_guard lock(mutex);
    if (passed.count(context.device()) > 0) {
        return {};
    }
    auto result = run_self_test(context);
    if (result) {
        passed.insert(context.device());
    } else if (result.error().code != CUFRAMES_ERROR_NO_MEMORY) {
        result = Error{CUFRAMES_ERROR_NO_GPU_SHARING,
                       text("GPU ", context.device(), " cannot share memory between processes with this driver: ",
                            result.error().message, "; use host memory instead (memory=system)")};
    }
    return result;
}

} // namespace cuframes::core::cuda
