// SPDX-License-Identifier: LGPL-2.1-or-later
//
// CUDA graphs that a process captures beside what this library does in it: on the stand-in, which breaks them as a GPU
// was seen to, and on a GPU.
#include "ring_test.h"

namespace cuframes::test {

class Captures : public RingTest {};

// No capture breaks while other threads of its process read frames and give them up, attach and detach, publish, make
// rings and try sharing; and none of their calls is one that a capture could object to.
TEST_P(Captures, AreNotBrokenByWhatOtherThreadsDo) {
    PublisherProcess publisher(*this, "slots=16", "format=NV12 width=320 height=240");
    SubscriberProcess reader(*this, "mode=newest max_held=2");
    reader.attach();
    publisher.send("publish count=0 pace_us=500");
    const Message result = reader.call("capture_beside rounds=20", milliseconds(120'000));
    publisher.send("interrupt on=1");
    publisher.answer();
    EXPECT_EQ(result.number("broken"), 0);
    EXPECT_EQ(result.number("unguarded"), 0) << "calls of the driver were made outside of relaxed capture mode";
}

// And this shows that the test above can fail: releases that mean whole contexts break every capture.
TEST_P(Captures, AreBrokenByReleasesThatMeanWholeContexts) {
    PublisherProcess publisher(*this, "slots=16", "format=NV12 width=320 height=240");
    ChildOptions whole = in_directory();
    whole.environment["CUFRAMES_RELEASE"] = "context";
    SubscriberProcess reader(*this, "mode=newest max_held=2", &whole);
    reader.attach();
    publisher.send("publish count=0 pace_us=500");
    const Message result = reader.call("capture_beside rounds=5", milliseconds(120'000));
    publisher.send("interrupt on=1");
    publisher.answer();
    EXPECT_GT(result.number("broken"), 0);
}

// Nor does it pass where the calling thread cannot be put into relaxed mode: captures break, or calls are refused
// beside them.
TEST_P(Captures, AreBrokenByThreadsThatAreNotInRelaxedMode) {
    if (!driver_is_stand_in()) {
        GTEST_SKIP() << "only the stand-in driver can be told to refuse that";
    }
    PublisherProcess publisher(*this, "slots=16", "format=NV12 width=320 height=240");
    ChildOptions unguarded = in_directory();
    unguarded.environment["FAKE_CUDA_FAIL"] = "cuThreadExchangeStreamCaptureMode:0";
    SubscriberProcess reader(*this, "mode=newest max_held=2", &unguarded);
    reader.attach();
    publisher.send("publish count=0 pace_us=500");
    const Message result = reader.ask("capture_beside rounds=5", milliseconds(120'000));
    publisher.send("interrupt on=1");
    publisher.answer();
    EXPECT_TRUE(result.verb() == "error" || result.number("broken") > 0);
}

// A lease whose frame may be read on a stream that captures is kept, the capture does not notice, and the lease comes back
// by itself when the capture is over. Until then that is a lease under way: nothing that the reader could let go of.
TEST_P(Captures, LeasesOfTheCapturingStreamComeBackAfterwards) {
    for (const char* what : {"record=1 flags=1", "record=1 flags=0", "record=0 flags=0"}) {
        PublisherProcess publisher(*this, "slots=6", "format=NV12 width=320 height=240");
        SubscriberProcess reader(*this, "mode=strict max_held=2");
        reader.attach();
        publisher.call("publish count=3");
        const Message result = reader.call(std::string("release_while_capturing held=2 ") + what);
        EXPECT_EQ(result.number("while"), CUFRAMES_ERROR_TIMEOUT) << what;
        EXPECT_EQ(result.number("early"), 0) << what << ": there was a lease before the capture was over";
        EXPECT_EQ(result.number("ended"), 0) << what << ": the capture broke";
        EXPECT_EQ(result.number("waited"), CUFRAMES_OK) << what;
        EXPECT_EQ(result.number("after"), CUFRAMES_OK) << what;
    }
}

CUFRAMES_OVER_CUDA(Captures);

} // namespace cuframes::test
