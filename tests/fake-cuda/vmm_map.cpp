// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"
#include "device.h"
#include "vmm.h"

#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <vector>

// Virtual addresses: reserve, map, grant access, unmap.
using namespace fake_cuda;

namespace {

void* address_of(uintptr_t value) {
    return reinterpret_cast<void*>(value); // NOLINT(performance-no-int-to-ptr)
}

// Over-maps and trims, for mmap() itself aligns to pages only.
uintptr_t reserve_aligned(size_t size, size_t alignment, uintptr_t wish) {
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const size_t padded = size + alignment;
    void* mapped = mmap(address_of(wish), padded, PROT_NONE, flags, -1, 0);
    if (mapped == MAP_FAILED) {
        return 0;
    }
    const auto start = reinterpret_cast<uintptr_t>(mapped);
    const uintptr_t aligned = (start + alignment - 1) / alignment * alignment;
    if (aligned != start) {
        munmap(mapped, aligned - start);
    }
    if (start + padded != aligned + size) {
        munmap(address_of(aligned + size), start + padded - aligned - size);
    }
    return aligned;
}

CUresult reserve(CUdeviceptr* out, size_t size, size_t alignment, CUdeviceptr wish, unsigned long long flags) {
    const bool power_of_two = (alignment & (alignment - 1)) == 0;
    if (out == nullptr || flags != 0 || !is_granular(size) || !power_of_two) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    const uintptr_t base = reserve_aligned(size, std::max(alignment, vmm_granularity), wish);
    if (base == 0) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    AddressMap& map = address_map();
    std::unique_lock lock(map.mutex);
    map.reservations[base] = size;
    *out = base;
    return CUDA_SUCCESS;
}

CUresult unreserve(CUdeviceptr base, size_t size) {
    AddressMap& map = address_map();
    std::unique_lock lock(map.mutex);
    const auto it = map.reservations.find(base);
    if (it == map.reservations.end() || it->second != size || overlaps_range(base, size)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    munmap(address_of(base), size);
    map.reservations.erase(it);
    return CUDA_SUCCESS;
}

bool inside_reservation(uintptr_t base, size_t size) {
    const auto& reservations = address_map().reservations;
    auto it = reservations.upper_bound(base);
    if (it == reservations.begin()) {
        return false;
    }
    --it;
    return base + size > base && base + size <= it->first + it->second;
}

CUresult map_memory(CUdeviceptr base, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                    unsigned long long flags) {
    AddressMap& map = address_map();
    std::unique_lock lock(map.mutex);
    const auto it = map.handles.find(handle);
    if (it == map.handles.end() || offset != 0 || flags != 0 || !is_granular(size) || size > it->second->size) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (base % vmm_granularity != 0 || !inside_reservation(base, size) || overlaps_range(base, size)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    // No access until cuMemSetAccess grants some.
    if (mmap(address_of(base), size, PROT_NONE, MAP_SHARED | MAP_FIXED, it->second->fd, 0) == MAP_FAILED) {
        return CUDA_ERROR_MAP_FAILED;
    }
    Range range;
    range.base = base;
    range.size = size;
    range.kind = RangeKind::mapping;
    range.device = it->second->device;
    range.backing = it->second;
    range.allow_everywhere(CU_MEM_ACCESS_FLAGS_PROT_NONE);
    insert_range(std::move(range));
    return CUDA_SUCCESS;
}

// The mappings that make up exactly [base, base + size); empty if a border cuts through one or a
// part of it is not mapped. Call with AddressMap::mutex held.
std::vector<Range*> whole_mappings(uintptr_t base, size_t size) {
    std::vector<Range*> found;
    uintptr_t next = base;
    while (next < base + size) {
        Range* range = find_range(next);
        if (range == nullptr || range->kind != RangeKind::mapping || range->base != next ||
            range->end() > base + size) {
            return {};
        }
        found.push_back(range);
        next = range->end();
    }
    return found;
}

CUresult unmap_memory(CUdeviceptr base, size_t size) {
    AddressMap& map = address_map();
    std::unique_lock lock(map.mutex);
    const std::vector<Range*> mappings = whole_mappings(base, size);
    if (mappings.empty()) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    if (mmap(address_of(base), size, PROT_NONE, flags, -1, 0) == MAP_FAILED) {
        return CUDA_ERROR_UNMAP_FAILED;
    }
    for (const Range* range : mappings) {
        const uintptr_t mapped = range->base; // outlives the range
        map.ranges.erase(mapped);
    }
    return CUDA_SUCCESS;
}

CUresult check_grant(const CUmemAccessDesc& grant, const Range& range) {
    if (grant.location.type != CU_MEM_LOCATION_TYPE_DEVICE) {
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    if (!is_device(grant.location.id) || !can_access(grant.location.id, range.device)) {
        return CUDA_ERROR_INVALID_DEVICE;
    }
    const bool known = grant.flags == CU_MEM_ACCESS_FLAGS_PROT_NONE || grant.flags == CU_MEM_ACCESS_FLAGS_PROT_READ ||
                       grant.flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// The pages get the union of what the devices may do: a stray write to a mapping that is read-only
// for all of them is caught by the MMU, whoever makes it.
int protection_of(const Range& range) {
    int protection = PROT_NONE;
    for (const CUmemAccess_flags flags : range.access) {
        if (flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE) {
            protection |= PROT_READ | PROT_WRITE;
        } else if (flags == CU_MEM_ACCESS_FLAGS_PROT_READ) {
            protection |= PROT_READ;
        }
    }
    return protection;
}

CUresult set_access(CUdeviceptr base, size_t size, const CUmemAccessDesc* grants, size_t count) {
    std::unique_lock lock(address_map().mutex);
    const std::vector<Range*> mappings = whole_mappings(base, size);
    if (mappings.empty() || grants == nullptr || count == 0) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    for (const Range* range : mappings) {
        for (size_t i = 0; i < count; ++i) {
            const CUresult refused = check_grant(grants[i], *range);
            if (refused != CUDA_SUCCESS) {
                return refused;
            }
        }
    }
    for (Range* range : mappings) {
        for (size_t i = 0; i < count; ++i) {
            range->access[static_cast<size_t>(grants[i].location.id)] = grants[i].flags;
        }
        if (mprotect(address_of(range->base), range->size, protection_of(*range)) != 0) {
            return CUDA_ERROR_OPERATING_SYSTEM;
        }
    }
    return CUDA_SUCCESS;
}

} // namespace

extern "C" {

CUresult CUDAAPI cuMemAddressReserve(CUdeviceptr* out, size_t size, size_t alignment, CUdeviceptr wish,
                                     unsigned long long flags) {
    return guarded(__func__, [&] { return reserve(out, size, alignment, wish, flags); });
}

CUresult CUDAAPI cuMemAddressFree(CUdeviceptr base, size_t size) {
    return guarded(__func__, [&] { return unreserve(base, size); });
}

CUresult CUDAAPI cuMemMap(CUdeviceptr base, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                          unsigned long long flags) {
    return guarded(__func__, [&] { return map_memory(base, size, offset, handle, flags); });
}

CUresult CUDAAPI cuMemUnmap(CUdeviceptr base, size_t size) {
    return guarded(__func__, [&] { return unmap_memory(base, size); });
}

CUresult CUDAAPI cuMemSetAccess(CUdeviceptr base, size_t size, const CUmemAccessDesc* grants, size_t count) {
    return guarded(__func__, [&] { return set_access(base, size, grants, count); });
}

CUresult CUDAAPI cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr pointer) {
    return guarded(__func__, [&]() -> CUresult {
        if (flags == nullptr || location == nullptr || location->type != CU_MEM_LOCATION_TYPE_DEVICE ||
            !is_device(location->id)) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        std::shared_lock lock(address_map().mutex);
        const Range* range = find_range(pointer);
        if (range == nullptr || range->kind != RangeKind::mapping) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *flags = range->access[static_cast<size_t>(location->id)];
        return CUDA_SUCCESS;
    });
}
}
