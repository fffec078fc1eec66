// SPDX-License-Identifier: LGPL-2.1-or-later
/// A plane of a frame as a DLPack tensor, on its way out.
///
/// The struct handed to a consumer owns one reference to whatever holds the pixels; its deleter is plain C, may run on
/// any thread with or without Python's interpreter lock, and ends that reference. Sources of the rules: the DLPack
/// header and the Python array API's `__dlpack__`.
#pragma once

#include "tensors/formats.h"

#include <dlpack/dlpack.h>

namespace cuframes::tensors {

/// How to look at a plane.
enum class View : uint8_t {
    pixels,      ///< (rows, columns) or, with several channels, (rows, columns, channels).
    flat_pixels, ///< (rows, columns * channels): what interleaved chroma is for some consumers.
    bytes,       ///< (rows, row bytes) as uint8, whatever the format.
};

/// A tensor's description, without an owner.
struct PlaneTensor {
    void* data = nullptr; ///< First visible element; DLPack's byte_offset is always 0 (not every consumer honours it).
    DLDevice device = {kDLCPU, 0};
    DLDataType dtype = {kDLUInt, 8, 1};
    int32_t ndim = 0;
    int64_t shape[3] = {};
    int64_t strides[3] = {}; ///< In elements, always given.
    bool read_only = false;
};

/// Where a frame's pixels are.
struct Pixels {
    const cuframes_geometry* geometry = nullptr;
    void* data = nullptr; ///< First byte of the slot, buffer or copy; plane offsets count from here.
    DLDevice device = {kDLCPU, 0};
    bool read_only = false;
};

/// Fails with a sentence where the format has no tensor, or the pitch no stride, or the plane does not exist.
CUFRAMES_PRIVATE Result<PlaneTensor> describe_plane(const Pixels& pixels, uint32_t plane, View view) noexcept;

/// What a consumer's tensor keeps alive. `release` is called once, from any thread, and must not block.
struct Owner {
    void* object;
    void (*release)(void* object);
};

/// Takes over `owner`. NULL, with `owner` untouched: no memory.
CUFRAMES_PRIVATE DLManagedTensor* export_legacy(const PlaneTensor& tensor, Owner owner) noexcept;
/// Flags: READ_ONLY is set as the tensor says; `copied` adds IS_COPIED. Stamped DLPack 1.0.
CUFRAMES_PRIVATE DLManagedTensorVersioned* export_versioned(const PlaneTensor& tensor, Owner owner,
                                                            bool copied) noexcept;

} // namespace cuframes::tensors
