// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "tensors/reaper.h"

#include <span>
#include <vector>

namespace cuframes::core::cuda {
struct Driver;
}

namespace cuframes::tensors {

/// Events behind the GPU work that was in flight when it was made: on the streams named and on the legacy stream of their
/// contexts; with CUFRAMES_RELEASE=context on all streams of those. Without CUDA there is none to wait for.
class WaitList {
public:
    static WaitList record(std::span<const StreamRef> work);

    WaitList() = default;
    WaitList(WaitList&& other) noexcept = default;
    WaitList& operator=(WaitList&& other) noexcept = default;

    /// Whether all of it is complete. Does not wait. Gives back the events that are passed.
    bool passed();

    /// Runs what comes after: where there was work of a GPU, so that it breaks no capture, as freeing memory would.
    void run(void (*action)(void*), void* object) const;

private:
    void add(void* context, void* stream);
    /// Where driver calls are refused now, or a capture is in the way, it is done later.
    void record_rest(const core::cuda::Driver& driver);

    struct Event {
        void* context;
        void* event;
    };
    bool had_work_ = false;
    std::vector<Event> events_;
    std::vector<StreamRef> unrecorded_; ///< Stream NULL: all of the context.
};

} // namespace cuframes::tensors
