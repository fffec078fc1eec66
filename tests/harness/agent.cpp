// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent.hpp"

#include "capture_role.hpp"
#include "cuda_role.hpp"
#include "process_role.hpp"
#include "publisher_role.hpp"
#include "subscriber_role.hpp"

namespace cuframes::test {

int agent_main() {
    PublisherRole publisher;
    SubscriberRole subscriber;
    CudaRole cuda(subscriber);
    CaptureRole capture(subscriber);
    Verbs verbs;
    publisher.add_verbs(verbs);
    subscriber.add_verbs(verbs);
    cuda.add_verbs(verbs);
    capture.add_verbs(verbs);
    add_process_verbs(verbs, publisher, subscriber);
    return run_agent(verbs, [&](bool on) {
        publisher.interrupt(on);
        subscriber.interrupt(on);
    });
}

} // namespace cuframes::test
