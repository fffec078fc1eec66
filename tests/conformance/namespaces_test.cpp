// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Containers: two processes that share nothing but the socket directory (and the GPU).
#include "ring_test.h"

#include <sched.h>

#include <memory>

namespace cuframes::test {

class Namespaces : public RingTest {
protected:
    void SetUp() override {
        RingTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) {
            return;
        }
        container_ = in_directory();
        container_.clone_flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS;
        try {
            Agent probe(container_);
            probe.call("ping");
        } catch (const ChildError& problem) {
            GTEST_SKIP() << "no namespaces of one's own here: " << problem.what();
        }
    }

    ChildOptions container_;
};

// Publisher and reader in PID, IPC, mount, network and UTS namespaces of their own exchange frames, notice each other's
// death, and go on with a successor.
TEST_P(Namespaces, FramesCrossAndDeathIsNoticed) {
    auto publisher = std::make_unique<PublisherProcess>(*this, "slots=8 incarnation=1", "", &container_);
    EXPECT_EQ(publisher->call("ping").number("pid"), 1) << "it has a PID namespace of its own";
    auto reader = std::make_unique<SubscriberProcess>(*this, "mode=strict max_held=6", &container_);
    reader->attach();
    publisher->call("publish count=6");
    EXPECT_EQ(reader->call("read count=6 hold=6 keep=1").number("last"), 6);
    EXPECT_EQ(publisher->call("subscribers").number("pid0"), 0) << "the reader has no number in this namespace";

    reader->kill();
    publisher->await_subscribers(0);
    EXPECT_EQ(publisher->call("publish count=20").number("dropped"), 0);

    reader = std::make_unique<SubscriberProcess>(*this, "mode=newest", &container_);
    reader->call("next");
    publisher->kill();
    publisher = std::make_unique<PublisherProcess>(*this, "slots=8 incarnation=2", "", &container_);
    publisher->call("publish");
    EXPECT_EQ(reader->call("next").number("incarnation"), 2);
    reader->call("check");
}

// A second publisher from another container is refused just the same.
TEST_P(Namespaces, KeyIsRefusedAcrossContainers) {
    PublisherProcess publisher(*this, "", "", &container_);
    Process rival(container_);
    EXPECT_EQ(rival.ask("publisher").number("code"), CUFRAMES_ERROR_KEY_IN_USE);
}

CUFRAMES_OVER_BACKENDS(Namespaces);

} // namespace cuframes::test
