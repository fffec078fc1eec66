// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "memory.h"

#include <cstddef>

namespace fake_cuda {

// One side of a 2D transfer. A side that must be known to the driver is refused when it is not; the
// other may be any host memory of the process.
struct Side {
    uintptr_t start = 0;
    size_t pitch = 0;
    bool must_be_known = false;
};

struct Extent {
    size_t width = 0; // in bytes
    size_t height = 0;

    bool empty() const { return width == 0 || height == 0; }
    size_t bytes() const { return width * height; }
    size_t span(size_t pitch) const { return pitch * (height - 1) + width; }
};

// Whether `device` may do that; call with AddressMap::mutex held.
CUresult check_side(const Side& side, const Extent& extent, int device, Access access);

void count_copy(bool from_device, bool to_device, size_t bytes);
void count_fill(size_t bytes);

inline std::byte* bytes_at(uintptr_t address) {
    return reinterpret_cast<std::byte*>(address); // NOLINT(performance-no-int-to-ptr)
}

} // namespace fake_cuda
