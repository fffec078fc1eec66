// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What survives a process that is killed, stopped or gone, on either side.
#include "ring_test.h"

#include <csignal>
#include <filesystem>
#include <memory>
#include <vector>

namespace cuframes::test {

using Death = RingTest;

// A reader killed while it holds its maximum: its slots are back before the next ten frames, and the publisher never
// waited nor dropped a frame.
TEST_P(Death, KilledReadersSlotsComeBackBeforeTheNextTenFrames) {
    PublisherProcess publisher(*this, "slots=6");
    auto reader = std::make_unique<SubscriberProcess>(*this, "mode=strict max_held=4");
    reader->attach();
    publisher.call("publish count=4");
    reader->call("read count=4 hold=4 keep=1");
    EXPECT_EQ(publisher.call("subscribers").number("held0"), 4);
    reader->kill();

    publisher.call("publish count=10 pace_us=10000");
    // All but the newest frame's slot can be taken: none is leased any more.
    for (int slot = 0; slot < 5; ++slot) {
        publisher.call("acquire flags=1");
    }
    EXPECT_EQ(publisher.stat("dropped"), 0u);
    EXPECT_EQ(publisher.stat("waited_ns"), 0u);
    EXPECT_EQ(publisher.stat("subscribers"), 0u);
    EXPECT_EQ(publisher.call("departures").text("list"), "reader:" + std::to_string(CUFRAMES_LEFT_DIED) + ',');
}

// A frame outlives its subscriber handle and then its publisher; its slot is not reused meanwhile.
TEST_P(Death, HeldFrameOutlivesSubscriberAndPublisher) {
    PublisherProcess publisher(*this, "slots=4");
    SubscriberProcess reader(*this, "mode=newest max_held=2");
    publisher.call("publish");
    reader.call("next");
    reader.call("destroy_subscriber");
    EXPECT_EQ(publisher.call("publish count=50").number("dropped"), 0);
    reader.call("check");
    publisher.kill();
    EXPECT_EQ(reader.call("check").number("held"), 1);
    reader.call("release");
}

// Once the last frame of a destroyed subscriber is given back, its slot is the publisher's again.
TEST_P(Death, SlotComesBackWhenTheLastFrameOfADestroyedSubscriberIsReleased) {
    PublisherProcess publisher(*this, "slots=4");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.attach();
    publisher.call("publish count=2");
    reader.call("read count=2 hold=2 keep=1");
    reader.call("destroy_subscriber");
    publisher.call("publish");
    // Two leased, one newest: exactly one is free.
    publisher.call("acquire flags=1");
    EXPECT_EQ(publisher.ask("acquire flags=1").number("code"), CUFRAMES_ERROR_NO_FREE_SLOT);
    reader.call("release");
    ASSERT_TRUE(eventually([&] { return publisher.ask("acquire flags=1").verb() == "ok"; }));
    ASSERT_TRUE(eventually([&] { return publisher.ask("acquire flags=1").verb() == "ok"; }));
}

// A slot outlives its publisher handle: it is still writable memory, and may be released.
TEST_P(Death, SlotOutlivesItsPublisherHandle) {
    Process publisher(in_directory());
    publisher.call("publisher slots=4");
    publisher.call("configure memory=" + memory());
    publisher.call("acquire");
    publisher.call("destroy_publisher");
    publisher.call("write");
    EXPECT_EQ(publisher.ask("commit").verb(), "error");
    publisher.call("release_slot");
}

// A killed reader is noticed even while a forked child of it still holds its socket open.
TEST_P(Death, KilledReaderIsNoticedThoughAForkOfItLives) {
    PublisherProcess publisher(*this, "slots=6");
    SubscriberProcess reader(*this, "mode=strict max_held=4");
    reader.attach();
    publisher.call("publish count=4");
    reader.call("read count=4 hold=4 keep=1");
    const auto fork = static_cast<pid_t>(reader.call("leave_fork_behind").number("pid"));
    reader.kill();
    publisher.await_subscribers(0);
    for (int slot = 0; slot < 5; ++slot) {
        publisher.call("acquire flags=1");
    }
    ::kill(fork, SIGKILL);
}

CUFRAMES_OVER_BACKENDS(Death);

} // namespace cuframes::test
