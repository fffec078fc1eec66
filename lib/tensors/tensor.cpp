// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensors/tensor.h"

#include <cstdlib>
#include <new>

namespace cuframes::tensors {
namespace {

/// What a consumer gets: the struct of the protocol, what it points to, and the owner, in one allocation.
template <class Managed>
struct Export {
    Managed managed;
    int64_t shape[3];
    int64_t strides[3];
    Owner owner;
};

template <class Managed>
void delete_export(Managed* managed) {
    auto* self = static_cast<Export<Managed>*>(managed->manager_ctx);
    const Owner owner = self->owner;
    std::free(self);
    owner.release(owner.object);
}

template <class Managed>
Managed* make_export(const PlaneTensor& tensor, Owner owner) {
    // malloc: a deleter may run after static objects of C++ are gone, and from a library that has its own operator new.
    void* memory = std::calloc(1, sizeof(Export<Managed>));
    if (!memory) {
        return nullptr;
    }
    auto* self = new (memory) Export<Managed>{};
    self->owner = owner;
    for (int32_t i = 0; i < tensor.ndim; ++i) {
        self->shape[i] = tensor.shape[i];
        self->strides[i] = tensor.strides[i];
    }
    self->managed.manager_ctx = self;
    self->managed.deleter = delete_export<Managed>;
    self->managed.dl_tensor = {tensor.data, tensor.device, tensor.ndim, tensor.dtype, self->shape, self->strides, 0};
    return &self->managed;
}

Error refuse(std::string message) { return {CUFRAMES_ERROR_INVALID_ARGUMENT, std::move(message)}; }

/// Rows of `row` elements, in groups of `channels` if those are to be a dimension of their own.
Result<PlaneTensor> as_rows(const Pixels& pixels, uint32_t index, uint8_t bytes, uint8_t channels) {
    const cuframes_plane& plane = pixels.geometry->planes[index];
    const uint32_t group = uint32_t{bytes} * channels;
    if (plane.row_bytes % group != 0) {
        return refuse(text("rows of plane ", index, " have ", plane.row_bytes, " bytes, which is no whole number of ",
                           pixels.geometry->format, " pixels; the publisher's layout is wrong"));
    }
    if (plane.pitch % bytes != 0 || plane.offset % bytes != 0) {
        return refuse(text("plane ", index, " begins at byte ", plane.offset, " with a pitch of ", plane.pitch,
                           ", which is no whole number of ", bytes, "-byte elements; take plane.bytes"));
    }
    PlaneTensor tensor;
    tensor.data = static_cast<std::byte*>(pixels.data) + plane.offset;
    tensor.device = pixels.device;
    tensor.dtype = {kDLUInt, static_cast<uint8_t>(8 * bytes), 1};
    tensor.read_only = pixels.read_only;
    tensor.ndim = channels > 1 ? 3 : 2;
    tensor.shape[0] = plane.rows;
    tensor.shape[1] = plane.row_bytes / group;
    tensor.shape[2] = channels;
    tensor.strides[0] = plane.pitch / bytes;
    tensor.strides[1] = channels;
    tensor.strides[2] = 1;
    return tensor;
}

} // namespace

Result<PlaneTensor> describe_plane(const Pixels& pixels, uint32_t plane, View view) noexcept try {
    const cuframes_geometry& geometry = *pixels.geometry;
    if (plane >= geometry.plane_count) {
        return refuse(text("there is no plane ", plane, ": ", geometry.format, " has ", geometry.plane_count));
    }
    if (view == View::bytes) {
        return as_rows(pixels, plane, 1, 1);
    }
    const PixelFormat* format = find_format(geometry.format);
    const Refusal refusal = format ? format->refusal : Refusal::unknown;
    if (refusal != Refusal::none) {
        return refuse(refusal_text(geometry.format, refusal));
    }
    const PlaneFormat& content = format->planes[plane];
    return as_rows(pixels, plane, content.bytes, view == View::flat_pixels ? uint8_t{1} : content.channels);
} catch (const std::bad_alloc&) {
    return core::out_of_memory();
}

DLManagedTensor* export_legacy(const PlaneTensor& tensor, Owner owner) noexcept {
    return make_export<DLManagedTensor>(tensor, owner);
}

DLManagedTensorVersioned* export_versioned(const PlaneTensor& tensor, Owner owner, bool copied) noexcept {
    auto* managed = make_export<DLManagedTensorVersioned>(tensor, owner);
    if (managed) {
        // Nothing of a later version is used, and strides are given as 1.2 demands: every consumer can take it.
        managed->version = {1, 0};
        managed->flags =
            (tensor.read_only ? DLPACK_FLAG_BITMASK_READ_ONLY : 0) | (copied ? DLPACK_FLAG_BITMASK_IS_COPIED : 0);
    }
    return managed;
}

} // namespace cuframes::tensors
