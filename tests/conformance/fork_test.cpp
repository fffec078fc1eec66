// SPDX-License-Identifier: LGPL-2.1-or-later
//
// fork(): handles belong to the process that made them.
#include "raw_peer.h"
#include "ring_test.h"

#include <csignal>
#include <filesystem>

namespace cuframes::test {

using Fork = RingTest;

// In a forked child every call refuses with CUFRAMES_ERROR_FORKED, destroying handles and frames there harms nobody,
// and the parent goes on as if nothing had happened.
TEST_P(Fork, HandlesRefuseInTheChildAndGoOnInTheParent) {
    PublisherProcess publisher(*this, "slots=6");
    SubscriberProcess reader(*this, "mode=strict max_held=3");
    reader.attach();
    publisher.call("publish count=3");
    reader.call("next");
    for (Process* process : {static_cast<Process*>(&publisher), static_cast<Process*>(&reader)}) {
        const Message result = process->call("use_after_fork");
        EXPECT_EQ(result.number("exited"), 1);
        EXPECT_EQ(result.number("wrong"), 0) << "calls that did not refuse";
    }
    // The child's unref must not have ended the parent's lease, nor its destroy the connection.
    publisher.call("publish count=20 pace_us=100");
    reader.call("check");
    EXPECT_EQ(publisher.stat("subscribers"), 1u);
    EXPECT_EQ(reader.call("read count=2 keep=1 hold=2").number("received"), 2);
    EXPECT_EQ(publisher.stat("dropped"), 0u);
}

// A reader that detaches is gone for its publisher even while a forked child (a pool worker, say) still has copies of
// its descriptors: another one is admitted in its place.
TEST_P(Fork, DetachedReaderIsGoneThoughAForkOfItLives) {
    PublisherProcess publisher(*this, "slots=6");
    publisher.call("publish");
    SubscriberProcess reader(*this, "max_held=4");
    reader.call("read count=1");
    const auto fork = static_cast<pid_t>(reader.call("leave_fork_behind").number("pid"));
    reader.call("destroy_subscriber");
    SubscriberProcess next(*this, "max_held=4");
    EXPECT_TRUE(eventually([&] { return next.ask("next").verb() == "ok"; }, milliseconds(5000)));
    ::kill(fork, SIGKILL);
}

// A publisher that closes is gone for its readers, likewise.
TEST_P(Fork, ClosedPublisherIsGoneThoughAForkOfItLives) {
    PublisherProcess publisher(*this);
    SubscriberProcess reader(*this, "mode=strict end_when_gone=1");
    reader.attach();
    publisher.call("publish count=2");
    const auto fork = static_cast<pid_t>(publisher.call("leave_fork_behind").number("pid"));
    publisher.call("destroy_publisher");
    EXPECT_EQ(reader.call("read until=gone timeout=5000").number("received"), 2);
    ::kill(fork, SIGKILL);
}

// A killed publisher's fork takes no connections in its place, nor keeps those that there were.
TEST_P(Fork, ForkOfAKilledPublisherHasNoneOfItsSockets) {
    PublisherProcess publisher(*this);
    const RawPeer attached = RawPeer::connect(directory() + "/cam.sock");
    attached.send(RawPeer::valid_hello());
    publisher.await_subscribers(1);
    const auto fork = static_cast<pid_t>(publisher.call("leave_fork_behind").number("pid"));
    publisher.kill();
    attached.await_close();
    EXPECT_THROW(RawPeer::connect(directory() + "/cam.sock"), std::runtime_error) << "somebody listens";
    ::kill(fork, SIGKILL);
}

// A reader whose connection nobody answers, as the publisher behind it is dead, goes to the one that has come instead.
TEST_P(Fork, ReaderLeavesASocketThatWasReplaced) {
    for (const bool watching : {false, true}) {
        SubscriberProcess reader(*this, "key=" + std::string(watching ? "watched" : "found"));
        const std::string path = directory() + "/" + (watching ? "watched" : "found") + ".sock";
        if (watching) {
            EXPECT_EQ(reader.ask("next timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
        }
        std::filesystem::create_directories(directory());
        const UniqueFd orphaned = RawPeer::listen(path);
        reader.send("connect timeout=-1");
        const RawPeer silent = RawPeer::accept(orphaned);
        silent.receive();
        PublisherProcess successor(*this, "key=" + std::string(watching ? "watched" : "found"));
        EXPECT_EQ(reader.answer().verb(), "ok");
    }
}

CUFRAMES_OVER_BACKENDS(Fork);

} // namespace cuframes::test
