// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "agent.h"
#include "cuda_driver.h"

#include <memory>

namespace cuframes::test {

class SubscriberRole;

/// The child as an application that works on frames with CUDA streams of its own.
class CudaRole {
public:
    explicit CudaRole(SubscriberRole& subscriber) : subscriber_(subscriber) {}

    void add_verbs(Verbs& verbs);

private:
    /// Queues slow work and then a copy of each frame on streams of its own, gives every frame back at once, and
    /// counts in the end the copies that do not hold their own frame's pixels.
    Message copy_late(const Message& request);
    /// Queues a copy of a frame, closes the subscriber and then gives the frame back; tells whether the copy was still
    /// under way when that returned, and whether it came out right.
    Message release_after_close(const Message& request);
    /// Takes a frame, queues a copy of it and gives it back at once.
    Message read_late_and_release(const Message& request);
    /// Asks for the next frame without waiting, then waits on the descriptor until there is one.
    Message next_while_in_flight(const Message& request);
    /// Copies into the frame that is held: has to be refused.
    Message write_into_frame(const Message& request);

    SubscriberRole& subscriber_;
    std::unique_ptr<DeviceStream> stream_;
    std::unique_ptr<DeviceBuffer> copy_;
};

} // namespace cuframes::test
