// SPDX-License-Identifier: LGPL-2.1-or-later
/// Tensors of other libraries, on their way in: owned, checked, and read as the planes of a frame.
#pragma once

#include "base/planes.h"
#include "tensors/formats.h"

#include <dlpack/dlpack.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cuframes::tensors {

/// Owns a tensor that a producer handed over; calls its deleter once. Move-only.
class ImportedTensor {
public:
    ImportedTensor() = default;
    explicit ImportedTensor(DLManagedTensor* managed) : legacy_(managed) {}
    explicit ImportedTensor(DLManagedTensorVersioned* managed) : versioned_(managed) {}
    ImportedTensor(ImportedTensor&& other) noexcept
        : legacy_(std::exchange(other.legacy_, nullptr)), versioned_(std::exchange(other.versioned_, nullptr)) {}
    CUFRAMES_PRIVATE ImportedTensor& operator=(ImportedTensor&& other) noexcept;
    CUFRAMES_PRIVATE ~ImportedTensor();

    /// Of a major version that this header does not know, nothing but the deleter may be used.
    CUFRAMES_PRIVATE bool is_readable() const noexcept;
    const DLTensor& tensor() const { return versioned_ ? versioned_->dl_tensor : legacy_->dl_tensor; }
    bool is_read_only() const { return versioned_ && (versioned_->flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0; }

private:
    DLManagedTensor* legacy_ = nullptr;
    DLManagedTensorVersioned* versioned_ = nullptr;
};

/// "uint8".
CUFRAMES_PRIVATE std::string dtype_text(const DLDataType& dtype) noexcept;

/// What is wrong with a tensor; Python's TypeError (another kind of numbers) and ValueError are told apart by it.
struct Mismatch {
    enum class Kind { dtype, value, unsupported } kind;
    std::string message;
};

/// Bytes from one element of a plane to the next, in each direction; may be negative, or 0.
struct Steps {
    int64_t row;
    int64_t column;
    int64_t channel;
};

/// A frame where tensors have it; a plane begins at its first element, byte_offset included.
struct SourceFrame {
    DLDevice device = {kDLCPU, 0};
    std::vector<core::PlaneRef> planes;
    /// One for each plane where any has elements that do not lie in compact rows: then pitches mean nothing, and the frame
    /// is read by gather_planes() alone. Else none.
    std::vector<Steps> steps;
};

/// Which strides the reader of a frame can do with.
enum class Strides : uint8_t {
    rows, ///< Rows that are compact inside, one after the other; their pitch is free.
    any,  ///< In host memory any at all, and with the channels first, too: (3, H, W). On a GPU as `rows`.
};

/// Reads `tensors` as a frame of `geometry`'s format and size; its offsets and pitches play no part. Either one tensor
/// for each plane, in the shape that describe_plane() gives or flat, or one tensor of all rows, for formats whose planes
/// have rows of the same length (NV12: (ceil(3·H/2), W)), or whose planes are equally large ((planes, H, W)).
CUFRAMES_PRIVATE std::variant<SourceFrame, Mismatch> read_tensors(const std::vector<const DLTensor*>& tensors,
                                                                  const cuframes_geometry& geometry,
                                                                  Strides strides = Strides::rows) noexcept;

/// Whether the elements of a row lie side by side, and rows do not overlap; a stride of a dimension of one element means
/// nothing.
CUFRAMES_PRIVATE bool has_compact_rows(const DLTensor& tensor) noexcept;

/// Copies the planes of `from`, which has steps, into compact rows of host memory.
CUFRAMES_PRIVATE void gather_planes(const core::Planes& to, const SourceFrame& from,
                                    const cuframes_geometry& geometry) noexcept;

} // namespace cuframes::tensors
