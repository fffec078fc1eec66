// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a reader's running time is the sender's capture time, to within a millisecond, whoever started first, wherever
// the sender's segment begins and whatever clock it runs on; and the latency that is reported covers how late frames are.
#include "fixture.h"

#include <cmath>

namespace cuframes::test {
namespace {

class Clocks : public GstTest {
protected:
    static std::string camera(const std::string& options = "") {
        return "videotestsrc name=camera is-live=true do-timestamp=true num-buffers=60 ! " + raw_caps("GRAY8", 64, 48) +
               " ! cuframessink name=sink key=clock " + options;
    }

    /// Largest distance, in milliseconds, between a reader's time and what the sender noted, over `count` frames.
    static double worst_distance(RemotePipeline& publisher, Pipeline& reader, int count) {
        double worst = 0;
        for (int i = 0; i < count; ++i) {
            const Sample sample = reader.pull();
            if (!sample) {
                throw std::runtime_error("the stream ended early");
            }
            GstBuffer* buffer = gst_sample_get_buffer(sample.get());
            const GstClockTime here = gst_element_get_base_time(reader.get()) + GST_BUFFER_PTS(buffer);
            const auto offset = static_cast<int64_t>(GST_BUFFER_OFFSET(buffer));
            const int64_t there = publisher.call(Message("capture-time").set("offset", offset)).number("value");
            worst = std::max(worst, std::abs(static_cast<double>(GST_CLOCK_DIFF(here, there))) / GST_MSECOND);
        }
        return worst;
    }
};

TEST_F(Clocks, AgreeWhenThePublisherStartedFirst) {
    RemotePipeline publisher(camera("sync=false"));
    publisher.call(Message("watch-times"));
    publisher.play();
    ASSERT_TRUE(eventually([&] { return publisher.stat("published") >= 3; }));
    Pipeline reader(strict_reader("clock"));
    reader.play();
    reader.pull(); // captured before the reader's time began, hence at its zero
    EXPECT_LT(worst_distance(publisher, reader, 10), 1.0);
}

TEST_F(Clocks, AgreeWhenTheReaderStartedFirst) {
    Pipeline reader(strict_reader("clock"));
    reader.play();
    reader.wait_for_publisher("waiting");
    RemotePipeline publisher(camera("sync=false"));
    publisher.call(Message("watch-times"));
    publisher.play();
    EXPECT_LT(worst_distance(publisher, reader, 10), 1.0);
    EXPECT_GT(gst_element_get_base_time(reader.get()), 0u);
    EXPECT_NE(publisher.call(Message("base-time")).number("value"),
              static_cast<int64_t>(gst_element_get_base_time(reader.get())));
}

TEST_F(Clocks, AgreeWithASegmentThatIsShifted) {
    Pipeline reader(strict_reader("clock"));
    reader.play();
    RemotePipeline publisher(camera("sync=false"));
    publisher.call(Message("pad-offset").set("element", "camera").set("nanoseconds", 250'000'000));
    publisher.call(Message("watch-times"));
    publisher.play();
    EXPECT_LT(worst_distance(publisher, reader, 10), 1.0);
}

TEST_F(Clocks, AgreeWhenTheSenderRunsOnAnotherClock) {
    Pipeline reader(strict_reader("clock"));
    reader.play();
    RemotePipeline publisher(camera("sync=false"));
    publisher.call(Message("use-realtime-clock"));
    publisher.call(Message("watch-times"));
    publisher.play();
    EXPECT_LT(worst_distance(publisher, reader, 10), 1.0);
}

TEST_F(Clocks, AFrameFromBeforeTheReaderStartedIsAtItsZero) {
    RemotePipeline publisher(camera("sync=false"));
    publisher.play();
    publisher.await_end();
    Pipeline reader(strict_reader("clock"));
    reader.play();
    const Sample sample = reader.pull();
    ASSERT_TRUE(sample);
    EXPECT_EQ(GST_BUFFER_PTS(gst_sample_get_buffer(sample.get())), 0u);
}

GstClockTime reported_latency(Pipeline& pipeline) {
    GstQuery* query = gst_query_new_latency();
    gboolean live = FALSE;
    GstClockTime least = GST_CLOCK_TIME_NONE, most = 0;
    EXPECT_TRUE(gst_element_query(pipeline.element("src"), query));
    gst_query_parse_latency(query, &live, &least, &most);
    gst_query_unref(query);
    EXPECT_TRUE(live);
    EXPECT_EQ(most, GST_CLOCK_TIME_NONE);
    return least;
}

TEST_F(Clocks, LatencyCoversHowLateFramesAre) {
    Pipeline reader(strict_reader("clock"));
    reader.play();
    EXPECT_LT(reported_latency(reader), 10 * GST_MSECOND);
    RemotePipeline publisher(camera("ts-offset=150000000"));
    publisher.play();
    ASSERT_TRUE(reader.pull());
    EXPECT_EQ(reader.wait_for(GST_MESSAGE_LATENCY).text, "");
    EXPECT_GE(reported_latency(reader), 150 * GST_MSECOND);
    EXPECT_LT(reported_latency(reader), GST_SECOND);
}

// A publisher that comes in place of another brings its own.
TEST_F(Clocks, LatencyIsThatOfThePublisherOfTheMoment) {
    Pipeline reader(strict_reader("clock") + " drop=true"); // who waits for room downstream sees no publisher go
    reader.play();
    for (const int latency_ms : {0, 300, 100}) {
        RemotePipeline publisher(
            "videotestsrc is-live=true ! " + raw_caps("GRAY8", 64, 48) +
            " ! queue ! cuframessink name=sink key=clock ts-offset=" + std::to_string(latency_ms * 1'000'000));
        publisher.play();
        const auto at_least = static_cast<GstClockTime>(latency_ms) * GST_MSECOND;
        EXPECT_TRUE(eventually([&] {
            reader.pull();
            const GstClockTime now = reported_latency(reader);
            return now >= at_least && now < at_least + 80 * GST_MSECOND;
        })) << latency_ms;
        publisher.process().kill();
        reader.wait_for_publisher("gone");
    }
}

} // namespace
} // namespace cuframes::test
