// SPDX-License-Identifier: LGPL-2.1-or-later
#include "address_map.h"

#include "vmm.h"

#include <mutex>

namespace fake_cuda {

AddressMap& address_map() {
    static AddressMap* const instance = new AddressMap;
    return *instance;
}

Range* find_range(uintptr_t address) {
    auto& ranges = address_map().ranges;
    auto it = ranges.upper_bound(address);
    if (it == ranges.begin()) {
        return nullptr;
    }
    --it;
    return address < it->second.end() ? &it->second : nullptr;
}

const Range* find_device_range(uintptr_t address) {
    const Range* range = find_range(address);
    return range != nullptr && range->on_device() ? range : nullptr;
}

bool in_reservation(uintptr_t address) {
    const auto& reservations = address_map().reservations;
    auto it = reservations.upper_bound(address);
    if (it == reservations.begin()) {
        return false;
    }
    --it;
    return address < it->first + it->second;
}

bool accessible(uintptr_t address, size_t size, int device, Access access) {
    if (address + size < address) {
        return false;
    }
    const uintptr_t end = address + size;
    while (address < end) {
        const Range* range = find_range(address);
        if (range == nullptr) {
            return false;
        }
        const CUmemAccess_flags flags = range->access[static_cast<size_t>(device)];
        const bool readable = flags != CU_MEM_ACCESS_FLAGS_PROT_NONE;
        const bool writable = flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
        if (access == Access::write ? !writable : !readable) {
            return false;
        }
        // Only mappings are laid side by side on purpose; running off the end of an allocation
        // into its neighbour is an overflow.
        if (range->kind != RangeKind::mapping && end > range->end()) {
            return false;
        }
        address = range->end();
    }
    return true;
}

bool overlaps_range(uintptr_t address, size_t size) {
    const auto& ranges = address_map().ranges;
    const auto next = ranges.lower_bound(address);
    if (next != ranges.end() && next->first < address + size) {
        return true;
    }
    return find_range(address) != nullptr;
}

void insert_range(Range range) {
    AddressMap& map = address_map();
    range.id = map.next_id++;
    map.ranges[range.base] = std::move(range);
}

size_t device_bytes_in_use() {
    AddressMap& map = address_map();
    std::shared_lock lock(map.mutex);
    size_t bytes = live_vmm_bytes();
    for (const auto& [base, range] : map.ranges) {
        if (range.kind == RangeKind::device) {
            bytes += range.size;
        }
    }
    return bytes;
}

} // namespace fake_cuda
