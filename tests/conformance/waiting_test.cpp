// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How one waits: asleep, interruptible, or by file descriptor.
#include "ring_test.h"

#include <memory>

namespace cuframes::test {

using Waiting = RingTest;

// And it learns why a publisher does not admit it.
TEST_P(Waiting, ConnectTellsWhyItIsRefused) {
    PublisherProcess publisher(*this, "slots=4");
    SubscriberProcess reader(*this, "max_held=3");
    EXPECT_EQ(reader.ask("connect").number("code"), CUFRAMES_ERROR_RING_FULL);
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

// connect_timeout bounds the wait for the first publisher.
TEST_P(Waiting, ConnectTimeoutBoundsTheWaitForTheFirstPublisher) {
    SubscriberProcess reader(*this, "connect_timeout=150");
    const Message reply = reader.ask("next timeout=-1");
    EXPECT_EQ(reply.number("code"), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_NE(reply.text("text").find("cam"), std::string::npos) << reply.text("text");
}

CUFRAMES_OVER_BACKENDS(Waiting);

} // namespace cuframes::test
