// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent.h"

#include "capture_role.h"
#include "cuda_role.h"
#include "process_role.h"
#include "publisher_role.h"
#include "subscriber_role.h"

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
