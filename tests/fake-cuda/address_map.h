// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "driver_api.h"
#include "knobs.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>

// Which addresses of the process the driver knows, and who may do what with them.
namespace fake_cuda {

struct VmmAllocation;

enum class RangeKind {
    device,     // cuMemAlloc and relatives
    pinned,     // cuMemAllocHost, cuMemHostAlloc
    registered, // cuMemHostRegister
    mapping,    // cuMemMap
};

enum class Access { read, write };

struct Range {
    uintptr_t base = 0;
    size_t size = 0;
    RangeKind kind = RangeKind::device;
    int device = 0;
    CUcontext owner = nullptr; // null for mappings: they belong to the process
    std::array<CUmemAccess_flags, max_devices> access{};
    std::shared_ptr<VmmAllocation> backing; // of a mapping
    CUmemoryPool pool = nullptr;            // of a stream-ordered allocation
    bool freed = false;                     // by cuMemFreeAsync whose turn has not come
    unsigned long long id = 0;

    uintptr_t end() const { return base + size; }
    bool on_device() const { return kind == RangeKind::device || kind == RangeKind::mapping; }
    void allow_everywhere(CUmemAccess_flags flags) { access.fill(flags); }
};

// Effects hold the lock shared while they touch memory, everything that maps or unmaps holds it
// exclusively: so an operation whose memory has gone is a reported fault, never a crash.
struct AddressMap {
    std::shared_mutex mutex;
    std::map<uintptr_t, Range> ranges;        // by base
    std::map<uintptr_t, size_t> reservations; // cuMemAddressReserve
    std::map<CUmemGenericAllocationHandle, std::shared_ptr<VmmAllocation>> handles;
    uint64_t next_id = 1;
};

AddressMap& address_map();

// The rest is to be called with AddressMap::mutex held, shared or exclusively.

Range* find_range(uintptr_t address);
const Range* find_device_range(uintptr_t address); // null for host memory, known or not
bool in_reservation(uintptr_t address);

// Whether `device` may access all of [address, address + size), which may span adjacent mappings.
bool accessible(uintptr_t address, size_t size, int device, Access access);

// Whether any byte of [address, address + size) is known already.
bool overlaps_range(uintptr_t address, size_t size);

void insert_range(Range range); // exclusively

// Takes the lock itself.
size_t device_bytes_in_use();

} // namespace fake_cuda
