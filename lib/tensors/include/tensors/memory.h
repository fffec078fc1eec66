// SPDX-License-Identifier: LGPL-2.1-or-later
/// Frames of this process's own: copies that have left the ring or the pipeline.
#pragma once

#include "tensors/device_memory.h"
#include "tensors/tensor.h"

#include <atomic>
#include <memory>

namespace cuframes::tensors {

/// A frame's memory, in host memory or on a GPU. Any thread. Shared by its exports through shared_ptr.
class OwnedFrame {
public:
    /// Copies `source` to `device`, in the layout of `geometry`. To a GPU the copy is queued on `stream` (a name as in
    /// `__dlpack__`); to host memory it is done on return. The source must hold until the copy is done.
    CUFRAMES_PRIVATE static Result<std::shared_ptr<OwnedFrame>>
    copy(const SourceFrame& source, const cuframes_geometry& geometry, DLDevice device, int64_t stream) noexcept;

    Pixels pixels() const { return {&geometry_, data_, device_, false}; }

    /// Makes the named stream wait for the copy. Not needed in host memory.
    CUFRAMES_PRIVATE Result<> order(int64_t stream) const noexcept;

private:
    struct Free {
        void operator()(void* memory) const;
    };

    OwnedFrame(const cuframes_geometry& geometry, DLDevice device) : geometry_(geometry), device_(device) {}
    Result<> allocate(const StreamRef& stream);

    const cuframes_geometry geometry_;
    const DLDevice device_;
    void* data_ = nullptr;
    std::unique_ptr<void, Free> host_;
    DeviceBlock block_;
};

} // namespace cuframes::tensors
