// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <span>
#include <vector>

#include "reaper.h"

namespace cuframes::cuda {
struct Driver;
}

namespace cuframes::dlpack {

/** Events behind the GPU work that was in flight when it was made. Without CUDA there is none to wait for. */
class WaitList {
public:
    static WaitList record(std::span<const InFlight> work);

    WaitList() = default;
    WaitList(WaitList&& other) noexcept = default;
    WaitList& operator=(WaitList&& other) noexcept = default;

    /** Waits on the CPU, and gives the events back. Called once. */
    void finish();

private:
    /** False: it could not be recorded here and now. */
    bool add(const cuda::Driver& driver, const InFlight& work);

    struct Event {
        void* context;
        void* event;
    };
    std::vector<Event> events_;
    std::vector<InFlight> unrecorded_; ///< Not recorded here and then: finish() waits for the whole context.
};

} // namespace cuframes::dlpack
