// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a stream is, whatever it carries: where it begins and ends, its generations, and that nothing is lost where a
// publisher waits.
#include "ring_test.h"

namespace cuframes::test {

using Stream = RingTest;

// A subscriber may come first: it waits for its publisher, even for its directory, and misses nothing of it.
TEST_P(Stream, SubscriberMayComeBeforePublisher) {
    SubscriberProcess reader(*this, "mode=strict");
    EXPECT_EQ(reader.ask("next timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
    reader.send("read count=5");
    ASSERT_TRUE(eventually([&] { return all_threads_sleep(reader.pid()); }));

    PublisherProcess publisher(*this, "slots=4 policy=wait");
    publisher.call("wait_subscribers count=1");
    publisher.call("publish count=5");
    const Message seen = reader.answer();
    EXPECT_EQ(seen.number("received"), 5);
    EXPECT_EQ(seen.number("first"), 1);
}

// A subscriber that comes late begins with the newest frame that exists, in either mode.
TEST_P(Stream, LateSubscriberBeginsWithTheNewestFrame) {
    PublisherProcess publisher(*this, "slots=8");
    publisher.call("publish count=7");
    for (const char* mode : {"mode=strict", "mode=newest"}) {
        SubscriberProcess reader(*this, mode);
        const Message frame = reader.call("next");
        EXPECT_EQ(frame.number("sequence"), 7) << mode;
        EXPECT_EQ(frame.number("discontinuity"), 1) << mode;
    }
}

// The end of a stream is reported once, after its last frame; publishing again revives the stream.
TEST_P(Stream, EndOfStreamComesOnceAfterTheLastFrame) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    publisher.call("publish count=3");
    publisher.call("eos");
    publisher.call("eos"); // It has ended already.
    EXPECT_EQ(reader.call("read count=3").number("last"), 3);
    EXPECT_EQ(reader.ask("next").number("code"), CUFRAMES_ERROR_EOS);
    EXPECT_EQ(reader.stat("state"), static_cast<uint64_t>(CUFRAMES_STATE_ENDED));
    EXPECT_EQ(reader.ask("next timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);

    publisher.call("publish");
    EXPECT_EQ(reader.call("next").number("sequence"), 4);
    publisher.call("eos");
    EXPECT_EQ(reader.ask("next").number("code"), CUFRAMES_ERROR_EOS);
}

// Ends go on counting from one generation to the next, so that each is told.
TEST_P(Stream, EndOfALaterGenerationIsToldToo) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    for (const int64_t sequence : {1, 2, 3}) {
        publisher.call("publish");
        publisher.call("eos");
        EXPECT_EQ(reader.call("read count=1").number("last"), sequence);
        EXPECT_EQ(reader.ask("next").number("code"), CUFRAMES_ERROR_EOS) << sequence;
        publisher.call("configure memory=" + memory());
    }
}

// An end is told in its place though the stream was revived before the reader looked, and no frame is passed over for it.
TEST_P(Stream, EndThatIsRevivedIsToldInItsPlace) {
    PublisherProcess publisher(*this, "slots=12");
    SubscriberProcess strict(*this, "mode=strict");
    SubscriberProcess newest(*this, "mode=newest");
    strict.attach();
    newest.attach();
    // Who has not taken up the first generation yet passes it over, with what ends there.
    publisher.call("publish");
    for (SubscriberProcess* reader : {&strict, &newest}) {
        EXPECT_EQ(reader->call("next").number("sequence"), 1);
        reader->call("release");
    }
    // Not at once: who passes a generation over has to ask for the next.
    const auto is_told = [](SubscriberProcess& reader) {
        const Message told = reader.ask("next timeout=10000");
        return told.verb() == "error" && told.number("code") == CUFRAMES_ERROR_EOS;
    };
    publisher.call("publish count=2");
    publisher.call("eos");
    publisher.call("publish count=2");
    publisher.call("eos");
    publisher.call("configure memory=" + memory()); // What is untold of the ring before is told too.
    publisher.call("publish");

    for (const int64_t sequence : {2, 3}) {
        EXPECT_EQ(strict.call("next").number("sequence"), sequence);
        strict.call("release");
    }
    EXPECT_TRUE(is_told(strict));
    EXPECT_EQ(strict.call("read count=2").number("last"), 5);
    EXPECT_TRUE(is_told(strict));
    EXPECT_EQ(strict.call("next").number("sequence"), 6);
    EXPECT_EQ(strict.ask("next timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_EQ(strict.stat("lost"), 0u);

    if (GetParam() != Backend::packets) { // Which are read in order, in newest mode too.
        EXPECT_TRUE(is_told(newest));
        EXPECT_EQ(newest.call("next").number("sequence"), 5);
        EXPECT_TRUE(is_told(newest));
        EXPECT_EQ(newest.call("next").number("sequence"), 6);
        EXPECT_EQ(newest.stat("skipped"), 3u);
    }

    SubscriberProcess late(*this, "mode=strict");
    EXPECT_EQ(late.call("next").number("sequence"), 6) << "what ended before it came is not its business";
}

// A stream that ends after each frame: the reader of a waiting publisher gets each frame and each end.
TEST_P(Stream, FrameThatRevivesTheStreamIsNeverPassedOver) {
    PublisherProcess publisher(*this, "slots=16 policy=wait wait_ms=60000", "format=GRAY8 width=32 height=16");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.attach();
    reader.send("read count=3000");
    publisher.call("publish count=3000 ends=1", milliseconds(60'000));
    const Message seen = reader.answer("read", milliseconds(60'000));
    EXPECT_EQ(seen.number("missed"), 0);
    EXPECT_EQ(seen.number("ends"), 2999);
    EXPECT_EQ(reader.ask("next").number("code"), CUFRAMES_ERROR_EOS);
}

// A stream that ends before its first frame ends for the subscribers too.
TEST_P(Stream, EndOfAnEmptyStreamIsReported) {
    PublisherProcess publisher(*this);
    SubscriberProcess early(*this, "mode=strict");
    early.attach();
    publisher.call("eos");
    EXPECT_EQ(early.ask("next").number("code"), CUFRAMES_ERROR_EOS);
    SubscriberProcess late(*this, "mode=newest");
    EXPECT_EQ(late.ask("next").number("code"), CUFRAMES_ERROR_EOS);

    SubscriberProcess slow(*this, "mode=strict");
    slow.call("connect");
    publisher.call("configure memory=" + memory());
    publisher.call("publish");
    EXPECT_EQ(slow.ask("next").number("code"), CUFRAMES_ERROR_EOS) << "frames have come since, and the end is told";
    for (SubscriberProcess* reader : {&early, &late, &slow}) {
        EXPECT_EQ(reader->call("next").number("sequence"), 1);
    }
}

// A strict subscriber that sleeps through a reconfiguration finds every frame of both generations. Through more of them it
// is kept the first and the last, and what it lost between is counted.
TEST_P(Stream, SleeperFindsTheGenerationThatFollowedAndTheLast) {
    if (GetParam() == Backend::packets) {
        GTEST_SKIP() << "a packet log has one generation: caps change within it";
    }
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess reader(*this, "mode=strict max_held=1");
    reader.attach();
    publisher.call("publish count=5");
    reader.call("read count=1"); // From then on there is room for the generation that follows.
    for (const char* frames : {"format=GRAY8", "format=BGRA width=34", "format=Y444"}) {
        publisher.call("configure memory=" + memory() + ' ' + frames);
        publisher.call("publish count=5");
    }
    const Message seen = reader.call("read count=14");
    EXPECT_EQ(seen.number("last"), 20);
    EXPECT_EQ(seen.number("missed"), 5);
    EXPECT_EQ(reader.stat("lost"), 5u);
}

// The policy "wait" waits for that too: a strict subscriber that takes a frame in the time-out gets every frame of every
// generation.
TEST_P(Stream, WaitPolicyLosesNoGeneration) {
    if (GetParam() == Backend::packets) {
        GTEST_SKIP() << "a packet log has one generation: caps change within it";
    }
    PublisherProcess publisher(*this, "slots=8 policy=wait wait_ms=300");
    SubscriberProcess reader(*this, "mode=strict max_held=1");
    reader.attach();
    constexpr int generations = 6;
    reader.send("read count=30 pause_us=100000"); // Five of them take longer than the time-out.
    for (int i = 1; i <= generations; ++i) {
        publisher.call("publish count=5");
        if (i < generations) {
            publisher.call("configure memory=" + memory() + (i % 2 ? " format=GRAY8" : " format=Y444"));
        }
    }
    const Message seen = reader.answer();
    EXPECT_EQ(seen.number("last"), 30);
    EXPECT_EQ(seen.number("missed"), 0);
    EXPECT_EQ(seen.number("generations"), generations);
}

// Nor where the publisher ends in good order before the reader has taken up the first.
TEST_P(Stream, WaitPolicyLosesNoGenerationAtTheEnd) {
    if (GetParam() == Backend::packets) {
        GTEST_SKIP() << "a packet log has one generation: caps change within it";
    }
    auto publisher = std::make_unique<PublisherProcess>(*this, "slots=8 policy=wait wait_ms=60000");
    SubscriberProcess reader(*this, "mode=strict max_held=1");
    reader.call("connect");
    publisher->await_subscribers(1);
    publisher->call("publish count=5");
    publisher->call("configure memory=" + memory() + " format=GRAY8");
    publisher->call("publish count=5");
    publisher->call("eos");
    publisher->send("destroy_publisher");
    ASSERT_TRUE(eventually([&] { return all_threads_sleep(publisher->pid()); }));
    const Message seen = reader.call("read until=eos");
    EXPECT_EQ(seen.number("last"), 10);
    EXPECT_EQ(seen.number("missed"), 0);
    publisher->answer();
}

// The policy "wait" carries 10,000 frames to two strict subscribers of different speed; neither loses one.
TEST_P(Stream, WaitPolicyLosesNothingOfTenThousandFrames) {
    PublisherProcess publisher(*this, "slots=8 policy=wait wait_ms=60000", "format=GRAY8 width=32 height=16");
    SubscriberProcess fast(*this, "mode=strict max_held=2");
    SubscriberProcess slow(*this, "mode=strict max_held=3");
    fast.send("read until=eos hold=1");
    slow.send("read until=eos hold=2 pause_us=20");
    publisher.call("wait_subscribers count=2");
    publisher.call("publish count=10000", milliseconds(120'000));
    publisher.call("eos");
    for (SubscriberProcess* reader : {&fast, &slow}) {
        const Message seen = reader->answer("read", milliseconds(120'000));
        EXPECT_EQ(seen.number("received"), 10'000);
        EXPECT_EQ(reader->stat("lost"), 0u);
    }
    EXPECT_EQ(publisher.stat("dropped"), 0u);
    EXPECT_EQ(publisher.stat("lapped"), 0u);
}

CUFRAMES_OVER_CONTENTS(Stream);

} // namespace cuframes::test
