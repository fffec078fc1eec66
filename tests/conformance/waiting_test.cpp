// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How one waits: asleep, interruptible, or by file descriptor.
#include "ring_test.hpp"

#include <memory>

namespace cuframes::test {

using Waiting = RingTest;

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
TEST_P(Waiting, WaitingForAPublisherUsesNoCpu) {
    SubscriberProcess reader(*this);
    EXPECT_EQ(reader.ask("next timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
    expect_idle(reader);
}

// Neither does one that is attached to a publisher that pauses, nor that publisher.
TEST_P(Waiting, PausedStreamUsesNoCpuOnEitherSide) {
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
TEST_P(Waiting, WaitingForASuccessorUsesNoCpu) {
    PublisherProcess publisher(*this);
    SubscriberProcess reader(*this);
    reader.attach();
    publisher.kill();
    EXPECT_EQ(reader.ask("next timeout=100").number("code"), CUFRAMES_ERROR_TIMEOUT);
    expect_idle(reader);
}

// A program can wait until its publisher is there, and then still has every frame to come.
TEST_P(Waiting, ConnectWaitsForThePublisherAndTakesNoFrame) {
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

// And it learns why a publisher does not admit it.
TEST_P(Waiting, ConnectTellsWhyItIsRefused) {
    PublisherProcess publisher(*this, "slots=4");
    SubscriberProcess reader(*this, "max_held=3");
    EXPECT_EQ(reader.ask("connect").number("code"), CUFRAMES_ERROR_RING_FULL);
}

// Setting a handle interrupted ends the wait in it at once, and until it is cleared no wait begins.
TEST_P(Waiting, InterruptEndsTheReadersWait) {
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

// The same for a publisher that waits for subscribers, or for a strict one to take a frame.
TEST_P(Waiting, InterruptEndsThePublishersWait) {
    PublisherProcess publisher(*this, "slots=4 policy=wait wait_ms=60000");
    publisher.send("wait_subscribers count=1 timeout=-1");
    ASSERT_TRUE(eventually([&] { return all_threads_sleep(publisher.pid()); }));
    publisher.send("interrupt on=1");
    EXPECT_EQ(publisher.receive().number("code"), CUFRAMES_ERROR_INTERRUPTED);
    publisher.send("interrupt on=0");

    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    EXPECT_GT(publisher.call("publish count=10 flags=1").number("dropped"), 0) << "the ring is full of untaken frames";
    publisher.send("acquire");
    ASSERT_TRUE(eventually([&] { return all_threads_sleep(publisher.pid()); }));
    publisher.send("interrupt on=1");
    EXPECT_EQ(publisher.receive().number("code"), CUFRAMES_ERROR_INTERRUPTED);
}

// The subscriber's file descriptor is readable when there is something to do: a frame, a death, a new publisher. It is
// silent in between.
TEST_P(Waiting, FileDescriptorWakesForFrameDeathAndNewPublisher) {
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

// Who waits on the descriptor first, and takes one frame for each wake-up and not all there are, misses none.
TEST_P(Waiting, FileDescriptorIsReadableFromTheFirstWaitOnAndWhileThereIsMore) {
    PublisherProcess publisher(*this, "slots=16");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    const auto wakes = [&] { return reader.call("poll").number("readable") == 1; };
    const auto next = [&] { return reader.ask("next timeout=0").number("code"); };

    ASSERT_TRUE(wakes()) << "there is a publisher to connect to";
    ASSERT_TRUE(eventually([&] { return next() == CUFRAMES_ERROR_TIMEOUT && reader.stat("state") != 0; }));
    publisher.call("publish count=4");
    for (int number = 1; number <= 2; ++number) {
        ASSERT_TRUE(wakes()) << "frame " << number;
        ASSERT_EQ(reader.call("next timeout=0").number("sequence"), number);
    }
    ASSERT_TRUE(wakes());
    ASSERT_EQ(next(), CUFRAMES_ERROR_LEASES_EXHAUSTED);
    EXPECT_EQ(reader.call("poll timeout=0").number("readable"), 0) << "nothing can be had before a frame is released";
    reader.call("release");
    for (int number = 3; number <= 4; ++number) {
        ASSERT_TRUE(wakes()) << "frame " << number;
        ASSERT_EQ(reader.call("next timeout=0").number("sequence"), number);
        reader.call("release");
    }
    EXPECT_EQ(next(), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_EQ(reader.call("poll timeout=0").number("readable"), 0);
    publisher.call("publish");
    ASSERT_TRUE(wakes());
    EXPECT_EQ(reader.call("next timeout=0").number("sequence"), 5);
    reader.call("release");

    publisher.call("eos");
    ASSERT_TRUE(wakes());
    EXPECT_EQ(next(), CUFRAMES_ERROR_EOS);
    publisher.call("publish count=2");
    publisher.kill();
    for (int number = 6; number <= 7; ++number) {
        ASSERT_TRUE(wakes()) << "frame " << number;
        ASSERT_EQ(reader.call("next timeout=0").number("sequence"), number);
        reader.call("release");
    }
    ASSERT_TRUE(wakes()) << "its death";
    EXPECT_TRUE(eventually([&] { return next() == CUFRAMES_ERROR_TIMEOUT; }));
    EXPECT_EQ(reader.call("poll timeout=0").number("readable"), 0);
}

// The same for a process that connected, and took a frame, before it asked for the descriptor.
TEST_P(Waiting, FileDescriptorAskedForLateTellsOfWhatIsThere) {
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

// connect_timeout bounds the wait for the first publisher.
TEST_P(Waiting, ConnectTimeoutBoundsTheWaitForTheFirstPublisher) {
    SubscriberProcess reader(*this, "connect_timeout=150");
    const Message reply = reader.ask("next timeout=-1");
    EXPECT_EQ(reply.number("code"), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_NE(reply.text("text").find("cam"), std::string::npos) << reply.text("text");
}

// With end_when_gone the end of a publisher is reported, after the frames it left, whether it was killed or closed.
TEST_P(Waiting, EndWhenGoneReportsTheEndAfterTheLastFrame) {
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

CUFRAMES_OVER_BACKENDS(Waiting);

} // namespace cuframes::test
