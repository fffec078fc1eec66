// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which frames arrive, in which order, and that none is unaccounted for.
#include "ring_test.h"

namespace cuframes::test {

using Delivery = RingTest;

// A strict subscriber of a waiting publisher gets every frame, in order, once.
TEST_P(Delivery, StrictGetsEveryFrameInOrder) {
    PublisherProcess publisher(*this, "slots=4 policy=wait wait_ms=20000");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.send("read until=eos hold=1");
    publisher.call("wait_subscribers count=1");
    publisher.call("publish count=500");
    publisher.call("eos");

    const Message seen = reader.answer();
    EXPECT_EQ(seen.number("received"), 500);
    EXPECT_EQ(seen.number("first"), 1);
    EXPECT_EQ(seen.number("missed"), 0);
    EXPECT_EQ(reader.stat("lost"), 0u);
    EXPECT_EQ(publisher.stat("dropped"), 0u);
}

// A newest-mode subscriber that is slower than the publisher skips, and each skipped frame is counted once.
TEST_P(Delivery, NewestSkipsAndCountsExactly) {
    PublisherProcess publisher(*this, "slots=4");
    SubscriberProcess reader(*this, "mode=newest max_held=2");
    reader.attach();
    reader.send("read until=eos hold=1 pause_us=300");
    const int64_t last = publisher.call("publish count=3000").number("last");
    publisher.call("eos");

    const Message seen = reader.answer();
    EXPECT_EQ(seen.number("last"), last) << "the newest frame of all has to arrive";
    EXPECT_GT(seen.number("missed"), 0);
    EXPECT_EQ(seen.number("received") + static_cast<int64_t>(reader.stat("skipped")), last);
    EXPECT_EQ(reader.stat("lost"), 0u);
}

// Timestamps, duration, offsets, flags, metadata and caps travel with the frame (the agent checks the values).
TEST_P(Delivery, TimesFlagsMetadataAndCapsTravelWithTheFrame) {
    PublisherProcess publisher(*this, "slots=8", "caps=video/x-raw,format=NV12%20(test)");
    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    publisher.call("publish count=5 metadata=1000");
    const Message frame = reader.call("next");
    EXPECT_EQ(frame.number("metadata"), 1000);
    EXPECT_EQ(frame.text("caps"), "video/x-raw,format=NV12 (test)");
    EXPECT_EQ(frame.text("format"), "NV12");
    EXPECT_EQ(reader.call("read count=4").number("metadata"), 4000);
}

// Metadata that does not fit is left out and counted; the frame arrives without it.
TEST_P(Delivery, MetadataThatDoesNotFitIsLeftOutAndCounted) {
    PublisherProcess publisher(*this, "slots=8", "metadata_size=4096");
    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    publisher.call("publish metadata=4096");
    publisher.call("publish metadata=100000");
    EXPECT_EQ(reader.call("next").number("metadata"), 4096);
    EXPECT_EQ(reader.call("next").number("metadata"), 0);
    EXPECT_EQ(publisher.stat("metadata_dropped"), 1u);
}

// Geometry changes three times under attached subscribers: all follow by themselves, the strict one gets every frame of
// every generation, and a frame held from the first stays what it was.
TEST_P(Delivery, SubscribersFollowThreeReconfigurations) {
    PublisherProcess publisher(*this, "slots=12 policy=wait wait_ms=20000");
    SubscriberProcess strict(*this, "mode=strict max_held=2");
    SubscriberProcess newest(*this, "mode=newest max_held=2");
    SubscriberProcess holder(*this, "mode=newest max_held=2");
    strict.attach();
    newest.attach();
    strict.send("read until=eos hold=1");
    newest.send("read until=eos hold=1");
    publisher.call("publish count=20");
    holder.call("next");
    for (const char* frames : {"format=I420 width=66 height=47", "format=RGB width=128 height=32", "format=NV12"}) {
        publisher.call("configure memory=" + memory() + ' ' + frames);
        publisher.call("publish count=20");
    }
    publisher.call("eos");

    const Message all = strict.answer();
    EXPECT_EQ(all.number("received"), 80);
    EXPECT_EQ(all.number("missed"), 0);
    EXPECT_EQ(all.number("generations"), 4);
    const Message some = newest.answer();
    EXPECT_EQ(some.number("last"), 80);
    EXPECT_EQ(some.number("received") + some.number("missed"), 80);
    holder.call("check");
}

// In newest mode it does not bother with what was superseded.
TEST_P(Delivery, NewestSleeperFindsTheLastGeneration) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess reader(*this, "mode=newest max_held=1");
    reader.attach();
    publisher.call("publish");
    reader.call("read count=1");
    for (const char* frames : {"format=GRAY8", "format=BGRA width=34", "format=Y444"}) {
        publisher.call("configure memory=" + memory() + ' ' + frames);
        publisher.call("publish count=5");
    }
    const Message last = reader.call("next");
    EXPECT_EQ(last.number("sequence"), 16);
    EXPECT_EQ(last.number("missed"), 14);
    EXPECT_EQ(last.text("format"), "Y444");
}

// Slots of a superseded generation may be released, not published.
TEST_P(Delivery, SlotOfASupersededGenerationCannotBePublished) {
    PublisherProcess publisher(*this);
    const int64_t epoch = publisher.call("acquire").number("epoch");
    EXPECT_NE(publisher.call("configure memory=" + memory()).number("epoch"), epoch);
    EXPECT_EQ(publisher.ask("commit").number("code"), CUFRAMES_ERROR_INVALID_STATE);
    publisher.call("release_slot");
    publisher.call("publish count=20");
}

// The policy "wait" has an end: a strict subscriber that takes nothing is lapped after the timeout, and told.
TEST_P(Delivery, WaitPolicyLapsTheSlowOneAfterItsTimeout) {
    PublisherProcess publisher(*this, "slots=4 policy=wait wait_ms=50");
    SubscriberProcess reader(*this, "mode=strict max_held=1");
    reader.attach();
    publisher.call("publish count=10");
    EXPECT_GT(publisher.stat("waited_ns"), 0u);
    EXPECT_GT(publisher.stat("lapped"), 0u);
    publisher.call("eos");
    const Message seen = reader.call("read until=eos");
    EXPECT_EQ(seen.number("last"), 10);
    EXPECT_EQ(seen.number("received") + static_cast<int64_t>(reader.stat("lost")), 10);
    EXPECT_EQ(publisher.stat("lapped"), reader.stat("lost"));
}

// Nobody else loses anything by it: who takes its frames in time gets all of them, however fast the source is.
TEST_P(Delivery, WaitPolicyGivesUpOnlyTheReaderInTheWay) {
    PublisherProcess publisher(*this, "slots=8 policy=wait wait_ms=200");
    SubscriberProcess stalled(*this, "mode=strict max_held=1");
    SubscriberProcess healthy(*this, "mode=strict max_held=2");
    stalled.attach();
    healthy.attach();
    healthy.send("read until=eos pause_us=5000");
    publisher.call("publish count=100");
    publisher.call("eos");
    const Message seen = healthy.answer();
    EXPECT_EQ(seen.number("received"), 100);
    EXPECT_EQ(seen.number("missed"), 0);
    stalled.call("read until=eos");
    EXPECT_GT(stalled.stat("lost"), 0u);
}

// Nor one that is as far behind and holds what it works on, as long as it moves on in time.
TEST_P(Delivery, WaitPolicyWaitsForAReaderThatIsAtWork) {
    PublisherProcess publisher(*this, "slots=5 policy=wait wait_ms=800");
    SubscriberProcess stalled(*this, "mode=strict max_held=1");
    SubscriberProcess slow(*this, "mode=strict max_held=2");
    stalled.attach();
    slow.attach();
    slow.send("read until=eos hold=1 pause_us=450000");
    publisher.call("publish count=9");
    publisher.call("eos");
    EXPECT_EQ(slow.answer().number("missed"), 0);
    stalled.call("read until=eos");
    EXPECT_GT(stalled.stat("lost"), 0u);
}

// The policy "drop" never waits: a strict subscriber that lags by more than the ring is told exactly how many it lost.
TEST_P(Delivery, DropPolicyTellsALappedReaderTheExactLoss) {
    PublisherProcess publisher(*this, "slots=4");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.attach();
    publisher.call("publish count=100");
    publisher.call("eos");
    const Message seen = reader.call("read until=eos");
    const auto lost = static_cast<int64_t>(reader.stat("lost"));
    EXPECT_GE(lost, 96);
    EXPECT_EQ(seen.number("received") + lost, 100);
    EXPECT_EQ(seen.number("missed"), lost);
    EXPECT_EQ(publisher.stat("lapped"), static_cast<uint64_t>(lost))
        << "it stood still: nothing was missed in the count";
    EXPECT_EQ(publisher.stat("waited_ns"), 0u);
}

// Beside a reader that moves on at full speed the publisher may count less than was lost, and never more.
TEST_P(Delivery, PublisherNeverCountsMoreThanWasLost) {
    PublisherProcess publisher(*this, "slots=4", "format=GRAY8 width=32 height=16");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.attach();
    reader.send("read until=eos");
    publisher.call("publish count=20000", milliseconds(60'000));
    publisher.call("eos");
    reader.answer("read", milliseconds(60'000));
    EXPECT_LE(publisher.stat("lapped") + publisher.stat("dropped"), reader.stat("lost"));
    EXPECT_EQ(reader.stat("received") + reader.stat("lost"), 20'000u);
}

// Frames that found no slot are lost too: received + lost is all that was published or dropped.
TEST_P(Delivery, DroppedFramesAreCountedAsLostByStrictReaders) {
    PublisherProcess publisher(*this, "slots=4");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.attach();
    publisher.call("publish count=2");
    reader.call("read count=2 hold=2 keep=1");
    // Two slots are leased now, two are the publisher's: there is none for the next five frames.
    publisher.call("acquire");
    publisher.call("acquire");
    EXPECT_EQ(publisher.ask("acquire").number("code"), CUFRAMES_ERROR_NO_FREE_SLOT);
    EXPECT_EQ(publisher.call("publish count=5").number("dropped"), 5);
    publisher.call("release_slot count=2");
    reader.call("release");
    ASSERT_TRUE(eventually([&] { return publisher.call("subscribers").number("held0") == 0; }));
    publisher.call("publish count=3");
    publisher.call("eos");

    const Message seen = reader.call("read until=eos");
    EXPECT_EQ(seen.number("received"), 3);
    EXPECT_EQ(seen.number("missed"), 5);
    EXPECT_GT(seen.number("discontinuities"), 0);
    EXPECT_EQ(reader.stat("received") + reader.stat("lost"), publisher.stat("published") + publisher.stat("dropped"));
}

CUFRAMES_OVER_BACKENDS(Delivery);

} // namespace cuframes::test
