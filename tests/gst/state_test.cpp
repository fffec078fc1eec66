// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: whatever an element waits for, a state change is answered at once. A wait that were not interrupted would last
// for ever here, so that no time needs to be measured.
#include "fixture.hpp"

namespace cuframes::test {
namespace {

class States : public GstTest {
protected:
    static constexpr const char* picture = "video/x-raw,format=GRAY8,width=64,height=48,framerate=100/1";

    static void expect_stop(Pipeline& pipeline) {
        EXPECT_NE(pipeline.set_state(GST_STATE_NULL), GST_STATE_CHANGE_FAILURE);
        EXPECT_TRUE(pipeline.settled(GST_STATE_NULL));
    }
};

TEST_F(States, ReaderWithoutAPublisher) {
    Pipeline reader("cuframessrc key=none ! fakesink");
    reader.play();
    reader.wait_for_publisher("waiting");
    reader.set_state(GST_STATE_PAUSED);
    reader.play();
    expect_stop(reader);
}

TEST_F(States, ReaderOfAPublisherThatIsPaused) {
    Pipeline publisher("videotestsrc is-live=true ! " + std::string(picture) + " ! cuframessink name=sink key=paused");
    Pipeline reader("cuframessrc key=paused ! appsink name=out sync=false");
    publisher.play();
    reader.play();
    ASSERT_TRUE(reader.pull());
    publisher.set_state(GST_STATE_PAUSED);
    ASSERT_TRUE(publisher.settled(GST_STATE_PAUSED));
    while (reader.pull("out", milliseconds(200)))
        continue;
    expect_stop(reader);
}

TEST_F(States, ReaderWhoseFramesAreAllHeldDownstream) {
    Pipeline publisher("videotestsrc is-live=true ! " + std::string(picture) + " ! cuframessink sync=false key=full");
    Pipeline reader("cuframessrc name=src max-held=1 on-exhausted=wait key=full ! "
                    "appsink name=out sync=false");
    publisher.play();
    reader.play();
    ASSERT_EQ(reader.wait_for(GST_MESSAGE_WARNING).kind, BusNews::warning);
    expect_stop(reader);
}

TEST_F(States, SinkThatWaitsForSubscribers) {
    Pipeline publisher("videotestsrc ! " + std::string(picture) +
                       " ! cuframessink name=sink key=lonely "
                       "wait-for-subscribers=1");
    publisher.play();
    EXPECT_FALSE(gst_element_get_state(publisher.get(), nullptr, nullptr, 100 * GST_MSECOND) ==
                 GST_STATE_CHANGE_SUCCESS)
        << "its clock must not run before the reader is there";
    publisher.set_state(GST_STATE_PAUSED);
    publisher.play();
    EXPECT_EQ(publisher.stat("sink", "published"), 0u);
    expect_stop(publisher);
}

// Upstream waits in the sink's pool for a slot that a strict reader does not free.
TEST_F(States, UpstreamThatWaitsInThePool) {
    Pipeline publisher("videotestsrc ! " + std::string(picture) +
                       " ! cuframessink name=sink sync=false policy=wait "
                       "wait-timeout=3600000 key=slow");
    Pipeline reader("cuframessrc mode=strict max-held=1 key=slow ! appsink name=out sync=false");
    reader.play();
    publisher.play();
    // The ring is full when the reader lags by all its slots, and upstream makes frames as fast as it can.
    ASSERT_TRUE(eventually([&] { return publisher.stat("sink", "published") >= 8; }));
    expect_stop(publisher);
    expect_stop(reader);
}

TEST_F(States, FlushingSeekWhileUpstreamWaits) {
    Pipeline publisher("videotestsrc name=source ! " + std::string(picture) +
                       " ! cuframessink name=sink sync=false "
                       "policy=wait wait-timeout=3600000 key=seek");
    Pipeline reader("cuframessrc mode=strict max-held=1 key=seek ! appsink name=out sync=false");
    reader.play();
    publisher.play();
    ASSERT_TRUE(eventually([&] { return publisher.stat("sink", "published") > 4; }));
    EXPECT_TRUE(gst_element_seek_simple(publisher.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
    expect_stop(publisher);
    expect_stop(reader);
}

TEST_F(States, ManyRounds) {
    Pipeline publisher("videotestsrc is-live=true ! " + std::string(picture) + " ! cuframessink name=sink key=rounds");
    Pipeline reader("cuframessrc key=rounds ! fakesink sync=false");
    for (int i = 0; i < 20; ++i) {
        publisher.play();
        reader.play();
        if (i % 2) {
            ASSERT_TRUE(eventually([&] { return publisher.stat("sink", "published") > 1; }));
        }
        publisher.set_state(i % 3 ? GST_STATE_READY : GST_STATE_NULL);
        reader.set_state(i % 4 ? GST_STATE_READY : GST_STATE_NULL);
    }
    EXPECT_EQ(directory.contents(), std::vector<std::string>());
}

} // namespace
} // namespace cuframes::test
