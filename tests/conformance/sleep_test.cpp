// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How a reader sleeps and what wakes it, whatever is carried.
#include "ring_test.h"

#include <memory>

namespace cuframes::test {

using Sleep = RingTest;

namespace {

// Far above what a sleeping process uses, far below what polling at any useful rate would.
constexpr int64_t most_cpu_us = 5000;
constexpr int64_t most_switches = 20;

void expect_idle(SubscriberProcess& reader) {
    const Message cost = reader.call("idle timeout=1000");
    EXPECT_EQ(cost.number("result"), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_LT(cost.number("cpu_us"), most_cpu_us);
    EXPECT_LT(cost.number("switches"), most_switches);
}

} // namespace

// A subscriber that waits for a publisher uses no CPU.
TEST_P(Sleep, WaitingForAPublisherUsesNoCpu) {
    SubscriberProcess reader(*this);
    EXPECT_EQ(reader.ask("next timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
    expect_idle(reader);
}

// Neither does one that is attached to a publisher that pauses, nor that publisher.
TEST_P(Sleep, PausedStreamUsesNoCpuOnEitherSide) {
    PublisherProcess publisher(*this);
    SubscriberProcess reader(*this);
    publisher.call("publish");
    reader.call("next");
    reader.call("release");
    const Message before = publisher.call("usage");
    expect_idle(reader);
    const Message after = publisher.call("usage");
    EXPECT_LT(after.number("cpu_us") - before.number("cpu_us"), most_cpu_us);
    EXPECT_LT(after.number("switches") - before.number("switches"), most_switches);
}

// Nor does a subscriber after its publisher died.
TEST_P(Sleep, WaitingForASuccessorUsesNoCpu) {
    PublisherProcess publisher(*this);
    SubscriberProcess reader(*this);
    reader.attach();
    publisher.kill();
    EXPECT_EQ(reader.ask("next timeout=100").number("code"), CUFRAMES_ERROR_TIMEOUT);
    expect_idle(reader);
}

// A program can wait until its publisher is there, and then still has every frame to come.
TEST_P(Sleep, ConnectWaitsForThePublisherAndTakesNoFrame) {
    SubscriberProcess reader(*this, "mode=strict");
    EXPECT_EQ(reader.ask("connect timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
    reader.send("connect timeout=-1");
    ASSERT_TRUE(eventually([&] { return all_threads_sleep(reader.pid()); }));
    PublisherProcess publisher(*this);
    EXPECT_EQ(reader.answer().number("code"), CUFRAMES_OK);
    EXPECT_EQ(publisher.call("subscribers").number("count"), 1);
    publisher.call("publish count=2");
    reader.call("connect timeout=0");
    EXPECT_EQ(reader.call("next").number("sequence"), 1);
    publisher.kill();
    EXPECT_EQ(reader.call("next").number("sequence"), 2);
}

// Setting a handle interrupted ends the wait in it at once, and until it is cleared no wait begins.
TEST_P(Sleep, InterruptEndsTheReadersWait) {
    SubscriberProcess reader(*this);
    for (const bool attached : {false, true}) {
        std::unique_ptr<PublisherProcess> publisher;
        if (attached) {
            publisher = std::make_unique<PublisherProcess>(*this);
            reader.attach();
        }
        reader.send("next timeout=-1");
        ASSERT_TRUE(eventually([&] { return all_threads_sleep(reader.pid()); }));
        reader.send("interrupt on=1");
        EXPECT_EQ(reader.receive().number("code"), CUFRAMES_ERROR_INTERRUPTED);
        EXPECT_EQ(reader.ask("next timeout=-1").number("code"), CUFRAMES_ERROR_INTERRUPTED);
        reader.send("interrupt on=0");
        EXPECT_EQ(reader.ask("next timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
    }
}

// The subscriber's file descriptor is readable when there is something to do: a frame, a death, a new publisher. It is
// silent in between.
TEST_P(Sleep, FileDescriptorWakesForFrameDeathAndNewPublisher) {
    auto publisher = std::make_unique<PublisherProcess>(*this, "incarnation=1");
    SubscriberProcess reader(*this, "mode=strict max_held=4");
    reader.attach();
    const auto silent = [&] { return reader.call("poll timeout=0").number("readable") == 0; };
    const auto wakes = [&] { return reader.call("poll").number("readable") == 1; };
    const auto drained = [&] { return reader.ask("next timeout=0").number("code") == CUFRAMES_ERROR_TIMEOUT; };
    ASSERT_TRUE(eventually([&] { return drained() && silent(); }));

    publisher->call("publish");
    EXPECT_TRUE(wakes());
    EXPECT_EQ(reader.call("next timeout=0").number("sequence"), 1);
    EXPECT_TRUE(drained());
    EXPECT_TRUE(silent());

    publisher->kill();
    EXPECT_TRUE(wakes());
    EXPECT_TRUE(eventually([&] { return drained() && reader.stat("state") != CUFRAMES_STATE_ATTACHED; }));
    EXPECT_TRUE(silent());

    publisher = std::make_unique<PublisherProcess>(*this, "incarnation=2");
    publisher->call("publish");
    ASSERT_TRUE(eventually([&] { return wakes() && reader.ask("next timeout=0").verb() == "ok"; }));
    reader.call("check");
}

// The same for a process that connected, and took a frame, before it asked for the descriptor.
TEST_P(Sleep, FileDescriptorAskedForLateTellsOfWhatIsThere) {
    PublisherProcess publisher(*this, "slots=16");
    SubscriberProcess reader(*this, "mode=strict max_held=4");
    reader.attach();
    publisher.call("publish count=3");
    EXPECT_EQ(reader.call("next").number("sequence"), 1);
    for (int number = 2; number <= 3; ++number) {
        ASSERT_EQ(reader.call("poll").number("readable"), 1) << "frame " << number;
        ASSERT_EQ(reader.call("next timeout=0").number("sequence"), number);
    }
}

// With end_when_gone the end of a publisher is reported, after the frames it left, whether it was killed or closed.
TEST_P(Sleep, EndWhenGoneReportsTheEndAfterTheLastFrame) {
    for (const bool killed : {true, false}) {
        PublisherProcess publisher(*this);
        SubscriberProcess reader(*this, "mode=strict end_when_gone=1");
        reader.attach();
        publisher.call("publish count=3");
        if (killed) {
            publisher.kill();
        } else {
            publisher.call("destroy_publisher");
        }
        EXPECT_EQ(reader.call("read until=gone").number("received"), 3) << (killed ? "killed" : "closed");
    }
}

CUFRAMES_OVER_CONTENTS(Sleep);

} // namespace cuframes::test
