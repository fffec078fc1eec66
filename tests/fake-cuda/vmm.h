// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "address_map.h"

namespace fake_cuda {

// What real drivers answer for device memory.
constexpr size_t vmm_granularity = size_t{2} << 20;

// Physical memory of cuMemCreate: a memfd. It lives while a handle or a mapping refers to it.
struct VmmAllocation {
    VmmAllocation(int descriptor, size_t bytes, int location, bool can_export);
    ~VmmAllocation();
    VmmAllocation(const VmmAllocation&) = delete;
    VmmAllocation& operator=(const VmmAllocation&) = delete;

    const int fd;
    const size_t size;
    const int device;
    const bool exportable;
    CUmemGenericAllocationHandle handle = 0;
    unsigned int handle_references = 0;
};

using AllocationRef = std::shared_ptr<VmmAllocation>;

size_t live_vmm_bytes();

inline bool is_granular(size_t size) { return size != 0 && size % vmm_granularity == 0; }

// Enters a handle with one reference. Call with AddressMap::mutex held exclusively.
CUmemGenericAllocationHandle publish_handle(const AllocationRef& allocation);

// Makes the sealed memfd behind a new allocation; -1 with errno set.
int create_backing(size_t size, int device);

struct Backing {
    size_t size = 0;
    int device = -1;
};

// What the memfd is, if it is one of ours; a stranger's descriptor is CUDA_ERROR_INVALID_VALUE.
CUresult inspect_backing(int fd, Backing& out);

} // namespace fake_cuda
