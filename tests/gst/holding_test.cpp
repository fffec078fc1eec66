// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: whatever is behind a reader, and however many frames it keeps, the pipeline goes on; nobody is refused for a
// number; and times rise from the first buffer on.
#include "fixture.h"
#include "picture.h"

#include <cuframes/cuframes.hpp>

namespace cuframes::test {
namespace {

class Holding : public GstTest {
protected:
    static std::string camera(const std::string& options = "", int rate = 60) {
        return "videotestsrc name=camera is-live=true do-timestamp=true pattern=ball ! " +
               raw_caps("GRAY8", 320, 240, rate) + " ! cuframessink name=sink key=hold " + options;
    }

    /// Pulls `count` samples and expects each offset to follow the one before.
    static void expect_in_order(Pipeline& reader, int count) {
        guint64 last = GST_BUFFER_OFFSET_NONE;
        GstClockTime time = GST_CLOCK_TIME_NONE;
        for (int i = 0; i < count; ++i) {
            const Sample sample = reader.pull();
            ASSERT_TRUE(sample) << i;
            GstBuffer* buffer = gst_sample_get_buffer(sample.get());
            if (last != GST_BUFFER_OFFSET_NONE) {
                EXPECT_EQ(GST_BUFFER_OFFSET(buffer), last + 1);
                EXPECT_GT(GST_BUFFER_PTS(buffer), time);
            }
            last = GST_BUFFER_OFFSET(buffer);
            time = GST_BUFFER_PTS(buffer);
        }
    }

    /// Whether it takes `count` frames with next to none skipped. On a busy machine anybody is late for some, but who is
    /// late by design is never in time.
    static bool keeps_up(Pipeline& reader, uint64_t count) {
        return eventually([&] {
            const uint64_t received = reader.stat("src", "received"), skipped = reader.stat("src", "skipped");
            EXPECT_TRUE(eventually([&] { return reader.stat("src", "received") >= received + count; }));
            return reader.stat("src", "skipped") - skipped <= count / 20;
        });
    }
};

// An encoder that looks ahead, a queue, an appsink that nobody empties: by default they hold what they want.
TEST_F(Holding, AReaderWhoseFramesAreKeptGetsMoreOfThem) {
    RemotePipeline publisher(camera());
    Pipeline reader("cuframessrc name=src mode=strict key=hold ! appsink name=out sync=false");
    publisher.play();
    reader.play();
    ASSERT_TRUE(eventually([&] { return reader.stat("src", "held") >= 30; }));
    EXPECT_GE(reader.stat("src", "max-held"), 30u);
    EXPECT_LT(reader.stat("src", "copied"), 10u) << "while the ring grows, and no longer";
    EXPECT_GT(publisher.stat("slots"), 30);
    expect_in_order(reader, 30);
    EXPECT_EQ(reader.stat("src", "lost"), 0u);
}

TEST_F(Holding, WhatTheRingCannotSpareIsCopiedAndSaidOnce) {
    RemotePipeline publisher(camera("max-slots=8"));
    Pipeline reader("cuframessrc name=src mode=strict key=hold ! appsink name=out sync=false");
    publisher.play();
    reader.play();
    const BusNews news = reader.wait_for(GST_MESSAGE_WARNING);
    ASSERT_EQ(news.kind, BusNews::warning) << news.text;
    EXPECT_NE(news.text.find("max-slots"), std::string::npos) << news.text;
    ASSERT_TRUE(eventually([&] { return reader.stat("src", "copied") >= 40; }));
    EXPECT_LE(reader.stat("src", "held"), 7u);
    expect_in_order(reader, 40);
    EXPECT_EQ(reader.wait_for(GST_MESSAGE_WARNING, milliseconds(300)).kind, BusNews::nothing);
    EXPECT_EQ(publisher.stat("dropped"), 0);
}

TEST_F(Holding, MaxHeldMeansWhatItSays) {
    RemotePipeline publisher(camera());
    Pipeline reader("cuframessrc name=src mode=strict max-held=2 key=hold ! appsink name=out sync=false");
    publisher.play();
    reader.play();
    const BusNews news = reader.wait_for(GST_MESSAGE_WARNING);
    EXPECT_NE(news.text.find("raise max-held"), std::string::npos) << news.text;
    ASSERT_TRUE(eventually([&] { return reader.stat("src", "copied") >= 20; }));
    EXPECT_EQ(reader.stat("src", "held"), 2u);
    EXPECT_EQ(reader.stat("src", "max-held"), 2u);
    expect_in_order(reader, 20);
}

// Copies have the pixels of their frame, and those lent keep theirs beside them.
TEST_F(Holding, CopiesAndLentFramesShowTheSame) {
    RemotePipeline publisher("videotestsrc num-buffers=24 pattern=ball ! " + raw_caps("NV12", 322, 242) + " ! " +
                             lossless_sink("hold", 2));
    Pipeline lent("cuframessrc key=hold mode=strict max-held=40 ! appsink name=out sync=false"),
        copied("cuframessrc name=src key=hold mode=strict max-held=1 ! appsink name=out sync=false");
    lent.play();
    copied.play();
    publisher.play();
    publisher.await_end();
    ASSERT_TRUE(eventually([&] { return copied.stat("src", "copied") >= 20; }));
    EXPECT_EQ(lent.digest_all(), copied.digest_all());
}

TEST_F(Holding, ManyDefaultReadersOfADefaultPublisher) {
    RemotePipeline publisher(camera());
    publisher.play();
    std::string line;
    for (int i = 0; i < 24; ++i) {
        line += "cuframessrc name=r" + std::to_string(i) + " key=hold ! fakesink sync=true ";
    }
    Pipeline readers(line);
    readers.play();
    for (int i = 0; i < 24; ++i) {
        EXPECT_TRUE(eventually([&] { return readers.stat("r" + std::to_string(i), "received") >= 5; })) << i;
    }
    EXPECT_EQ(readers.wait_for(GST_MESSAGE_ERROR, milliseconds(1)).text, "");
}

// A camera with latency: frames that were captured before the reader ran still come when it does.
TEST_F(Holding, TimesRiseBehindACameraWithLatency) {
    RemotePipeline publisher("videotestsrc is-live=true ! " + raw_caps("GRAY8", 64, 48) +
                             " ! queue ! cuframessink name=sink key=hold ts-offset=400000000");
    publisher.play();
    ASSERT_TRUE(eventually([&] { return publisher.stat("published") >= 3; }));
    for (const char* mode : {"newest", "strict"}) {
        Pipeline reader("cuframessrc name=src key=hold mode=" + std::string(mode) +
                        " ! appsink name=out sync=false max-buffers=1");
        reader.play();
        GstClockTime last = 0;
        for (int i = 0; i < 10; ++i) {
            const Sample sample = reader.pull();
            ASSERT_TRUE(sample);
            const GstClockTime now = GST_BUFFER_PTS(gst_sample_get_buffer(sample.get()));
            if (i == 0) {
                EXPECT_EQ(now, 0u) << "a picture at once";
            } else {
                EXPECT_GT(now, last) << mode << " " << i;
            }
            last = now;
        }
        EXPECT_LT(last, GST_SECOND);
        EXPECT_GE(reader.stat("src", "early"), 5u) << mode;
    }
}

// A synced sink shows every picture, as newest passes over none that is not late.
TEST_F(Holding, ASyncedSinkShowsEveryPicture) {
    for (const int rate : {30, 120}) {
        RemotePipeline publisher("videotestsrc is-live=true ! " + raw_caps("GRAY8", 64, 48, rate) +
                                 " ! queue max-size-buffers=0 ! cuframessink name=sink key=hold ts-offset=200000000");
        publisher.play();
        Pipeline reader("cuframessrc name=src key=hold ! fakesink sync=true");
        reader.play();
        ASSERT_TRUE(eventually([&] { return reader.stat("src", "received") >= 20; }));
        EXPECT_TRUE(keeps_up(reader, 60)) << rate;
    }
}

// Times of another clock are not believed, and pictures flow all the same.
TEST_F(Holding, TimesThatCannotBeMeantAreReplaced) {
    auto publisher = Publisher::create(publisher_options("hold"));
    ASSERT_TRUE(publisher);
    const cuframes_geometry geometry = make_geometry("NV12", 64, 48, 64, 0);
    ASSERT_TRUE(publisher->configure(ring_config(CUFRAMES_MEMORY_HOST, &geometry)));
    Pipeline reader("cuframessrc name=src key=hold mode=strict ! appsink name=out sync=false");
    reader.play();
    ASSERT_TRUE(publisher->wait_subscribers(1));
    GstClockTime last = 0;
    for (int i = 0; i < 10; ++i) {
        auto slot = publisher->acquire();
        ASSERT_TRUE(slot);
        ASSERT_TRUE(slot->publish(frame_info(static_cast<uint64_t>(i) * 33'000'000))); // counted from the first frame
        const Sample sample = reader.pull();
        ASSERT_TRUE(sample) << i;
        const GstClockTime now = GST_BUFFER_PTS(gst_sample_get_buffer(sample.get()));
        EXPECT_TRUE(i == 0 || now > last) << i;
        last = now;
    }
    const BusNews news = reader.wait_for(GST_MESSAGE_WARNING);
    EXPECT_NE(news.text.find("CLOCK_MONOTONIC"), std::string::npos) << news.text;
}

TEST_F(Holding, APoliteRestartIsTheSameToWhoWantsItSo) {
    auto publisher = std::make_unique<RemotePipeline>("videotestsrc is-live=true num-buffers=10 ! " +
                                                      raw_caps("GRAY8", 64, 48) + " ! cuframessink name=sink key=hold");
    Pipeline reader("cuframessrc name=src on-eos=wait key=hold ! appsink name=out sync=false drop=true max-buffers=1");
    reader.play();
    publisher->play();
    publisher->await_end();
    reader.wait_for_publisher("ended");
    publisher = std::make_unique<RemotePipeline>(camera());
    publisher->play();
    ASSERT_TRUE(eventually([&] { return reader.stat("src", "reconnects") == 1; }));
    EXPECT_TRUE(reader.pull());
    EXPECT_EQ(reader.wait_for(GST_MESSAGE_EOS | GST_MESSAGE_ERROR, milliseconds(1)).kind, BusNews::nothing);
}

// The sink of a pipeline waits for the other sinks before it plays, and they wait for what it has not published yet.
TEST_F(Holding, SinkAndSourceOfOneKeyInOnePipeline) {
    for (const char* source : {"videotestsrc is-live=true", "videotestsrc"}) {
        for (const char* option : {"", "async=false"}) {
            Pipeline both(std::string(source) + " ! " + raw_caps("GRAY8", 64, 48) +
                          " ! cuframessink name=sink key=hold " + option +
                          " cuframessrc name=src key=hold ! fakesink sync=true");
            both.play();
            EXPECT_TRUE(keeps_up(both, 45)) << source << option;
        }
    }
}

// Who moves through a file in a paused pipeline wants to see where he is, in every reader.
TEST_F(Holding, APictureThatIsSoughtWhilePausedIsShared) {
    Pipeline publisher("videotestsrc pattern=ball ! " + raw_caps("GRAY8", 64, 48) +
                       " ! cuframessink name=sink key=hold");
    publisher.set_state(GST_STATE_PAUSED);
    ASSERT_TRUE(publisher.settled(GST_STATE_PAUSED));
    Pipeline reader("cuframessrc name=src key=hold ! appsink name=out sync=false");
    reader.play();
    for (int i = 1; i <= 2; ++i) {
        ASSERT_TRUE(gst_element_seek_simple(publisher.get(), GST_FORMAT_TIME,
                                            static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                                            i * 5 * GST_SECOND));
        ASSERT_TRUE(publisher.settled(GST_STATE_PAUSED));
        EXPECT_TRUE(reader.pull()) << i;
    }
}

} // namespace
} // namespace cuframes::test
