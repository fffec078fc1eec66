// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensors/formats.h"

#include <algorithm>
#include <array>

namespace cuframes::tensors {
namespace {

constexpr PlaneFormat u8(uint8_t channels, uint8_t log2_x = 0, uint8_t log2_y = 0) {
    return {1, channels, log2_x, log2_y};
}
constexpr PlaneFormat u16(uint8_t channels, uint8_t log2_x = 0, uint8_t log2_y = 0) {
    return {2, channels, log2_x, log2_y};
}
constexpr PlaneFormat u32(uint8_t channels) { return {4, channels, 0, 0}; }

template <class... Planes>
constexpr PixelFormat planar(std::string_view name, Planes... planes) {
    return {name, Refusal::none, sizeof...(planes), false, {planes...}};
}

/// Two pixels share their chroma: (luma, chroma) for each, so two channels, and always an even number of pixels.
constexpr PixelFormat packed_422(std::string_view name, PlaneFormat plane) {
    return {name, Refusal::none, 1, true, {plane}};
}

constexpr PixelFormat refused(std::string_view name, Refusal refusal, uint8_t planes = 1) {
    return {name, refusal, planes, false, {}};
}

constexpr std::array formats{
    // Planar, 8 bits.
    planar("I420", u8(1), u8(1, 1, 1), u8(1, 1, 1)),
    planar("YV12", u8(1), u8(1, 1, 1), u8(1, 1, 1)),
    planar("Y42B", u8(1), u8(1, 1), u8(1, 1)),
    planar("Y444", u8(1), u8(1), u8(1)),
    planar("Y41B", u8(1), u8(1, 2), u8(1, 2)),
    planar("YUV9", u8(1), u8(1, 2, 2), u8(1, 2, 2)),
    planar("YVU9", u8(1), u8(1, 2, 2), u8(1, 2, 2)),
    planar("GBR", u8(1), u8(1), u8(1)),
    planar("GBRA", u8(1), u8(1), u8(1), u8(1)),
    planar("RGBP", u8(1), u8(1), u8(1)),
    planar("BGRP", u8(1), u8(1), u8(1)),
    planar("A420", u8(1), u8(1, 1, 1), u8(1, 1, 1), u8(1)),
    planar("A422", u8(1), u8(1, 1), u8(1, 1), u8(1)),
    planar("A444", u8(1), u8(1), u8(1), u8(1)),
    planar("GRAY8", u8(1)),
    // Luma and interleaved chroma.
    planar("NV12", u8(1), u8(2, 1, 1)),
    planar("NV21", u8(1), u8(2, 1, 1)),
    planar("NV16", u8(1), u8(2, 1)),
    planar("NV61", u8(1), u8(2, 1)),
    planar("NV24", u8(1), u8(2)),
    planar("AV12", u8(1), u8(2, 1, 1), u8(1)),
    planar("P010_10LE", u16(1), u16(2, 1, 1)),
    planar("P012_LE", u16(1), u16(2, 1, 1)),
    planar("P016_LE", u16(1), u16(2, 1, 1)),
    // Packed.
    planar("RGB", u8(3)),
    planar("BGR", u8(3)),
    planar("v308", u8(3)),
    planar("IYU2", u8(3)),
    planar("RGBx", u8(4)),
    planar("BGRx", u8(4)),
    planar("xRGB", u8(4)),
    planar("xBGR", u8(4)),
    planar("RGBA", u8(4)),
    planar("BGRA", u8(4)),
    planar("ARGB", u8(4)),
    planar("ABGR", u8(4)),
    planar("RBGA", u8(4)),
    planar("AYUV", u8(4)),
    planar("VUYA", u8(4)),
    packed_422("YUY2", u8(2)),
    packed_422("UYVY", u8(2)),
    packed_422("YVYU", u8(2)),
    packed_422("VYUY", u8(2)),
    packed_422("Y210", u16(2)),
    packed_422("Y212_LE", u16(2)),
    packed_422("Y216_LE", u16(2)),
    packed_422("v216", u16(2)),
    planar("ARGB64", u16(4)),
    planar("ARGB64_LE", u16(4)),
    planar("RGBA64_LE", u16(4)),
    planar("BGRA64_LE", u16(4)),
    planar("ABGR64_LE", u16(4)),
    planar("AYUV64", u16(4)),
    planar("Y412_LE", u16(4)),
    planar("Y416_LE", u16(4)),
    // Several components in one number.
    planar("RGB16", u16(1)),
    planar("BGR16", u16(1)),
    planar("RGB15", u16(1)),
    planar("BGR15", u16(1)),
    planar("Y410", u32(1)),
    planar("RGB10A2_LE", u32(1)),
    planar("BGR10A2_LE", u32(1)),
    planar("RGB10x_LE", u32(1)),
    planar("BGR10x_LE", u32(1)),
    planar("RGB10x2_LE", u32(1)),
    planar("BGR10x2_LE", u32(1)),
    // Planar, 10 to 16 bits.
    planar("GRAY16_LE", u16(1)),
    planar("GRAY10_LE16", u16(1)),
    planar("I420_10LE", u16(1), u16(1, 1, 1), u16(1, 1, 1)),
    planar("I420_12LE", u16(1), u16(1, 1, 1), u16(1, 1, 1)),
    planar("I422_10LE", u16(1), u16(1, 1), u16(1, 1)),
    planar("I422_12LE", u16(1), u16(1, 1), u16(1, 1)),
    planar("Y444_10LE", u16(1), u16(1), u16(1)),
    planar("Y444_12LE", u16(1), u16(1), u16(1)),
    planar("Y444_16LE", u16(1), u16(1), u16(1)),
    planar("GBR_10LE", u16(1), u16(1), u16(1)),
    planar("GBR_12LE", u16(1), u16(1), u16(1)),
    planar("GBR_16LE", u16(1), u16(1), u16(1)),
    planar("GBRA_10LE", u16(1), u16(1), u16(1), u16(1)),
    planar("GBRA_12LE", u16(1), u16(1), u16(1), u16(1)),
    planar("A420_10LE", u16(1), u16(1, 1, 1), u16(1, 1, 1), u16(1)),
    planar("A420_12LE", u16(1), u16(1, 1, 1), u16(1, 1, 1), u16(1)),
    planar("A420_16LE", u16(1), u16(1, 1, 1), u16(1, 1, 1), u16(1)),
    planar("A422_10LE", u16(1), u16(1, 1), u16(1, 1), u16(1)),
    planar("A422_12LE", u16(1), u16(1, 1), u16(1, 1), u16(1)),
    planar("A422_16LE", u16(1), u16(1, 1), u16(1, 1), u16(1)),
    planar("A444_10LE", u16(1), u16(1), u16(1), u16(1)),
    planar("A444_12LE", u16(1), u16(1), u16(1), u16(1)),
    planar("A444_16LE", u16(1), u16(1), u16(1), u16(1)),
    // Those without tensors of their pixels.
    refused("v210", Refusal::bits_across_bytes),
    refused("UYVP", Refusal::bits_across_bytes),
    refused("IYU1", Refusal::bits_across_bytes),
    refused("r210", Refusal::big_endian),
    refused("GRAY10_LE32", Refusal::bits_across_bytes),
    refused("NV12_10LE32", Refusal::bits_across_bytes, 2),
    refused("NV16_10LE32", Refusal::bits_across_bytes, 2),
    refused("NV12_10LE40", Refusal::bits_across_bytes, 2),
    refused("NV16_10LE40", Refusal::bits_across_bytes, 2),
    refused("NV12_10LE40_4L4", Refusal::tiled, 2),
    refused("NV12_10BE_8L128", Refusal::tiled, 2),
    refused("NV12_64Z32", Refusal::tiled, 2),
    refused("NV12_4L4", Refusal::tiled, 2),
    refused("NV12_32L32", Refusal::tiled, 2),
    refused("NV12_16L32S", Refusal::tiled, 2),
    refused("NV12_8L128", Refusal::tiled, 2),
    refused("MT2110T", Refusal::tiled, 2),
    refused("MT2110R", Refusal::tiled, 2),
    refused("RGB8P", Refusal::palette, 2),
    refused("GRAY16_BE", Refusal::big_endian),
    refused("P010_10BE", Refusal::big_endian, 2),
    refused("P012_BE", Refusal::big_endian, 2),
    refused("P016_BE", Refusal::big_endian, 2),
    refused("I420_10BE", Refusal::big_endian, 3),
    refused("I420_12BE", Refusal::big_endian, 3),
    refused("I422_10BE", Refusal::big_endian, 3),
    refused("I422_12BE", Refusal::big_endian, 3),
    refused("Y444_10BE", Refusal::big_endian, 3),
    refused("Y444_12BE", Refusal::big_endian, 3),
    refused("Y444_16BE", Refusal::big_endian, 3),
    refused("GBR_10BE", Refusal::big_endian, 3),
    refused("GBR_12BE", Refusal::big_endian, 3),
    refused("GBR_16BE", Refusal::big_endian, 3),
    refused("GBRA_10BE", Refusal::big_endian, 4),
    refused("GBRA_12BE", Refusal::big_endian, 4),
    refused("A420_10BE", Refusal::big_endian, 4),
    refused("A420_12BE", Refusal::big_endian, 4),
    refused("A420_16BE", Refusal::big_endian, 4),
    refused("A422_10BE", Refusal::big_endian, 4),
    refused("A422_12BE", Refusal::big_endian, 4),
    refused("A422_16BE", Refusal::big_endian, 4),
    refused("A444_10BE", Refusal::big_endian, 4),
    refused("A444_12BE", Refusal::big_endian, 4),
    refused("A444_16BE", Refusal::big_endian, 4),
    refused("Y212_BE", Refusal::big_endian),
    refused("Y216_BE", Refusal::big_endian),
    refused("Y412_BE", Refusal::big_endian),
    refused("Y416_BE", Refusal::big_endian),
    refused("ARGB64_BE", Refusal::big_endian),
    refused("RGBA64_BE", Refusal::big_endian),
    refused("BGRA64_BE", Refusal::big_endian),
    refused("ABGR64_BE", Refusal::big_endian),
};

constexpr uint32_t shifted(uint32_t value, uint8_t shift) { return (value + (1U << shift) - 1) >> shift; }

constexpr uint32_t aligned(uint32_t value, uint32_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

/// GStreamer stores an even number of rows of these for no reason but its habit; its default layout is what we make.
constexpr std::string_view stored_in_pairs_of_rows[] = {"I422_10LE", "I422_12LE", "A422", "A422_10LE",
                                                        "A422_12LE", "A422_16LE", "A444"};

/// Rows that a plane takes in memory: GStreamer gives subsampled formats whole groups of luma rows.
uint32_t stored_rows(const PixelFormat& format, const PlaneFormat& plane, uint32_t height) {
    uint8_t most = 0;
    for (uint32_t i = 0; i < format.plane_count; ++i) {
        most = std::max(most, format.planes[i].log2_y);
    }
    const bool in_pairs = std::ranges::find(stored_in_pairs_of_rows, format.name) != std::end(stored_in_pairs_of_rows);
    // Groups of four, of YUV9 and its like, are made of the chroma alone.
    const bool is_exact = most > 1 && plane.log2_y == 0;
    const uint32_t group = in_pairs ? 2 : is_exact ? 1 : 1U << most;
    return aligned(height, group) >> plane.log2_y;
}

} // namespace

std::span<const PixelFormat> pixel_formats() noexcept { return formats; }

const PixelFormat* find_format(std::string_view name) noexcept {
    const auto* found =
        std::find_if(formats.begin(), formats.end(), [name](const PixelFormat& format) { return format.name == name; });
    return found == formats.end() ? nullptr : found;
}

std::string refusal_text(std::string_view format, Refusal refusal) {
    constexpr std::string_view way_on = "; take the rows as bytes (plane.bytes), or convert the format before sharing";
    switch (refusal) {
    case Refusal::bits_across_bytes:
        return text("pixels of ", format, " are not whole numbers of 8, 16 or 32 bits, so no tensor can hold them",
                    way_on);
    case Refusal::tiled:
        return text("pixels of ", format, " lie in tiles, which a tensor's strides cannot describe", way_on);
    case Refusal::big_endian:
        return text("numbers of ", format, " are big-endian, which a tensor of this machine cannot say", way_on);
    case Refusal::palette:
        return text("bytes of ", format, " are indices into a palette, not pixels", way_on);
    case Refusal::unknown:
        return text("the format ", format, " is not known to this library", way_on);
    case Refusal::none:
        break;
    }
    return {};
}

Result<cuframes_geometry> make_geometry(std::string_view name, uint32_t width, uint32_t height,
                                        uint32_t pitch_alignment, bool one_pitch) noexcept try {
    const PixelFormat* format = find_format(name);
    const Refusal refusal = format ? format->refusal : Refusal::unknown;
    if (refusal != Refusal::none) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, refusal_text(name, refusal)};
    }
    constexpr uint32_t most = 1U << 16; // The ring's own limit of a side is far below what overflows here.
    if (width < 1 || height < 1 || width > most || height > most) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("a frame of ", width, "x", height, " cannot be: both sides are 1 to ", most, " pixels")};
    }
    cuframes_geometry geometry;
    CUFRAMES_INIT(geometry);
    geometry.width = width;
    geometry.height = height;
    geometry.plane_count = format->plane_count;
    name.copy(geometry.format, sizeof(geometry.format) - 1);
    uint32_t widest = 0;
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        const PlaneFormat& plane = format->planes[i];
        const uint32_t positions = shifted(format->pairs ? aligned(width, 2) : width, plane.log2_x);
        geometry.planes[i].row_bytes = positions * plane.channels * plane.bytes;
        geometry.planes[i].rows = shifted(height, plane.log2_y);
        widest = std::max(widest, geometry.planes[i].row_bytes);
    }
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        cuframes_plane& plane = geometry.planes[i];
        plane.offset = geometry.frame_size;
        plane.pitch = aligned(one_pitch ? widest : plane.row_bytes, pitch_alignment);
        const uint32_t rows = pitch_alignment == 1 ? plane.rows : stored_rows(*format, format->planes[i], height);
        geometry.frame_size += uint64_t{plane.pitch} * rows;
    }
    return geometry;
} catch (const std::bad_alloc&) {
    return core::out_of_memory();
}

} // namespace cuframes::tensors
