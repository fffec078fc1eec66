// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a reader outlives its publishers, and says what happens to them.
#include "fixture.h"

namespace cuframes::test {
namespace {

class Life : public GstTest {
protected:
    static std::string endless(const std::string& pattern = "ball") {
        return "videotestsrc is-live=true pattern=" + pattern + " ! " + raw_caps("NV12", 320, 240, 60) +
               " ! cuframessink name=sink sync=false key=life";
    }
    static std::string reader_line(const std::string& options = "") {
        return "cuframessrc name=src max-held=4 key=life " + options + " ! appsink name=out sync=false max-buffers=1";
    }
};

TEST_F(Life, AReaderWaitsForItsPublisher) {
    Pipeline reader(reader_line());
    EXPECT_EQ(reader.set_state(GST_STATE_PAUSED), GST_STATE_CHANGE_NO_PREROLL);
    reader.play();
    reader.wait_for_publisher("waiting");
    RemotePipeline publisher(endless());
    publisher.play();
    const Structure news = reader.wait_for_publisher("attached");
    EXPECT_EQ(number_in(news.get(), "pid"), static_cast<uint64_t>(publisher.process().pid()));
    const Sample first = reader.pull();
    ASSERT_TRUE(first);
    EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(gst_sample_get_buffer(first.get()), GST_BUFFER_FLAG_DISCONT));
}

TEST_F(Life, AReaderGoesOnWithTheNextPublisherAfterAKill) {
    auto publisher = std::make_unique<RemotePipeline>(endless());
    // Whoever reads the ring says that the publisher is gone: it must not wait for room downstream.
    Pipeline reader(reader_line() + " max-buffers=0");
    publisher->play();
    reader.play();
    const Sample held = reader.pull();
    ASSERT_TRUE(held);
    const std::string before = digest(held.get());
    reader.wait_for_publisher("attached");
    publisher->process().kill();
    reader.wait_for_publisher("gone");

    publisher = std::make_unique<RemotePipeline>(endless("snow"));
    publisher->play();
    const Structure news = reader.wait_for_publisher("attached");
    EXPECT_EQ(number_in(news.get(), "pid"), static_cast<uint64_t>(publisher->process().pid()));
    // Frames of the dead publisher may still come first; the first one of its successor is marked.
    bool marked = false;
    EXPECT_TRUE(eventually([&] {
        const Sample sample = reader.pull();
        marked = sample && GST_BUFFER_FLAG_IS_SET(gst_sample_get_buffer(sample.get()), GST_BUFFER_FLAG_DISCONT);
        return marked;
    }));
    EXPECT_EQ(digest(held.get()), before);
    EXPECT_EQ(reader.stat("src", "reconnects"), 1u);
}

TEST_F(Life, EndOfStreamReachesEveryReader) {
    RemotePipeline publisher("videotestsrc num-buffers=20 ! " + raw_caps("NV12", 320, 240) + " ! " +
                             lossless_sink("life", 3));
    std::vector<std::unique_ptr<Pipeline>> readers;
    for (const char* mode : {"mode=newest", "mode=strict", "mode=strict"}) {
        readers.push_back(
            std::make_unique<Pipeline>("cuframessrc key=life " + std::string(mode) + " ! fakesink sync=false"));
        readers.back()->play();
    }
    publisher.play();
    publisher.await_end();
    for (const auto& reader : readers) {
        EXPECT_EQ(reader->wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
    }
}

TEST_F(Life, OnGoneEosEndsTheStream) {
    RemotePipeline publisher(endless());
    Pipeline reader(reader_line("on-gone=eos") + " max-buffers=0");
    publisher.play();
    reader.play();
    ASSERT_TRUE(reader.pull());
    publisher.process().kill();
    while (reader.pull()) {
        continue;
    }
    EXPECT_EQ(reader.wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
}

TEST_F(Life, OnGoneErrorNamesThePublisher) {
    RemotePipeline publisher(endless());
    Pipeline reader(reader_line("on-gone=error") + " max-buffers=0");
    publisher.play();
    reader.play();
    ASSERT_TRUE(reader.pull());
    publisher.process().kill();
    while (reader.pull()) {
        continue;
    }
    const BusNews news = reader.wait_for(GST_MESSAGE_ERROR);
    EXPECT_EQ(news.library, "CUFRAMES_ERROR_PUBLISHER_GONE");
    EXPECT_NE(news.text.find("life"), std::string::npos) << news.text;
}

TEST_F(Life, CapsChangeInMidStreamThreeTimes) {
    RemotePipeline publisher("videotestsrc is-live=true pattern=ball ! capsfilter name=filter caps=\"" +
                             raw_caps("NV12", 320, 240, 60) + "\" ! cuframessink name=sink sync=false key=life");
    Pipeline strict("cuframessrc name=src key=life mode=strict ! appsink name=out sync=false max-buffers=1");
    Pipeline newest("cuframessrc name=src key=life ! appsink name=out sync=false max-buffers=1 drop=true");
    publisher.play();
    strict.play();
    newest.play();
    ASSERT_TRUE(strict.pull());
    ASSERT_TRUE(newest.pull());
    for (const auto& [format, width, height] :
         {std::tuple("NV12", 642, 361), std::tuple("RGB", 642, 361), std::tuple("I420", 66, 48)}) {
        publisher.set("filter", "caps", raw_caps(format, width, height, 60));
        for (Pipeline* reader : {&strict, &newest}) {
            EXPECT_TRUE(eventually([&] {
                const Sample sample = reader->pull();
                const GstStructure* caps = gst_caps_get_structure(gst_sample_get_caps(sample.get()), 0);
                int now = 0;
                gst_structure_get_int(caps, "width", &now);
                return now == width && g_strcmp0(gst_structure_get_string(caps, "format"), format) == 0;
            })) << format
                << " " << width;
        }
    }
    EXPECT_EQ(publisher.stat("copied"), 0);
}

// Slots are let go when nobody refers to the memory, not when the buffer goes.
TEST_F(Life, AMemoryThatIsKeptAloneKeepsItsPixels) {
    RemotePipeline publisher(endless("snow"));
    Pipeline reader(reader_line());
    publisher.play();
    reader.play();
    Sample sample = reader.pull();
    ASSERT_TRUE(sample);
    GstMemory* memory = gst_memory_ref(gst_buffer_peek_memory(gst_sample_get_buffer(sample.get()), 0));
    GstMemory* part = gst_memory_share(memory, 100, 1000);
    sample.reset();
    const auto read = [](GstMemory* from) {
        GstMapInfo map;
        EXPECT_TRUE(gst_memory_map(from, &map, GST_MAP_READ));
        const std::string bytes(reinterpret_cast<const char*>(map.data), map.size);
        gst_memory_unmap(from, &map);
        return bytes;
    };
    const std::string before = read(memory), part_before = read(part);
    const int64_t published = publisher.stat("published");
    ASSERT_TRUE(eventually([&] {
        reader.pull();
        return publisher.stat("published") > published + 20;
    }));
    EXPECT_EQ(read(memory), before);
    gst_memory_unref(memory);
    ASSERT_TRUE(eventually([&] {
        reader.pull();
        return publisher.stat("published") > published + 40;
    }));
    EXPECT_EQ(read(part), part_before);
    gst_memory_unref(part);
    EXPECT_TRUE(eventually([&] {
        reader.pull();
        return reader.stat("src", "held") <= 2;
    }));
}

TEST_F(Life, FramesAreReadOnlyAndWritersGetACopy) {
    RemotePipeline publisher("videotestsrc num-buffers=3 pattern=white ! " + raw_caps("GRAY8", 64, 48) + " ! " +
                             lossless_sink("life"));
    Pipeline reader(strict_reader("life"));
    publisher.play();
    reader.play();
    const Sample sample = reader.pull();
    ASSERT_TRUE(sample);
    GstBuffer* buffer = gst_sample_get_buffer(sample.get());
    GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
    GstMapInfo map;
    EXPECT_FALSE(gst_memory_map(memory, &map, GST_MAP_WRITE));
    GstBuffer* mine = gst_buffer_copy(buffer);
    ASSERT_TRUE(gst_buffer_map(mine, &map, GST_MAP_READWRITE));
    EXPECT_EQ(map.data[0], 235);
    map.data[0] = 1;
    gst_buffer_unmap(mine, &map);
    gst_buffer_unref(mine);
    EXPECT_EQ(gst_buffer_memcmp(buffer, 0, "\xeb", 1), 0);
}

TEST_F(Life, HoldingAllThatIsAllowedIsSaidOnce) {
    RemotePipeline publisher(endless());
    Pipeline reader("cuframessrc name=src max-held=2 on-exhausted=wait key=life ! appsink name=out sync=false");
    publisher.play();
    reader.play();
    // The queue of the appsink takes them all, and nobody empties it.
    const BusNews news = reader.wait_for(GST_MESSAGE_WARNING);
    ASSERT_EQ(news.kind, BusNews::warning) << news.text;
    EXPECT_NE(news.text.find("max-held=2"), std::string::npos) << news.text;
    ASSERT_TRUE(reader.pull());
    ASSERT_TRUE(reader.pull());
    EXPECT_TRUE(reader.pull()); // and it goes on
}

TEST_F(Life, NumBuffersEndsTheReaderAlone) {
    RemotePipeline publisher(endless());
    publisher.play();
    Pipeline reader("cuframessrc num-buffers=5 key=life ! fakesink sync=false");
    EXPECT_EQ(reader.run_to_end(), "");
    const int64_t published = publisher.stat("published");
    EXPECT_TRUE(eventually([&] { return publisher.stat("published") > published; }));
}

} // namespace
} // namespace cuframes::test
