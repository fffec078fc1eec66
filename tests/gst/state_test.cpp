// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: whatever an element waits for, a state change is answered at once. A wait that were not interrupted would last
// for ever here, so that no time needs to be measured.
#include "fixture.h"
#include "picture.h"

#include <cuframes/cuframes.hpp>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

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
    while (reader.pull("out", milliseconds(200))) {
        continue;
    }
    expect_stop(reader);
}

// However short a pause is, the streaming thread does not miss its end.
TEST_F(States, ReaderThatIsPausedForAMoment) {
    Pipeline publisher("videotestsrc is-live=true ! " + std::string(picture) + " ! cuframessink key=moment");
    Pipeline reader("cuframessrc key=moment ! appsink name=out sync=false async=false max-buffers=1 drop=true");
    publisher.play();
    reader.play();
    for (int round = 0; round < 50; ++round) {
        ASSERT_TRUE(reader.pull()) << "after pause " << round;
        reader.set_state(GST_STATE_PAUSED);
        reader.play();
    }
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
    Pipeline reader("cuframessrc mode=strict max-held=1 on-exhausted=wait key=slow ! appsink name=out sync=false");
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
    Pipeline reader("cuframessrc mode=strict max-held=1 on-exhausted=wait key=seek ! appsink name=out sync=false");
    reader.play();
    publisher.play();
    ASSERT_TRUE(eventually([&] { return publisher.stat("sink", "published") > 4; }));
    EXPECT_TRUE(gst_element_seek_simple(publisher.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
    expect_stop(publisher);
    expect_stop(reader);
}

/// Whether a thread of this process waits in the kernel.
bool sleeps(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string text;
    std::getline(file, text);
    return text.find(") S ") != std::string::npos;
}

/// A pool that a sink proposes for the caps that it has, active.
GstBufferPool* proposed_pool(GstElement* sink) {
    GstPad* pad = gst_element_get_static_pad(sink, "sink");
    GstCaps* wanted = gst_pad_get_current_caps(pad);
    GstQuery* query = gst_query_new_allocation(wanted, TRUE);
    GstBufferPool* pool = nullptr;
    if (gst_pad_query(pad, query) && gst_query_get_n_allocation_pools(query) > 0) {
        gst_query_parse_nth_allocation_pool(query, 0, &pool, nullptr, nullptr, nullptr);
    }
    gst_query_unref(query);
    gst_caps_unref(wanted);
    gst_object_unref(pad);
    EXPECT_TRUE(pool && gst_buffer_pool_set_active(pool, TRUE));
    return pool;
}

// A decoder that was replaced, and its successor: their pools are drained at the same time, and neither takes the
// interruption away that the other's threads are to hear of.
TEST_F(States, PoolsThatAreDrainedSideBySide) {
    Pipeline publisher("videotestsrc ! " + std::string(picture) +
                       " ! cuframessink name=sink sync=false policy=wait wait-timeout=20000 slots=8 "
                       "wait-for-subscribers=1 key=pools");
    Pipeline reader("cuframessrc mode=strict max-held=1 on-exhausted=wait key=pools ! appsink name=out sync=false");
    reader.play();
    publisher.play();
    ASSERT_TRUE(eventually([&] { return publisher.stat("sink", "published") >= 8; }));
    GstBufferPool* const pools[] = {proposed_pool(publisher.element("sink")), proposed_pool(publisher.element("sink"))};
    // The one is drained quickly, the other has many to wake.
    const size_t waiting[] = {1, 16};
    for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<pid_t>> ids(waiting[0] + waiting[1]);
        std::vector<std::jthread> threads;
        for (size_t i = 0; i < ids.size(); ++i) {
            threads.emplace_back([&id = ids[i], pool = pools[i < waiting[0] ? 0 : 1]] {
                GstBuffer* buffer = nullptr;
                id = ::gettid();
                gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr); // Ordinary memory, if it is the other's turn.
                gst_clear_buffer(&buffer);
            });
        }
        for (const std::atomic<pid_t>& id : ids) {
            ASSERT_TRUE(eventually([&] { return sleeps(id); }));
        }
        const auto start = Clock::now();
        std::thread first([&] { gst_buffer_pool_set_flushing(pools[0], TRUE); });
        gst_buffer_pool_set_flushing(pools[1], TRUE);
        first.join();
        for (std::jthread& thread : threads) {
            thread.join();
        }
        ASSERT_LT(Clock::now() - start, std::chrono::seconds(15))
            << "a thread has slept through it, in round " << round;
        for (GstBufferPool* pool : pools) {
            gst_buffer_pool_set_flushing(pool, FALSE);
        }
    }
    for (GstBufferPool* pool : pools) {
        gst_buffer_pool_set_active(pool, FALSE);
        gst_object_unref(pool);
    }
    expect_stop(publisher);
    expect_stop(reader);
}

// Whoever hears of an error on the thread on which it happens may ask the element about it.
TEST_F(States, SyncHandlersMayAskForStatistics) {
    const std::string far = "/tmp/" + std::string(200, 'x');
    for (const std::string& line : {"cuframessrc name=e key=k directory=" + far + " ! fakesink",
                                    "cuframessrc name=e directory=" + far + " ! fakesink",
                                    "videotestsrc ! cuframessink name=e key=k directory=" + far}) {
        Pipeline pipeline(line);
        GstBus* bus = gst_element_get_bus(pipeline.get());
        std::atomic<int> asked{0};
        gst_bus_set_sync_handler(
            bus,
            [](GstBus*, GstMessage* message, gpointer counter) {
                if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
                    GstStructure* stats = nullptr;
                    g_object_get(GST_MESSAGE_SRC(message), "stats", &stats, nullptr);
                    gst_clear_structure(&stats);
                    ++*static_cast<std::atomic<int>*>(counter);
                }
                return GST_BUS_PASS;
            },
            &asked, nullptr);
        std::atomic<bool> done{false};
        std::thread starting([&] {
            EXPECT_EQ(pipeline.set_state(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
            done = true;
        });
        if (!eventually([&] { return done.load(); })) {
            std::fprintf(stderr, "%s: the question is not answered\n", line.c_str());
            std::abort(); // There is no other way to be rid of that thread.
        }
        starting.join();
        EXPECT_GE(asked, 1) << line;
        gst_bus_set_sync_handler(bus, nullptr, nullptr, nullptr);
        gst_object_unref(bus);
    }
}

// A stream that is ended and goes on at once: a reader that waits for what follows is told of the end and gets all
// frames, one that ends with the stream gets those before.
TEST_F(States, EndThatIsRevivedIsTold) {
    auto publisher = Publisher::create(publisher_options("ends"));
    ASSERT_TRUE(publisher);
    const cuframes_geometry geometry = make_geometry("NV12", 64, 48, 64, 0);
    ASSERT_TRUE(publisher->configure(ring_config(CUFRAMES_MEMORY_HOST, &geometry)));
    Pipeline waiting("cuframessrc mode=strict on-eos=wait key=ends ! appsink name=out sync=false"),
        ending("cuframessrc mode=strict key=ends ! appsink name=out sync=false");
    waiting.play();
    ending.play();
    ASSERT_TRUE(publisher->wait_subscribers(2));
    const auto publish = [&] {
        auto slot = publisher->acquire();
        const auto now = std::chrono::nanoseconds(Clock::now().time_since_epoch());
        EXPECT_TRUE(slot && slot->publish(frame_info(static_cast<uint64_t>(now.count()))));
    };
    publish();
    ASSERT_TRUE(waiting.pull() && ending.pull()) << "from here on both run";
    publish();
    ASSERT_TRUE(publisher->eos());
    publish();
    EXPECT_TRUE(ending.pull());
    EXPECT_FALSE(ending.pull()) << "the stream has ended for it";
    EXPECT_TRUE(waiting.wait_for_publisher("ended"));
    EXPECT_TRUE(waiting.pull());
    EXPECT_TRUE(waiting.pull());
    ASSERT_TRUE(publisher->eos());
    EXPECT_TRUE(waiting.wait_for_publisher("ended"));
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
