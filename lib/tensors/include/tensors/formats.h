// SPDX-License-Identifier: LGPL-2.1-or-later
/// What the planes of GStreamer's pixel formats hold, as far as a tensor has to know.
///
/// The ring's geometry gives offsets, pitches, bytes and rows; this table adds which numbers the bytes are. It holds every
/// format of GStreamer 1.28; `tests/cuframes-gst` compares it with GStreamer's own.
#pragma once

#include "base/private_api.h"
#include "base/result.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace cuframes::tensors {

using core::Error;
using core::Result;
using core::text;

/// One plane: `channels` unsigned integers of `bytes` bytes for each position, positions subsampled by powers of two.
struct PlaneFormat {
    uint8_t bytes = 0;    ///< Of one element: 1, 2 or 4.
    uint8_t channels = 0; ///< Elements for each position: 1 luma, 2 interleaved chroma, 3 RGB.
    uint8_t log2_x = 0;   ///< Luma pixels for each position, horizontally.
    uint8_t log2_y = 0;   ///< … and vertically.
};

/// Why a format has no tensor of its pixels.
enum class Refusal : uint8_t {
    none,
    bits_across_bytes, ///< v210 and its like: a pixel is not a whole number of elements.
    tiled,             ///< Pixels lie in tiles, which no strides describe.
    big_endian,        ///< Elements have the byte order of other machines.
    palette,           ///< Bytes are indices into another plane.
    unknown,
};

struct PixelFormat {
    std::string_view name;
    Refusal refusal = Refusal::none;
    uint8_t plane_count = 0;
    bool pairs = false; ///< Packed 4:2:2: rows hold an even number of pixels.
    PlaneFormat planes[CUFRAMES_MAX_PLANES] = {};
};

CUFRAMES_PRIVATE std::span<const PixelFormat> pixel_formats() noexcept;

/// NULL: not one of GStreamer 1.28.
CUFRAMES_PRIVATE const PixelFormat* find_format(std::string_view name) noexcept;

/// One sentence for a format whose planes cannot be tensors: what is in the way, and what to do.
std::string refusal_text(std::string_view format, Refusal refusal);

/// The layout of a frame that this process makes itself. `pitch_alignment` 4 gives GStreamer's default in host memory;
/// 512 with `one_pitch` is what cuframessink uses on a GPU (any pitched copy, texture or encoder takes it); 1 is compact.
/// Fails for formats without tensors and for sizes of zero.
CUFRAMES_PRIVATE Result<cuframes_geometry> make_geometry(std::string_view format, uint32_t width, uint32_t height,
                                                         uint32_t pitch_alignment, bool one_pitch = false) noexcept;

} // namespace cuframes::tensors
