// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory/cuda_fences.h"

#include "base/cuda/streams.h"
#include "base/thread.h"

#include <algorithm>

namespace cuframes::core::cuda {

SlotFences::~SlotFences() {
    const Driver& driver = context_.driver();
    for (const Fence& fence : fences_) {
        for (const auto& [context, event] : fence.events) {
            Current current(driver, context);
            driver.cuEventDestroy(event);
        }
    }
}

void SlotFences::add(uint32_t slot, const std::vector<StreamRef>& streams) noexcept {
    try {
        Fence fence{slot, {}, {{CU_STREAM_LEGACY, context_.get()}}};
        for (const StreamRef& stream : streams) {
            const bool is_default = is_default_stream(static_cast<CUstream>(stream.stream));
            const StreamRef known{is_default ? CU_STREAM_LEGACY : stream.stream,
                                  stream.context ? stream.context : context_.get()};
            if (std::find(fence.unrecorded.begin(), fence.unrecorded.end(), known) == fence.unrecorded.end()) {
                fence.unrecorded.push_back(known);
            }
        }
        std::lock_guard lock(mutex_);
        fences_.reserve(fences_.size() + 1);
        if (!passed(fence)) {
            fences_.push_back(std::move(fence));
            count_.store(fences_.size(), std::memory_order_release);
        }
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch)
        // No memory for that little is no memory for a frame.
    }
}

/// What the driver refuses for good belongs to a context that is broken, in which nothing writes any more.
void SlotFences::record(Fence& fence) {
    const Driver& driver = context_.driver();
    std::vector<StreamRef> later;
    for (const StreamRef& stream : fence.unrecorded) {
        auto* context = static_cast<CUcontext>(stream.context);
        Current current(driver, context);
        CUevent event = nullptr;
        CUresult result = driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC);
        if (result == CUDA_SUCCESS) {
            result = record_behind(driver, event, static_cast<CUstream>(stream.stream));
        }
        if (result == CUDA_SUCCESS) {
            fence.events.emplace_back(context, event);
            continue;
        }
        if (event) {
            driver.cuEventDestroy(event);
        }
        if (may_pass_later(result)) {
            later.push_back(stream);
        }
    }
    fence.unrecorded = std::move(later);
}

bool SlotFences::passed(Fence& fence) {
    const RelaxedCapture relaxed;
    const Driver& driver = context_.driver();
    if (!fence.unrecorded.empty()) {
        record(fence);
    }
    std::erase_if(fence.events, [&](const auto& one) {
        Current current(driver, one.first);
        if (driver.cuEventQuery(one.second) == CUDA_ERROR_NOT_READY) {
            return false;
        }
        driver.cuEventDestroy(one.second);
        return true;
    });
    return fence.events.empty() && fence.unrecorded.empty();
}

bool SlotFences::stands_before(uint32_t slot) noexcept {
    if (!any()) {
        return false;
    }
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(fences_.begin(), fences_.end(), [slot](const Fence& f) { return f.slot == slot; });
    if (found == fences_.end() || !passed(*found)) {
        return found != fences_.end();
    }
    fences_.erase(found);
    count_.store(fences_.size(), std::memory_order_release);
    return false;
}

bool SlotFences::wait_for_all(std::chrono::milliseconds longest) {
    constexpr std::chrono::milliseconds pause(1);
    const auto deadline = std::chrono::steady_clock::now() + longest;
    std::unique_lock lock(mutex_);
    for (;;) {
        std::erase_if(fences_, [this](Fence& fence) { return passed(fence); });
        if (fences_.empty() || std::chrono::steady_clock::now() > deadline) {
            return fences_.empty();
        }
        lock.unlock();
        std::this_thread::sleep_for(pause);
        lock.lock();
    }
}

void SlotFences::unmap_behind(std::unique_ptr<SlotFences> fences, VmmRange memory) {
    // Mostly it is a matter of moments, and the owner of the context is about to let it go.
    constexpr std::chrono::milliseconds moment(50);
    constexpr std::chrono::minutes longest(10);
    if (fences->wait_for_all(moment)) {
        return;
    }
    auto rest =
        std::make_shared<std::pair<std::unique_ptr<SlotFences>, VmmRange>>(std::move(fences), std::move(memory));
    auto thread = start_thread("cuframes-unmap", [rest, longest] {
        if (!rest->first->wait_for_all(longest)) {
            rest->second.abandon();
        }
    });
    if (thread) {
        thread->detach();
    } else {
        rest->second.abandon();
    }
}

} // namespace cuframes::core::cuda
