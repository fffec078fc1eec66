// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * What the DLPack parts need of a GPU: memory of their own, copies, and streams ordered after each other.
 *
 * Streams are named as DLPack names them, and belong to the device's primary context, in which torch, cupy and JAX live.
 */
#pragma once

#include <cstdint>
#include <span>

#include "import.h"

namespace cuframes::dlpack {

/** The stream argument of `__dlpack__`. */
enum StreamName : int64_t {
    stream_none = INT64_MIN, ///< Not given: the legacy default stream.
    stream_no_sync = -1,     ///< The consumer orders its work itself.
    stream_ambiguous = 0,    ///< Refused: nobody knows which default stream is meant.
    stream_legacy = 1,
    stream_per_thread = 2,
};

/** A CUstream (NULL for names that are no stream), and the primary context that it belongs to. */
struct Stream {
    void* stream = nullptr;
    void* context = nullptr;
};

/** Resolves a stream name on `device`. Fails without a driver, for an unknown device, and for stream_ambiguous. */
Result<Stream> resolve_stream(int32_t device, int64_t name);

/** Makes `later` wait, on the GPU, for what is queued on `earlier` now. Both belong to the same context. */
Result<> order_after(const Stream& later, const Stream& earlier);

/** Memory of a GPU, from a pool of this process's own. Given back after the work in flight that may use it. Move-only. */
class DeviceBlock {
public:
    static Result<DeviceBlock> allocate(int32_t device, uint64_t size, const Stream& stream);

    DeviceBlock() = default;
    DeviceBlock(DeviceBlock&& other) noexcept;
    DeviceBlock& operator=(DeviceBlock&& other) noexcept;
    ~DeviceBlock();

    void* data() const { return data_; }

    /** Remembers what is queued on `stream` now: it makes the content. */
    Result<> made_on(const Stream& stream);
    /** Makes `stream` wait, on the GPU, for the content. */
    Result<> order(const Stream& stream) const;

private:
    void* data_ = nullptr;
    void* context_ = nullptr;
    void* ready_ = nullptr;
};

/** One side of a copy. */
struct CopySide {
    DLDevice device;
    std::span<const SourcePlane> planes;
};

/** Queues a copy of all planes of `geometry` on `stream`; with a host side it is done on return. */
Result<> copy_with_gpu(const CopySide& to, const CopySide& from, const cuframes_geometry& geometry,
                       const Stream& stream);

} // namespace cuframes::dlpack
