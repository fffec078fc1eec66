// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Who is admitted, with how many leases, and what a refusal says.
#include "ring_test.h"

namespace cuframes::test {

using Admission = RingTest;

// The publisher grants only leases that keep the ring going, and a refusal names the `slots` value that would do. When
// another reader leaves, the same call succeeds.
TEST_P(Admission, RefusalNamesTheSlotsNeededAndEndsWhenAnotherLeaves) {
    PublisherProcess publisher(*this, "slots=6");
    publisher.call("publish");
    SubscriberProcess first(*this, "max_held=2");
    SubscriberProcess second(*this, "max_held=2");
    SubscriberProcess third(*this, "max_held=3");
    first.call("next");
    second.call("next");
    const Message refusal = third.ask("next");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_RING_FULL);
    EXPECT_NE(refusal.text("text").find("slots=9"), std::string::npos) << refusal.text("text");

    first.call("release");
    first.call("destroy_subscriber");
    second.call("release");
    second.call("destroy_subscriber");
    ASSERT_TRUE(eventually([&] { return third.ask("next").verb() == "ok"; }));
}

// A reader that detached but holds frames still counts; the next one is admitted once they are given back.
TEST_P(Admission, FramesHeldAfterDetachingStillCount) {
    PublisherProcess publisher(*this, "slots=4");
    publisher.call("publish");
    SubscriberProcess leaving(*this, "max_held=2");
    leaving.call("next");
    leaving.call("destroy_subscriber");
    SubscriberProcess coming(*this, "max_held=2");
    EXPECT_EQ(coming.ask("next").number("code"), CUFRAMES_ERROR_RING_FULL);
    leaving.call("release");
    ASSERT_TRUE(eventually([&] { return coming.ask("next").verb() == "ok"; }));
}

// The publisher can tell who is attached and what each holds.
TEST_P(Admission, PublisherSeesWhoIsAttached) {
    PublisherProcess publisher(*this, "slots=12");
    SubscriberProcess reader(*this, "name=detector mode=strict max_held=3");
    reader.attach();
    publisher.call("publish count=5");
    reader.call("read count=2 hold=2 keep=1");
    const Message list = publisher.call("subscribers");
    EXPECT_EQ(list.number("count"), 1);
    EXPECT_EQ(list.text("name0"), "detector");
    EXPECT_EQ(list.number("pid0"), reader.pid());
    EXPECT_EQ(list.number("mode0"), CUFRAMES_MODE_STRICT);
    EXPECT_EQ(list.number("max_held0"), 3);
    EXPECT_EQ(list.number("held0"), 2);
    EXPECT_EQ(list.number("lag0"), 3);
    EXPECT_EQ(list.number("received0"), 2);

    reader.call("release");
    reader.call("destroy_subscriber");
    const std::string closed = "detector:" + std::to_string(CUFRAMES_LEFT_CLOSED) + ',';
    EXPECT_TRUE(eventually([&] { return publisher.call("departures").text("list") == closed; }));
}

// With all its leases in use next() says so at once instead of waiting, and wait_lease() wakes on a release by another
// thread.
TEST_P(Admission, ExhaustedLeasesAreReportedAndCanBeAwaited) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.attach();
    publisher.call("publish count=4");
    reader.call("next");
    reader.call("next");
    EXPECT_EQ(reader.ask("next timeout=-1").number("code"), CUFRAMES_ERROR_LEASES_EXHAUSTED);
    EXPECT_EQ(reader.ask("wait_lease timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
    reader.call("wait_lease_until_released");
    EXPECT_EQ(reader.call("next").number("sequence"), 3);
    EXPECT_EQ(reader.stat("held"), 2u);
}

// A publisher never runs out of slots while its readers hold all they were granted.
TEST_P(Admission, FullHouseNeverStarvesThePublisher) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess first(*this, "mode=newest max_held=3");
    SubscriberProcess second(*this, "mode=strict max_held=3");
    first.attach();
    second.attach();
    for (int frame = 0; frame < 3; ++frame) {
        publisher.call("publish");
        first.call("next");
        second.call("next");
    }
    EXPECT_EQ(publisher.call("publish count=100").number("dropped"), 0);
    first.call("check");
    second.call("check");
}

CUFRAMES_OVER_BACKENDS(Admission);

} // namespace cuframes::test
