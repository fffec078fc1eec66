// SPDX-License-Identifier: LGPL-2.1-or-later
#include "vmm.h"

#include "call.h"
#include "device.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

// Physical allocations and their handles: create, export, import, release.
namespace fake_cuda {

CUmemGenericAllocationHandle publish_handle(const AllocationRef& allocation) {
    AddressMap& map = address_map();
    if (allocation->handle == 0) {
        allocation->handle = 0xa000 + 0x10 * map.next_id++;
    }
    ++allocation->handle_references;
    map.handles[allocation->handle] = allocation;
    return allocation->handle;
}

namespace {

CUresult check_properties(const CUmemAllocationProp* prop) {
    if (prop == nullptr || prop->type != CU_MEM_ALLOCATION_TYPE_PINNED) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (prop->location.type != CU_MEM_LOCATION_TYPE_DEVICE) {
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    if (!is_device(prop->location.id)) {
        return CUDA_ERROR_INVALID_DEVICE;
    }
    constexpr unsigned int known = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    const auto wanted = static_cast<unsigned int>(prop->requestedHandleTypes);
    return (wanted & ~known) == 0 ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

CUresult create(CUmemGenericAllocationHandle* out, size_t size, const CUmemAllocationProp* prop,
                unsigned long long flags) {
    const CUresult refused = check_properties(prop);
    if (refused != CUDA_SUCCESS) {
        return refused;
    }
    if (out == nullptr || flags != 0 || !is_granular(size)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    const bool exportable = prop->requestedHandleTypes != CU_MEM_HANDLE_TYPE_NONE;
    if (exportable && config().no_vmm) {
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    if (size > device_memory || live_vmm_bytes() > device_memory - size) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    const int fd = create_backing(size, prop->location.id);
    if (fd < 0) {
        return errno == EMFILE ? CUDA_ERROR_OPERATING_SYSTEM : CUDA_ERROR_OUT_OF_MEMORY;
    }
    const auto allocation = std::make_shared<VmmAllocation>(fd, size, prop->location.id, exportable);
    std::unique_lock lock(address_map().mutex);
    *out = publish_handle(allocation);
    return CUDA_SUCCESS;
}

AllocationRef find_allocation(CUmemGenericAllocationHandle handle) {
    AddressMap& map = address_map();
    std::shared_lock lock(map.mutex);
    const auto it = map.handles.find(handle);
    return it == map.handles.end() ? nullptr : it->second;
}

CUresult export_fd(int* out, CUmemGenericAllocationHandle handle, CUmemAllocationHandleType type) {
    const AllocationRef allocation = find_allocation(handle);
    if (!allocation || out == nullptr) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) {
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    if (!allocation->exportable) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    const int fd = fcntl(allocation->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return CUDA_ERROR_OPERATING_SYSTEM;
    }
    *out = fd;
    return CUDA_SUCCESS;
}

// The caller keeps its descriptor.
CUresult import_fd(CUmemGenericAllocationHandle* out, int fd, CUmemAllocationHandleType type) {
    if (out == nullptr) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR || config().no_vmm) {
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    Backing backing;
    const CUresult refused = inspect_backing(fd, backing);
    if (refused != CUDA_SUCCESS) {
        return refused;
    }
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        return CUDA_ERROR_OPERATING_SYSTEM;
    }
    const auto allocation = std::make_shared<VmmAllocation>(own, backing.size, backing.device, true);
    std::unique_lock lock(address_map().mutex);
    *out = publish_handle(allocation);
    return CUDA_SUCCESS;
}

CUresult drop_handle(CUmemGenericAllocationHandle handle) {
    AddressMap& map = address_map();
    std::unique_lock lock(map.mutex);
    const auto it = map.handles.find(handle);
    if (it == map.handles.end()) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (--it->second->handle_references == 0) {
        it->second->handle = 0;
        map.handles.erase(it);
    }
    return CUDA_SUCCESS;
}

} // namespace
} // namespace fake_cuda

using namespace fake_cuda;

extern "C" {

CUresult CUDAAPI cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* prop,
                                               CUmemAllocationGranularity_flags) {
    return guarded(__func__, [&]() -> CUresult {
        const CUresult refused = check_properties(prop);
        if (refused != CUDA_SUCCESS || granularity == nullptr) {
            return refused != CUDA_SUCCESS ? refused : CUDA_ERROR_INVALID_VALUE;
        }
        *granularity = vmm_granularity;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuMemCreate(CUmemGenericAllocationHandle* out, size_t size, const CUmemAllocationProp* prop,
                             unsigned long long flags) {
    return guarded(__func__, [&] { return create(out, size, prop, flags); });
}

CUresult CUDAAPI cuMemRelease(CUmemGenericAllocationHandle handle) {
    return guarded(__func__, [&] { return drop_handle(handle); });
}

CUresult CUDAAPI cuMemExportToShareableHandle(void* out, CUmemGenericAllocationHandle handle,
                                              CUmemAllocationHandleType type, unsigned long long flags) {
    return guarded(__func__, [&] {
        return flags == 0 ? export_fd(static_cast<int*>(out), handle, type) : CUDA_ERROR_INVALID_VALUE;
    });
}

CUresult CUDAAPI cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* out, void* os_handle,
                                                CUmemAllocationHandleType type) {
    // The descriptor travels in the pointer itself.
    const auto fd = static_cast<int>(reinterpret_cast<intptr_t>(os_handle));
    return guarded(__func__, [&] { return import_fd(out, fd, type); });
}

CUresult CUDAAPI cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* prop,
                                                        CUmemGenericAllocationHandle handle) {
    return guarded(__func__, [&]() -> CUresult {
        const AllocationRef allocation = find_allocation(handle);
        if (prop == nullptr || !allocation) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *prop = {};
        prop->type = CU_MEM_ALLOCATION_TYPE_PINNED;
        prop->location.type = CU_MEM_LOCATION_TYPE_DEVICE;
        prop->location.id = allocation->device;
        if (allocation->exportable) {
            prop->requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
        }
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* out, void* address) {
    return guarded(__func__, [&]() -> CUresult {
        std::unique_lock lock(address_map().mutex);
        const Range* range = find_range(reinterpret_cast<uintptr_t>(address));
        if (out == nullptr || range == nullptr || !range->backing) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *out = publish_handle(range->backing);
        return CUDA_SUCCESS;
    });
}
}
