// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "agent.h"
#include "cuda_driver.h"

namespace cuframes::test {

class SubscriberRole;

/// The child as an application that captures CUDA graphs beside a reader.
class CaptureRole {
public:
    explicit CaptureRole(SubscriberRole& subscriber) : subscriber_(subscriber) {}

    void add_verbs(Verbs& verbs);

private:
    /// Captures graph after graph, each while other threads read and let go, attach and detach, publish and configure.
    /// Counts the captures that broke.
    Message capture_beside(const Message& request);
    /// Gives up all frames that may be held, of which a stream is known that captures, and asks for the next one: what that
    /// says, whether the capture came out whole, and what a wait for a lease says that is woken by its end alone.
    Message release_while_capturing(const Message& request);

    SubscriberRole& subscriber_;
};

} // namespace cuframes::test
