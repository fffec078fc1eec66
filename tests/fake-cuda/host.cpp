// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"
#include "memory.h"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <mutex>
#include <vector>

// Host memory that the GPU may use: allocated by the driver, or the application's and registered.
using namespace fake_cuda;

namespace {

struct FileCloser {
    void operator()(FILE* file) const { std::fclose(file); }
};

// All that can be checked in a PID namespace without a /proc of its own.
bool is_mapped_at_all(uintptr_t start, uintptr_t end) {
    constexpr uintptr_t page = 4096;
    const uintptr_t first = start / page * page;
    std::vector<unsigned char> residency((end - first + page - 1) / page);
    void* address = reinterpret_cast<void*>(first); // NOLINT(performance-no-int-to-ptr)
    return mincore(address, end - first, residency.data()) == 0;
}

// Whether all of [start, end) is mapped with the permissions that the GPU's access needs. The
// kernel refuses to pin anything else, and a later write to it would kill this process.
bool is_mapped(uintptr_t start, uintptr_t end, bool writable) {
    const std::unique_ptr<FILE, FileCloser> maps(std::fopen("/proc/self/maps", "re"));
    if (!maps) {
        return is_mapped_at_all(start, end);
    }
    char line[512];
    while (start < end && std::fgets(line, sizeof line, maps.get()) != nullptr) {
        uintptr_t from = 0, to = 0;
        char permissions[5] = {};
        if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to, permissions) != 3) {
            continue;
        }
        if (to <= start) {
            continue;
        }
        if (from > start || permissions[0] != 'r' || (writable && permissions[1] != 'w')) {
            return false;
        }
        start = to;
    }
    return start >= end;
}

CUresult register_host(void* pointer, size_t size, unsigned int flags, const Context& context) {
    const auto base = reinterpret_cast<uintptr_t>(pointer);
    constexpr unsigned int known = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP |
                                   CU_MEMHOSTREGISTER_IOMEMORY | CU_MEMHOSTREGISTER_READ_ONLY;
    const bool read_only = (flags & CU_MEMHOSTREGISTER_READ_ONLY) != 0;
    if (base == 0 || size == 0 || base + size < base || (flags & ~known) != 0) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (!is_mapped(base, base + size, !read_only)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    std::unique_lock lock(address_map().mutex);
    if (overlaps_range(base, size)) {
        return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    }
    Range range;
    range.base = base;
    range.size = size;
    range.kind = RangeKind::registered;
    range.device = context.device;
    range.owner = context.handle;
    range.allow_everywhere(read_only ? CU_MEM_ACCESS_FLAGS_PROT_READ : CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    insert_range(std::move(range));
    return CUDA_SUCCESS;
}

CUresult allocate_host(void** out, size_t size, const Context& context) {
    CUdeviceptr pointer = 0;
    const CUresult result = allocate(out != nullptr ? &pointer : nullptr, size, RangeKind::pinned, context);
    if (result == CUDA_SUCCESS) {
        *out = reinterpret_cast<void*>(pointer); // NOLINT(performance-no-int-to-ptr)
    }
    return result;
}

} // namespace

extern "C" {

CUresult CUDAAPI cuMemAllocHost_v2(void** out, size_t size) {
    return in_context(__func__, [&](const ContextRef& c) { return allocate_host(out, size, *c); });
}

CUresult CUDAAPI cuMemHostAlloc(void** out, size_t size, unsigned int) {
    return in_context(__func__, [&](const ContextRef& c) { return allocate_host(out, size, *c); });
}

CUresult CUDAAPI cuMemFreeHost(void* pointer) {
    return in_context(__func__, [&](const ContextRef&) {
        const auto address = reinterpret_cast<uintptr_t>(pointer);
        drain_owner(address, RangeKind::pinned);
        return release(address, RangeKind::pinned);
    });
}

CUresult CUDAAPI cuMemHostRegister_v2(void* pointer, size_t size, unsigned int flags) {
    return in_context(__func__,
                      [&](const ContextRef& context) { return register_host(pointer, size, flags, *context); });
}

// Does not wait: an operation that still wants the memory faults, which shows the missing wait.
CUresult CUDAAPI cuMemHostUnregister(void* pointer) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        const CUresult result = release(reinterpret_cast<uintptr_t>(pointer), RangeKind::registered);
        return result == CUDA_SUCCESS ? result : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
    });
}

// Host and device share one address space here, as with unified addressing on a 64-bit host.
CUresult CUDAAPI cuMemHostGetDevicePointer_v2(CUdeviceptr* out, void* pointer, unsigned int flags) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        if (out == nullptr || flags != 0) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        const auto address = reinterpret_cast<uintptr_t>(pointer);
        std::shared_lock lock(address_map().mutex);
        const Range* range = find_range(address);
        if (range == nullptr || range->on_device()) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *out = address;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuMemHostGetFlags(unsigned int* flags, void* pointer) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        std::shared_lock lock(address_map().mutex);
        const Range* range = find_range(reinterpret_cast<uintptr_t>(pointer));
        if (flags == nullptr || range == nullptr || range->on_device()) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *flags = CU_MEMHOSTALLOC_DEVICEMAP;
        return CUDA_SUCCESS;
    });
}
}
