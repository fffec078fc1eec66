// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "address_map.h"
#include "stream.h"

namespace fake_cuda {

// Maps zeroed pages and enters them in the address map.
CUresult allocate(CUdeviceptr* out, size_t size, RangeKind kind, const Context& context, CUmemoryPool pool = nullptr);

// Frees the range that starts at `address`; CUDA_ERROR_INVALID_VALUE if there is none of that kind.
CUresult release(uintptr_t address, RangeKind kind);

// What a context takes with it when it is destroyed.
void free_memory_of(CUcontext owner);

// What cuMemFree and cuMemFreeHost wait for before the memory goes.
void drain_owner(uintptr_t address, RangeKind kind);

} // namespace fake_cuda
