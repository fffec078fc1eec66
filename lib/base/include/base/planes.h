// SPDX-License-Identifier: LGPL-2.1-or-later
/// Where the planes of a frame are, and copies of them, visible bytes only.
#pragma once

#include "cuframes/cuframes.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

namespace cuframes::core {

/// One plane of a frame.
struct PlaneRef {
    void* data = nullptr;
    uint64_t pitch = 0; ///< Bytes from row to row.
};

using Planes = std::array<PlaneRef, CUFRAMES_MAX_PLANES>;

/// The planes of a frame that lies at `data` as `geometry` says.
inline Planes planes_at(const cuframes_geometry& geometry, void* data) {
    Planes planes;
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        planes[i] = {static_cast<std::byte*>(data) + geometry.planes[i].offset, geometry.planes[i].pitch};
    }
    return planes;
}

/// Copies one plane in host memory.
inline void copy_plane(const PlaneRef& to, const PlaneRef& from, const cuframes_plane& plane) {
    auto* target = static_cast<std::byte*>(to.data);
    const auto* source = static_cast<const std::byte*>(from.data);
    if (to.pitch == from.pitch && to.pitch == plane.row_bytes) {
        std::memcpy(target, source, size_t{plane.row_bytes} * plane.rows);
        return;
    }
    for (uint32_t row = 0; row < plane.rows; ++row) {
        std::memcpy(target + to.pitch * row, source + from.pitch * row, plane.row_bytes);
    }
}

/// Copies all planes of `geometry` in host memory.
inline void copy_planes(std::span<const PlaneRef> to, std::span<const PlaneRef> from,
                        const cuframes_geometry& geometry) {
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        copy_plane(to[i], from[i], geometry.planes[i]);
    }
}

} // namespace cuframes::core
