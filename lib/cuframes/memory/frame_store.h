// SPDX-License-Identifier: LGPL-2.1-or-later
/// Frame memory behind two interfaces, one for each end of a ring. Host and CUDA memory implement both; publisher and
/// subscriber know nothing else of either.
#pragma once

#include "base/result.h"
#include "base/stream_ref.h"
#include "ipc/unique_fd.h"
#include "ipc/waker.h"
#include "protocol/validate.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace cuframes::core {

/// What the end of a lease waits for: cuframes_release.
enum class ReleaseScope : uint8_t { streams, context };

/// Where slots lie: in chunks, each of them memory of its own, side by side in one address range.
struct ChunkLayout {
    uint64_t slot_stride;
    uint64_t chunk_stride; ///< From one chunk to the next.
    uint32_t slots;        ///< The most there may ever be.
    uint32_t chunk_slots;  ///< In each chunk.
};

/// The publisher's end: owns the memory of all slots of a generation. Thread-safe, but for growing.
class FrameStore {
public:
    virtual ~FrameStore() = default;

    virtual const ChunkLayout& layout() const = 0;
    /// First byte of the first slot: a host address or a CUdeviceptr.
    virtual std::byte* base() const = 0;
    /// Bytes of the address range.
    virtual uint64_t size() const = 0;
    /// Bytes of memory there are in it.
    virtual uint64_t committed() const = 0;
    virtual std::array<uint8_t, 16> gpu_uuid() const = 0;

    /// Gets memory for the first `slots` slots. May take milliseconds. One thread at a time. NO_MEMORY: not to be had.
    virtual Result<> grow(uint32_t slots) = 0;
    /// Chunks there are, and the descriptor of each for subscribers to map: owned by the store.
    virtual uint32_t chunks() const = 0;
    virtual int chunk_fd(uint32_t chunk) const = 0;

    /// Copies an image of geometry `g` to `slot`; may still run on the image's stream on return.
    virtual Result<> write(std::byte* slot, const cuframes_geometry& g, const cuframes_image& image) = 0;

    /// The stream with the context that it is really of. INVALID_ARGUMENT: it is none.
    virtual Result<StreamRef> identify(const StreamRef& stream) const { return stream; }

    /// Waits until everything queued on `stream` so far is complete.
    virtual Result<> complete(const StreamRef& stream) = 0;

    /// Makes the slot busy until what is queued now on `streams`, and whatever else is known, is complete. Does not wait.
    virtual void make_busy([[maybe_unused]] uint32_t slot,
                           [[maybe_unused]] const std::vector<StreamRef>& streams) noexcept {}
    /// Whether work that was queued before the slot was given back may still write it. Does not wait.
    virtual bool is_busy([[maybe_unused]] uint32_t slot) noexcept { return false; }
};

/// A store for at most `slots` slots, without memory for any.
Result<std::unique_ptr<FrameStore>> create_host_store(uint64_t slot_stride, uint32_t slots);
Result<std::unique_ptr<FrameStore>> create_cuda_store(uint64_t slot_stride, uint32_t slots, uint32_t chunk_slots,
                                                      int32_t device, void* context);

/// The subscriber's end: a generation's memory mapped into this process, read-only. Thread-safe.
class FrameAccess {
public:
    virtual ~FrameAccess() = default;

    virtual const std::byte* base() const = 0;
    /// Slots whose memory is mapped.
    virtual uint32_t mapped_slots() const = 0;
    /// Maps the next chunk, from the thread that takes frames.
    virtual Result<> add_chunk(const UniqueFd& fd) = 0;
    /// Ordinal of the GPU that reads it here; -1: host memory.
    virtual int32_t device() const = 0;
    /// Descriptor of the memory that begins at base(), owned by this; -1: there is none for all of it.
    virtual int fd() const { return -1; }

    virtual Result<> read(const std::byte* slot, const cuframes_geometry& g, const cuframes_image& image) const = 0;

    /// The stream with the context that it is really of. Empty: nothing waits for streams here. INVALID_ARGUMENT: none.
    virtual Result<std::optional<StreamRef>> identify([[maybe_unused]] const StreamRef& stream) const {
        return std::optional<StreamRef>();
    }

    /// Clears `lease` once the work that may read the frame is complete, in order and without waiting here: what is queued
    /// on `streams`, which were identified, and what ReleaseScope says of the contexts known.
    virtual void release(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams) = 0;

    /// Has `wake` called once it is worth to look for a lease again. False: no release is under way. CUDA: some are,
    /// and will never be done. Does not wait.
    virtual Result<bool> when_released(std::shared_ptr<const Waker> wake) = 0;

    /// Whether destroying this would wait for the GPU. Does not wait.
    virtual bool has_releases_under_way() = 0;

    /// One more context whose work may read frames.
    virtual void add_context(void* context) = 0;
};

Result<std::unique_ptr<FrameAccess>> open_host_frames(const UniqueFd& fd, const RingDescription& ring);

/// `lease_page`: registered with the driver, so that the GPU itself can clear a lease.
Result<std::unique_ptr<FrameAccess>> open_cuda_frames(const UniqueFd& fd, const RingDescription& ring,
                                                      std::byte* lease_page, int32_t device, void* context,
                                                      ReleaseScope scope);

/// Whether GPU memory of `device` can be shared between processes here.
Result<> test_gpu_sharing(int32_t device);

} // namespace cuframes::core
