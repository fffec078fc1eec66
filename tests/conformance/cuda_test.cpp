// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What is promised for GPU memory alone. Faults and old drivers are played by the stand-in; on a real driver those are
// skipped.
#include "ring_test.h"

namespace cuframes::test {

class Cuda : public RingTest {
protected:
    /// A child whose stand-in driver behaves as the pairs say.
    ChildOptions with_driver(const std::map<std::string, std::string>& environment) const {
        ChildOptions options = in_directory();
        options.environment.insert(environment.begin(), environment.end());
        return options;
    }

    /// How much work to queue in front of a copy: enough to let the publisher go round its ring several times. The
    /// stand-in is late by itself, and fills memory with a CPU.
    static std::string slow_work() {
        return driver_is_stand_in() ? " backlog=2 backlog_bytes=65536" : " backlog=8 backlog_bytes=268435456";
    }

    /// The central promise: a reader queues slow work and a copy of the frame, gives the frame back at once, and the
    /// publisher goes at full speed over the smallest ring that admits the reader. Returns how many copies were wrong.
    int64_t count_wrong_copies(const ChildOptions& reader_options, const std::string& request) {
        PublisherProcess publisher(*this, "slots=4", "format=NV12 width=320 height=240");
        SubscriberProcess reader(*this, "mode=newest max_held=2", &reader_options);
        publisher.send("publish count=0");
        const Message result = reader.call("copy_late " + request + slow_work(), milliseconds(120'000));
        publisher.send("interrupt on=1");
        EXPECT_GT(publisher.answer().number("published"), result.number("copies"));
        return result.number("wrong");
    }
};

#define SKIP_ON_A_REAL_DRIVER()                                                                                        \
    if (!driver_is_stand_in())                                                                                         \
    GTEST_SKIP() << "only the stand-in driver can be told to behave so"

// A frame given back right after its work was queued is not overwritten before that work is done, on the stream that was
// named, whatever kind it is of.
TEST_P(Cuda, LeaseEndsOnlyAfterTheQueuedWork) {
    EXPECT_EQ(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}}), "count=120 record=1"), 0);
}

// On request the same holds for all streams of the context, named or not.
TEST_P(Cuda, LeaseEndsOnlyAfterAllWorkOfTheContextOnRequest) {
    EXPECT_EQ(
        count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}, {"CUFRAMES_RELEASE", "context"}}), "count=120"),
        0);
}

// And this shows that the two above can fail: the same work, on streams that nobody named.
TEST_P(Cuda, WorkOnAStreamThatNobodyNamedIsNotWaitedFor) {
    SKIP_ON_A_REAL_DRIVER();
    EXPECT_GT(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}}), "count=60"), 0);
}

// A value of CUFRAMES_RELEASE that is none is refused, and the message has those there are.
TEST_P(Cuda, UnknownReleaseIsRefused) {
    Process reader(with_driver({{"CUFRAMES_RELEASE", "stream"}}));
    const Message refusal = reader.ask("subscriber");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(refusal.text("text").find("streams"), std::string::npos) << refusal.text("text");
}

// And this shows that the test above can fail: the same work, with frames given back on the CPU's word alone.
TEST_P(Cuda, ReleaseThatDoesNotWaitTearsFrames) {
    EXPECT_GT(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}, {"CUFRAMES_UNSAFE_RELEASE", "host"}}),
                                 "count=60 record=1"),
              0);
}

// Giving back the last frame of a closed subscriber does not wait for the work that reads it.
TEST_P(Cuda, LastReleaseAfterCloseDoesNotWait) {
    SKIP_ON_A_REAL_DRIVER();
    PublisherProcess publisher(*this, "slots=4", "format=NV12 width=320 height=240");
    const ChildOptions slow = with_driver({{"FAKE_CUDA_DELAY_US", "300000"}});
    SubscriberProcess reader(*this, "mode=newest max_held=2", &slow);
    reader.attach();
    publisher.call("publish");
    const Message result = reader.call("release_after_close");
    EXPECT_EQ(result.number("unfinished"), 1) << "the release came back when the work was done, not before";
    EXPECT_EQ(result.number("wrong"), 0);
}

// A reader whose leases all belong to work in flight is not made to wait by a call that says not to, and learns from its
// descriptor when to try again.
TEST_P(Cuda, LeasesInFlightDoNotBlockTheReader) {
    SKIP_ON_A_REAL_DRIVER();
    for (const char* memops : {"0", "1"}) {
        PublisherProcess publisher(*this, "slots=4", "format=NV12 width=320 height=240");
        const ChildOptions slow = with_driver({{"FAKE_CUDA_DELAY_US", "300000"}, {"FAKE_CUDA_NO_MEMOPS", memops}});
        SubscriberProcess reader(*this, "mode=newest max_held=1", &slow);
        reader.attach();
        publisher.call("publish");
        reader.call("read_late_and_release");
        publisher.call("publish");
        const Message result = reader.call("next_while_in_flight");
        EXPECT_EQ(result.number("code"), CUFRAMES_ERROR_TIMEOUT) << "with NO_MEMOPS=" << memops;
        EXPECT_EQ(result.number("unfinished"), 1) << "the call came back when the work was done, not before";
        EXPECT_EQ(result.number("readable"), 1);
        EXPECT_EQ(result.number("sequence"), 2);
    }
}

// The same for work in a context of the application's own, once it was named.
TEST_P(Cuda, LeaseEndsOnlyAfterTheWorkOfANamedContext) {
    EXPECT_EQ(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}, {"CUFRAMES_RELEASE", "context"}}),
                                 "count=60 own_context=1"),
              0);
}

// A stream is waited for in the context that it is of, whatever was said of that, and though nobody named the context.
TEST_P(Cuda, NamedStreamIsFoundInItsOwnContext) {
    for (const char* release : {"streams", "context"}) {
        EXPECT_EQ(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}, {"CUFRAMES_RELEASE", release}}),
                                     "count=60 own_context=1 add=0 record=1 unsaid=1"),
                  0)
            << "with CUFRAMES_RELEASE=" << release;
    }
}

// The per-thread default stream is that of the thread which names it, whichever thread gives the frame up.
TEST_P(Cuda, PerThreadStreamIsThatOfTheThreadThatNamesIt) {
    EXPECT_EQ(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}}),
                                 "count=60 own_context=1 add=0 record=1 stream=per_thread"),
              0);
}

// The library's own copy out of a frame is such work too, and nobody has to name its stream.
TEST_P(Cuda, LeaseEndsOnlyAfterTheLibrarysOwnCopy) {
    for (const char* context : {"own_context=0", "own_context=1 add=0"}) {
        EXPECT_EQ(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}}),
                                     std::string("count=60 by=library ") + context),
                  0)
            << context;
    }
}

// A ring is not unmapped under work that reads it, although its release could not be put behind that work.
TEST_P(Cuda, RingIsNotUnmappedUnderWorkWhoseStreamCaptures) {
    SKIP_ON_A_REAL_DRIVER();
    PublisherProcess publisher(*this, "slots=4", "format=NV12 width=320 height=240");
    const ChildOptions slow = with_driver({{"FAKE_CUDA_DELAY_US", "300000"}});
    SubscriberProcess reader(*this, "mode=newest max_held=2", &slow);
    reader.attach();
    publisher.call("publish");
    EXPECT_EQ(reader.call("release_after_close capture=1").number("wrong"), 0);
}

// What the driver refuses for good is told where a lease is needed, instead of being waited for.
TEST_P(Cuda, LeasesThatCannotEndAreAnErrorAndNoWait) {
    SKIP_ON_A_REAL_DRIVER();
    for (const char* fault :
         {"cuEventRecord:0:CUDA_ERROR_ILLEGAL_ADDRESS", "cuStreamQuery:0:CUDA_ERROR_ILLEGAL_ADDRESS"}) {
        PublisherProcess publisher(*this, "slots=4", "format=NV12 width=320 height=240");
        const ChildOptions broken = with_driver({{"FAKE_CUDA_FAIL", fault}, {"FAKE_CUDA_DELAY_US", "300000"}});
        SubscriberProcess reader(*this, "mode=newest max_held=1", &broken);
        reader.attach();
        publisher.call("publish");
        reader.call("read_late_and_release");
        publisher.call("publish");
        EXPECT_EQ(reader.ask("next timeout=20000").number("code"), CUFRAMES_ERROR_CUDA) << fault;
        EXPECT_EQ(reader.ask("wait_lease").number("code"), CUFRAMES_ERROR_CUDA) << fault;
    }
}

// A slot that is given back unpublished while the GPU still writes it is not used before that is done: what is published
// next, and held by a reader, does not change.
TEST_P(Cuda, SlotGivenBackUnpublishedIsNotUsedUnderItsWork) {
    for (const char* how : {"write", "record"}) {
        const ChildOptions slow = with_driver({{"FAKE_CUDA_DELAY_US", "30000"}});
        PublisherProcess publisher(*this, "slots=4", "format=NV12 width=320 height=240", &slow);
        SubscriberProcess reader(*this, "mode=newest max_held=2");
        reader.attach();
        publisher.call(std::string("spoil by=") + how + slow_work());
        publisher.call("publish");
        reader.call("next");
        publisher.call("finish_spoiling");
        reader.call("check");
    }
}

// Drivers before CUDA 12.5: the same for streams that were recorded.
TEST_P(Cuda, OldDriverWaitsForRecordedStreams) {
    SKIP_ON_A_REAL_DRIVER();
    EXPECT_EQ(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}, {"FAKE_CUDA_DRIVER_VERSION", "12020"}}),
                                 "count=60 record=1"),
              0);
}

// And this shows that the test above can fail: the same driver and work, with the streams not recorded.
TEST_P(Cuda, OldDriverCannotKnowOfUnrecordedStreams) {
    SKIP_ON_A_REAL_DRIVER();
    EXPECT_GT(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}, {"FAKE_CUDA_DRIVER_VERSION", "12020"}}),
                                 "count=60 record=0"),
              0);
}

// Devices without stream memory operations: released by the CPU once the work is done, and no earlier.
TEST_P(Cuda, WithoutStreamMemoryOperationsToo) {
    SKIP_ON_A_REAL_DRIVER();
    EXPECT_EQ(count_wrong_copies(with_driver({{"FAKE_CUDA_DELAY_US", "3000"}, {"FAKE_CUDA_NO_MEMOPS", "1"}}),
                                 "count=60 record=1"),
              0);
}

// A publisher killed while its readers' copies of held frames are still queued: every copy is right.
TEST_P(Cuda, QueuedWorkSurvivesThePublisher) {
    PublisherProcess publisher(*this, "slots=8", "format=NV12 width=320 height=240");
    const ChildOptions slow = with_driver({{"FAKE_CUDA_DELAY_US", "20000"}});
    SubscriberProcess reader(*this, "mode=strict max_held=6", &slow);
    reader.attach();
    publisher.call("publish count=6");
    reader.send("copy_late count=6 record=1" + slow_work());
    publisher.kill();
    EXPECT_EQ(reader.answer().number("wrong"), 0);
}

// A reader killed with copies queued: its leases come back and the publisher goes on.
TEST_P(Cuda, ReaderKilledWithQueuedWorkCostsNothing) {
    PublisherProcess publisher(*this, "slots=6", "format=NV12 width=320 height=240");
    const ChildOptions slow = with_driver({{"FAKE_CUDA_DELAY_US", "200000"}});
    SubscriberProcess reader(*this, "mode=strict max_held=4", &slow);
    reader.attach();
    publisher.call("publish count=4");
    reader.send("copy_late count=4 record=1" + slow_work());
    ASSERT_TRUE(eventually([&] { return publisher.call("subscribers").number("received0") == 4; }));
    reader.kill();
    publisher.await_subscribers(0);
    for (int slot = 0; slot < 5; ++slot) {
        publisher.call("acquire flags=1");
    }
    EXPECT_EQ(publisher.stat("waited_ns"), 0u);
}

// The reader's mapping is read-only: a copy into a frame is refused, the frame unchanged, the context healthy.
TEST_P(Cuda, CopyIntoAFrameIsRefused) {
    PublisherProcess publisher(*this);
    SubscriberProcess reader(*this);
    publisher.call("publish");
    reader.call("next");
    EXPECT_NE(reader.call("write_into_frame").number("result"), 0);
    reader.call("check");
    reader.call("release");
    publisher.call("publish count=3");
    reader.call("next");
}

// A driver that cannot share memory is found out by the self-test, and the message says how to go on.
TEST_P(Cuda, DriverThatCannotShareIsFoundOut) {
    SKIP_ON_A_REAL_DRIVER();
    Process publisher(with_driver({{"FAKE_CUDA_NO_VMM", "1"}}));
    publisher.call("publisher");
    for (const char* request : {"configure memory=cuda", "self_test device=0"}) {
        const Message refusal = publisher.ask(request);
        EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_NO_GPU_SHARING) << request;
        EXPECT_NE(refusal.text("text").find("memory=system"), std::string::npos) << refusal.text("text");
    }
    publisher.call("configure memory=host");
    publisher.call("publish");
}

// A GPU that is not there is refused by number, and the publisher lives on.
TEST_P(Cuda, UnknownGpuIsRefused) {
    Process publisher(in_directory());
    publisher.call("publisher");
    const Message refusal = publisher.ask("configure memory=cuda device=77");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_UNKNOWN_DEVICE);
    EXPECT_NE(refusal.text("text").find("77"), std::string::npos) << refusal.text("text");
    publisher.call("configure memory=cuda");
    publisher.call("publish");

    SubscriberProcess reader(*this, "device=77");
    EXPECT_EQ(reader.ask("next").number("code"), CUFRAMES_ERROR_UNKNOWN_DEVICE);
}

// A ring on the second GPU is found there by a reader that asks for no GPU in particular.
TEST_P(Cuda, RingOnTheSecondGpuIsReadThere) {
    SKIP_ON_A_REAL_DRIVER();
    const ChildOptions two = with_driver({{"FAKE_CUDA_DEVICES", "2"}});
    PublisherProcess publisher(*this, "slots=8", "device=1", &two);
    SubscriberProcess reader(*this, "", &two);
    publisher.call("publish");
    EXPECT_EQ(reader.call("next").number("device"), 1);
    reader.call("check");
}

// A second GPU reads the ring in place where the two are peers, and gets a clear refusal where they are not.
TEST_P(Cuda, SecondGpuReadsOrIsRefused) {
    SKIP_ON_A_REAL_DRIVER();
    PublisherProcess publisher(*this, "slots=8", "device=0");
    publisher.call("publish");
    const ChildOptions peers = with_driver({{"FAKE_CUDA_DEVICES", "2"}, {"FAKE_CUDA_PEER", "1"}});
    SubscriberProcess near(*this, "device=1", &peers);
    EXPECT_EQ(near.call("next").number("device"), 1);
    near.call("check");
    const ChildOptions strangers = with_driver({{"FAKE_CUDA_DEVICES", "2"}, {"FAKE_CUDA_PEER", "0"}});
    SubscriberProcess far(*this, "device=1", &strangers);
    const Message refusal = far.ask("next");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_DEVICE_MISMATCH) << refusal.text("text");
}

// A subscriber without a driver is told so; the publisher is not disturbed.
TEST_P(Cuda, ReaderWithoutADriverIsToldSo) {
    SKIP_ON_A_REAL_DRIVER();
    PublisherProcess publisher(*this);
    publisher.call("publish");
    ChildOptions bare = in_directory();
    bare.environment["LD_LIBRARY_PATH"] = "";
    SubscriberProcess reader(*this, "", &bare);
    if (reader.call("cuda").number("present")) {
        GTEST_SKIP() << "this host has a driver besides the stand-in";
    }
    const Message refusal = reader.ask("next");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_NO_DRIVER) << refusal.text("text");
    publisher.call("publish count=20");
}

CUFRAMES_OVER_CUDA(Cuda);

} // namespace cuframes::test
