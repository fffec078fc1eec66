// SPDX-License-Identifier: LGPL-2.1-or-later
/// What the DLPack parts need of a GPU: memory of their own, copies, and streams ordered after each other.
///
/// Streams are named as DLPack names them. Default streams are those of the device's primary context, in which torch, cupy
/// and JAX live; of which context another one is the driver knows.
#pragma once

#include "tensors/import.h"
#include "tensors/reaper.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace cuframes::tensors {

/// The stream argument of `__dlpack__`.
enum StreamName : int64_t {
    stream_none = INT64_MIN, ///< Not given: the legacy default stream.
    stream_no_sync = -1,     ///< The consumer orders its work itself.
    stream_ambiguous = 0,    ///< Refused: nobody knows which default stream is meant.
    stream_legacy = 1,
    stream_per_thread = 2,
};

/// Resolves a stream name on `device`: to NULL for names that are no stream; a default one is that of the primary context.
/// Fails without a driver, for an unknown device, for stream_ambiguous, and for what the
/// driver knows to be no stream.
CUFRAMES_PRIVATE Result<StreamRef> resolve_stream(int32_t device, int64_t name) noexcept;

/// Fails if the stream captures a CUDA graph, into which a copy would go instead of being made.
CUFRAMES_PRIVATE Result<> check_runs(const StreamRef& stream) noexcept;

/// Memory of a GPU, from a pool of this process's own. Given back after the work in flight that may use it. Move-only.
class DeviceBlock {
public:
    static Result<DeviceBlock> allocate(int32_t device, uint64_t size, const StreamRef& stream);

    DeviceBlock() = default;
    DeviceBlock(DeviceBlock&& other) noexcept;
    DeviceBlock& operator=(DeviceBlock&& other) noexcept;
    ~DeviceBlock();

    void* data() const { return data_; }

    /// Remembers what is queued on `stream` now: it makes the content.
    Result<> made_on(const StreamRef& stream);
    /// Makes `stream` wait, on the GPU, for the content; and the end of the memory for what is queued there by then.
    Result<> order(const StreamRef& stream) const;

private:
    struct Users {
        std::mutex mutex;
        std::vector<StreamRef> streams;
        void add(const StreamRef& stream);
    };

    void* data_ = nullptr;
    void* context_ = nullptr;
    void* ready_ = nullptr;
    std::unique_ptr<Users> users_;
};

/// One side of a copy.
struct CopySide {
    DLDevice device;
    std::span<const core::PlaneRef> planes;
};

/// Queues a copy of all planes of `geometry` on `stream`; with a host side it is done on return.
CUFRAMES_PRIVATE Result<> copy_with_gpu(const CopySide& to, const CopySide& from, const cuframes_geometry& geometry,
                                        const StreamRef& stream) noexcept;

} // namespace cuframes::tensors
