// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory.h"

#include "call.h"
#include "context.h"
#include "device.h"

#include <sys/mman.h>

#include <mutex>

namespace fake_cuda {
namespace {

// What cudaMallocPitch aligns rows to on current GPUs.
constexpr size_t pitch_alignment = 512;

size_t page_rounded(size_t size) {
    constexpr size_t page = 4096;
    return (size + page - 1) / page * page;
}

void unmap(const Range& range) {
    if (range.kind == RangeKind::device || range.kind == RangeKind::pinned) {
        munmap(reinterpret_cast<void*>(range.base), page_rounded(range.size)); // NOLINT
    }
}

CUresult free_device_memory(CUdeviceptr pointer) {
    if (pointer == 0) {
        return CUDA_SUCCESS;
    }
    drain_owner(pointer, RangeKind::device);
    return release(pointer, RangeKind::device);
}

} // namespace

CUresult allocate(CUdeviceptr* out, size_t size, RangeKind kind, const Context& context, CUmemoryPool pool) {
    if (out == nullptr || size == 0) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (size > device_memory) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    void* pages =
        mmap(nullptr, page_rounded(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    Range range;
    range.base = reinterpret_cast<uintptr_t>(pages);
    range.size = size;
    range.kind = kind;
    range.device = context.device;
    range.owner = context.handle;
    range.pool = pool;
    range.allow_everywhere(CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    *out = range.base;
    std::unique_lock lock(address_map().mutex);
    insert_range(std::move(range));
    return CUDA_SUCCESS;
}

CUresult release(uintptr_t address, RangeKind kind) {
    AddressMap& map = address_map();
    std::unique_lock lock(map.mutex);
    const auto it = map.ranges.find(address);
    if (it == map.ranges.end() || it->second.kind != kind) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    unmap(it->second);
    map.ranges.erase(it);
    return CUDA_SUCCESS;
}

void free_memory_of(CUcontext owner) {
    AddressMap& map = address_map();
    std::unique_lock lock(map.mutex);
    std::erase_if(map.ranges, [owner](const auto& entry) {
        if (entry.second.owner != owner) {
            return false;
        }
        unmap(entry.second);
        return true;
    });
}

// The real calls wait for the device; code may, and GStreamer does, free with copies in flight.
void drain_owner(uintptr_t address, RangeKind kind) {
    CUcontext owner = nullptr;
    {
        std::shared_lock lock(address_map().mutex);
        const Range* range = find_range(address);
        if (range == nullptr || range->base != address || range->kind != kind) {
            return;
        }
        owner = range->owner;
    }
    Driver& d = driver();
    ContextRef context;
    Points pending;
    {
        std::lock_guard lock(d.mutex);
        context = find_context(d, owner);
        if (!context) {
            return;
        }
        pending = pending_work(*context);
    }
    wait_for(context, pending);
}

} // namespace fake_cuda

using namespace fake_cuda;

extern "C" {

CUresult CUDAAPI cuMemAlloc_v2(CUdeviceptr* out, size_t size) {
    return in_context(__func__,
                      [&](const ContextRef& context) { return allocate(out, size, RangeKind::device, *context); });
}

CUresult CUDAAPI cuMemAllocPitch_v2(CUdeviceptr* out, size_t* pitch, size_t width, size_t height,
                                    unsigned int element_size) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        const bool element_ok = element_size == 4 || element_size == 8 || element_size == 16;
        if (pitch == nullptr || !element_ok || width == 0 || height == 0) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (width > device_memory || height > device_memory / width) {
            return CUDA_ERROR_OUT_OF_MEMORY;
        }
        *pitch = (width + pitch_alignment - 1) / pitch_alignment * pitch_alignment;
        return allocate(out, *pitch * height, RangeKind::device, *context);
    });
}

CUresult CUDAAPI cuMemFree_v2(CUdeviceptr pointer) {
    return in_context(__func__, [&](const ContextRef&) { return free_device_memory(pointer); });
}

CUresult CUDAAPI cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* size, CUdeviceptr pointer) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        std::shared_lock lock(address_map().mutex);
        const Range* range = find_range(pointer);
        if (range == nullptr) {
            return CUDA_ERROR_NOT_FOUND;
        }
        if (base != nullptr) {
            *base = range->base;
        }
        if (size != nullptr) {
            *size = range->size;
        }
        return CUDA_SUCCESS;
    });
}
}
