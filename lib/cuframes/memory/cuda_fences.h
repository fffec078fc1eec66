// SPDX-License-Identifier: LGPL-2.1-or-later
/// Slots that were given back unpublished while the GPU may still write them: whoever used one next would have its pixels
/// overwritten in a frame that readers see already.
#pragma once

#include "memory/cuda_vmm.h"
#include "memory/frame_store.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

namespace cuframes::core::cuda {

/// Thread-safe; waits for nothing but in unmap_behind().
class SlotFences {
public:
    explicit SlotFences(const Context& context) : context_(context) {}
    ~SlotFences();

    /// Behind what is queued now on `streams`, and on the legacy stream of the ring's context.
    void add(uint32_t slot, const std::vector<StreamRef>& streams) noexcept;
    bool stands_before(uint32_t slot) noexcept;
    bool any() const { return count_.load(std::memory_order_acquire) > 0; }

    /// Unmaps once all are passed, on a thread of its own. What cannot be waited for stays mapped.
    static void unmap_behind(std::unique_ptr<SlotFences> fences, VmmRange memory);

private:
    struct Fence {
        uint32_t slot;
        std::vector<std::pair<CUcontext, CUevent>> events;
        std::vector<StreamRef> unrecorded; ///< They captured graphs.
    };

    void record(Fence& fence);
    bool passed(Fence& fence);
    /// False: not in that time.
    bool wait_for_all(std::chrono::milliseconds longest);

    const Context context_;
    std::mutex mutex_;
    std::vector<Fence> fences_;
    std::atomic<size_t> count_{0}; ///< Of fences: most of the time there are none.
};

} // namespace cuframes::core::cuda
