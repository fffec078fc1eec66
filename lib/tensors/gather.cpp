// SPDX-License-Identifier: LGPL-2.1-or-later
/// Pictures whose elements lie in another order than a frame's: mirrored, turned, cropped in steps, channels first.
#include "tensors/import.h"

#include <algorithm>
#include <cstring>

namespace cuframes::tensors {
namespace {

struct Part {
    uint32_t row, rows, column, columns;
};

/// Elements are moved as bytes: a source may be aligned to nothing.
template <size_t Bytes, uint32_t Channels>
void gather_part(const core::PlaneRef& to, const std::byte* from, const Steps& steps, const Part& part) {
    for (uint32_t row = part.row; row < part.row + part.rows; ++row) {
        auto* target = static_cast<std::byte*>(to.data) + to.pitch * row + part.column * Channels * Bytes;
        const std::byte* source = from + steps.row * row + steps.column * part.column;
        for (uint32_t column = 0; column < part.columns; ++column, source += steps.column) {
            for (uint32_t channel = 0; channel < Channels; ++channel, target += Bytes) {
                std::memcpy(target, source + steps.channel * channel, Bytes);
            }
        }
    }
}

/// In parts that are small in both directions, so that a turned picture is read with what was cached of it.
template <size_t Bytes, uint32_t Channels>
void gather_plane(const core::PlaneRef& to, const std::byte* from, const Steps& steps, const cuframes_plane& plane) {
    constexpr uint32_t side = 64;
    const uint32_t columns = plane.row_bytes / (Bytes * Channels);
    const bool turned = std::abs(steps.column) > std::abs(steps.row);
    const uint32_t width = turned ? side : columns;
    for (uint32_t row = 0; row < plane.rows; row += side) {
        for (uint32_t column = 0; column < columns; column += width) {
            gather_part<Bytes, Channels>(
                to, from, steps, {row, std::min(side, plane.rows - row), column, std::min(width, columns - column)});
        }
    }
}

template <size_t Bytes>
void gather_plane(const core::PlaneRef& to, const core::PlaneRef& from, const Steps& steps, const cuframes_plane& plane,
                  uint32_t channels) {
    const auto* source = static_cast<const std::byte*>(from.data);
    if (steps.channel == int64_t{Bytes} && steps.column == int64_t{Bytes} * channels) {
        for (uint32_t row = 0; row < plane.rows; ++row) {
            std::memcpy(static_cast<std::byte*>(to.data) + to.pitch * row, source + steps.row * row, plane.row_bytes);
        }
        return;
    }
    switch (channels) {
    case 1:
        return gather_plane<Bytes, 1>(to, source, steps, plane);
    case 2:
        return gather_plane<Bytes, 2>(to, source, steps, plane);
    case 3:
        return gather_plane<Bytes, 3>(to, source, steps, plane);
    default:
        return gather_plane<Bytes, 4>(to, source, steps, plane);
    }
}

} // namespace

void gather_planes(const core::Planes& to, const SourceFrame& from, const cuframes_geometry& geometry) noexcept {
    const PixelFormat* format = find_format(geometry.format);
    for (uint32_t i = 0; format && i < geometry.plane_count; ++i) {
        const PlaneFormat& content = format->planes[i];
        const cuframes_plane& plane = geometry.planes[i];
        switch (content.bytes) {
        case 1:
            gather_plane<1>(to[i], from.planes[i], from.steps[i], plane, content.channels);
            break;
        case 2:
            gather_plane<2>(to[i], from.planes[i], from.steps[i], plane, content.channels);
            break;
        default:
            gather_plane<4>(to[i], from.planes[i], from.steps[i], plane, content.channels);
        }
    }
}

} // namespace cuframes::tensors
