// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: frames go on to readers of unixfdsink in place, and stay as they are while those hold them; only elements that
// hand descriptors on get memory with one, and nobody can write through it.
#include "fixture.h"

#include <cuframes/cuframes.h>
#include <fcntl.h>
#include <gst/allocators/allocators.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>
#include <tuple>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace cuframes::test {
namespace {

class UnixFd : public GstTest {
protected:
    void SetUp() override {
        if (!have_element("unixfdsink") || !have_element("unixfdsrc")) {
            GTEST_SKIP() << "no unixfd elements are installed";
        }
        guint major = 0, minor = 0, micro = 0, nano = 0;
        gst_version(&major, &minor, &micro, &nano);
        if (std::tie(major, minor, micro) < std::make_tuple(1U, 26U, 1U)) {
            GTEST_SKIP() << "this unixfdsrc does not find pixels at an offset";
        }
    }

    std::string socket() const { return (directory.path() / "bridge.unixfd").string(); }

    static std::string camera() {
        return "videotestsrc is-live=true pattern=ball ! " + raw_caps("GRAY8", 320, 240, 60) +
               " ! cuframessink name=sink key=fd";
    }

    std::string bridge(const std::string& reader, const std::string& options = "") const {
        return "cuframessrc name=src key=fd " + reader + " ! unixfdsink name=out socket-path=" + socket() + " " +
               options;
    }

    /// Who comes before the caps gets none.
    static void await_caps(RemotePipeline& bridge) {
        ASSERT_TRUE(
            eventually([&] { return !bridge.call(Message("caps").set("element", "out")).text("value").empty(); }));
    }

    std::string consumer(const std::string& options = "") const {
        return "unixfdsrc socket-path=" + socket() + " ! appsink name=out sync=false " + options;
    }

    /// Digests of what a reader behind the bridge gets, which takes frames as in `reader`.
    std::vector<std::string> digests_behind(const std::string& source, const std::string& reader, int64_t* copied) {
        std::filesystem::remove(socket()); // Who is killed leaves it.
        RemotePipeline publisher(source + " ! " + lossless_sink("fd"));
        RemotePipeline passing_on(bridge("mode=strict " + reader, "sync=false wait-for-connection=true"));
        publisher.play();
        passing_on.play();
        await_caps(passing_on);
        Pipeline last(consumer());
        last.play();
        // Held until all are there.
        publisher.await_end();
        std::vector<std::string> digests = last.digest_all();
        *copied = passing_on.stat("copied", "src");
        return digests;
    }

    static std::vector<std::string> expected(const std::string& source) {
        Pipeline reference(source + " ! appsink name=out sync=false");
        reference.play();
        return reference.digest_all();
    }
};

TEST_F(UnixFd, PicturesGoOnInPlace) {
    for (const char* format : {"NV12", "I420", "RGB"}) {
        const std::string source =
            "videotestsrc num-buffers=30 pattern=ball animation-mode=frames ! " + raw_caps(format, 324, 242);
        int64_t copied = -1;
        EXPECT_EQ(digests_behind(source, "max-held=40", &copied), expected(source)) << format;
        EXPECT_EQ(copied, 0) << format;
    }
}

// The element takes nothing without a descriptor.
TEST_F(UnixFd, CopiesInPlaceOfSlotsGoOnToo) {
    const std::string source =
        "videotestsrc num-buffers=30 pattern=ball animation-mode=frames ! " + raw_caps("NV12", 324, 242);
    int64_t copied = -1;
    EXPECT_EQ(digests_behind(source, "max-held=1", &copied), expected(source));
    EXPECT_GE(copied, 20);
}

TEST_F(UnixFd, FramesOfARingOnTheGpuGoOnWhenDownloadedCuda) {
    if (cuframes_cuda_self_test(0) != CUFRAMES_OK) {
        GTEST_SKIP() << "no CUDA here";
    }
    const std::string source =
        "videotestsrc num-buffers=12 pattern=ball animation-mode=frames ! " + raw_caps("NV12", 324, 242);
    RemotePipeline publisher(source + " ! " + lossless_sink("fd") + " memory=cuda");
    RemotePipeline passing_on(bridge("mode=strict memory=system", "sync=false wait-for-connection=true"));
    publisher.play();
    passing_on.play();
    await_caps(passing_on);
    Pipeline last(consumer());
    last.play();
    EXPECT_EQ(last.digest_all(), expected(source));
}

TEST_F(UnixFd, WhatAReaderBehindHoldsKeepsItsPixels) {
    RemotePipeline publisher(camera());
    RemotePipeline passing_on(bridge(""));
    publisher.play();
    passing_on.play();
    await_caps(passing_on);
    {
        Pipeline last(consumer("max-buffers=1 drop=true"));
        last.play();
        std::vector<Sample> held;
        std::vector<std::string> before;
        for (int i = 0; i < 12; ++i) {
            held.push_back(last.pull());
            ASSERT_TRUE(held.back());
            before.push_back(digest(held.back().get()));
        }
        const int64_t published = publisher.stat("published");
        ASSERT_TRUE(eventually([&] { return publisher.stat("published") >= published + 200; }));
        EXPECT_GE(passing_on.stat("held", "src"), 8);
        for (size_t i = 0; i < held.size(); ++i) {
            EXPECT_EQ(digest(held[i].get()), before[i]) << i;
        }
        held.clear();
        EXPECT_TRUE(eventually([&] { return passing_on.stat("held", "src") <= 5; }));
        for (int i = 0; i < 6; ++i) {
            held.push_back(last.pull());
        }
        EXPECT_TRUE(eventually([&] { return passing_on.stat("held", "src") >= 6; }));
        // And who goes without a word gives back what he had.
        last.set_state(GST_STATE_NULL);
    }
    EXPECT_TRUE(eventually([&] { return passing_on.stat("held", "src") <= 2; }));
    EXPECT_EQ(publisher.stat("dropped"), 0);
}

TEST_F(UnixFd, NobodyCanWriteThroughTheDescriptor) {
    RemotePipeline publisher(camera());
    RemotePipeline passing_on(bridge(""));
    publisher.play();
    passing_on.play();
    await_caps(passing_on);
    Pipeline last(consumer("max-buffers=1"));
    last.play();
    const Sample sample = last.pull();
    ASSERT_TRUE(sample);
    GstMemory* memory = gst_buffer_peek_memory(gst_sample_get_buffer(sample.get()), 0);
    ASSERT_TRUE(gst_is_fd_memory(memory));
    const int given = gst_fd_memory_get_fd(memory);
    const int again = ::open(("/proc/self/fd/" + std::to_string(given)).c_str(), O_RDWR | O_CLOEXEC);
    for (const int fd : {given, again}) {
        if (fd < 0) {
            continue; // Then it cannot even be opened for writing.
        }
        ASSERT_TRUE(::fcntl(fd, F_GET_SEALS) & F_SEAL_FUTURE_WRITE) << "this is not the ring's";
        EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
        void* readable = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
        ASSERT_NE(readable, MAP_FAILED);
        EXPECT_NE(::mprotect(readable, 4096, PROT_READ | PROT_WRITE), 0);
        ::munmap(readable, 4096);
        EXPECT_EQ(::pwrite(fd, "x", 1, 0), -1);
        EXPECT_NE(::ftruncate(fd, 0), 0);
        EXPECT_NE(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
        EXPECT_NE(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    }
    if (again >= 0) {
        ::close(again);
    }
}

// What an element downstream answers to the ALLOCATION query.
class Answer {
public:
    Answer(Pipeline& pipeline, bool with_pool) : with_pool_(with_pool) {
        GstPad* pad = gst_element_get_static_pad(pipeline.element("out"), "sink");
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, answer, this, nullptr);
        gst_object_unref(pad);
        gst_shm_allocator_init_once();
    }

private:
    static GstPadProbeReturn answer(GstPad*, GstPadProbeInfo* info, gpointer self) {
        GstQuery* query = GST_PAD_PROBE_INFO_QUERY(info);
        if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) {
            return GST_PAD_PROBE_OK;
        }
        GstAllocator* allocator = gst_shm_allocator_get();
        gst_query_add_allocation_param(query, allocator, nullptr);
        gst_object_unref(allocator);
        if (static_cast<Answer*>(self)->with_pool_) {
            gst_query_add_allocation_pool(query, nullptr, 320 * 240, 2, 0);
        }
        return GST_PAD_PROBE_HANDLED;
    }

    bool with_pool_;
};

// Such as waylandsink, whose compositor maps descriptors for writing and ends the connection when it may not.
TEST_F(UnixFd, OnlyElementsThatHandDescriptorsOnGetThem) {
    RemotePipeline publisher(camera());
    publisher.play();
    const std::string line = "cuframessrc name=src key=fd ! appsink name=out sync=false max-buffers=1 drop=true";
    for (const std::optional<bool> with_pool : {std::optional<bool>(), std::optional(false), std::optional(true)}) {
        Pipeline reader(line);
        std::optional<Answer> answer;
        if (with_pool) {
            answer.emplace(reader, *with_pool);
        }
        reader.play();
        const Sample sample = reader.pull();
        ASSERT_TRUE(sample);
        GstMemory* memory = gst_buffer_peek_memory(gst_sample_get_buffer(sample.get()), 0);
        EXPECT_EQ(gst_is_fd_memory(memory), with_pool.has_value() && !*with_pool);
        EXPECT_TRUE(GST_MEMORY_IS_READONLY(memory));
        EXPECT_EQ(reader.stat("src", "copied"), 0u);
    }
}

TEST_F(UnixFd, APartOfAFrameKeepsItsSlot) {
    RemotePipeline publisher(camera());
    publisher.play();
    Pipeline reader("cuframessrc name=src key=fd ! appsink name=out sync=false max-buffers=1 drop=true");
    const Answer answer(reader, false);
    reader.play();
    Sample sample = reader.pull();
    ASSERT_TRUE(sample);
    GstMemory* whole = gst_buffer_peek_memory(gst_sample_get_buffer(sample.get()), 0);
    ASSERT_TRUE(gst_is_fd_memory(whole));
    EXPECT_EQ(gst_memory_get_sizes(whole, nullptr, nullptr), 320u * 240u);
    GstMapInfo map;
    ASSERT_TRUE(gst_memory_map(whole, &map, GST_MAP_READ));
    const std::string bottom(reinterpret_cast<const char*>(map.data) + 320 * 120, 320 * 120);
    gst_memory_unmap(whole, &map);
    EXPECT_FALSE(gst_memory_map(whole, &map, GST_MAP_WRITE));
    GstMemory* half = gst_memory_share(whole, 320 * 120, -1);
    ASSERT_TRUE(gst_is_fd_memory(half));
    EXPECT_EQ(gst_fd_memory_get_fd(half), gst_fd_memory_get_fd(whole));
    GstMemory* quarter = gst_memory_share(half, 320 * 60, 320 * 60);
    sample.reset();
    const int64_t published = publisher.stat("published");
    ASSERT_TRUE(eventually([&] { return publisher.stat("published") >= published + 100; }));
    for (GstMemory* part : {half, quarter}) {
        ASSERT_TRUE(gst_memory_map(part, &map, GST_MAP_READ));
        const std::string now(reinterpret_cast<const char*>(map.data), map.size);
        EXPECT_EQ(now, bottom.substr(bottom.size() - map.size));
        gst_memory_unmap(part, &map);
    }
    gst_memory_unref(half);
    gst_memory_unref(quarter);
    // The memory of a slot is made once: encoders and others keep what they know of it on it.
    std::array<GstMemory*, 2> seen = {};
    EXPECT_TRUE(eventually([&] {
        const Sample next = reader.pull();
        GstMemory* memory = gst_buffer_peek_memory(gst_sample_get_buffer(next.get()), 0);
        if (!seen[0]) {
            seen[0] = memory;
        } else if (memory == seen[0]) {
            seen[1] = memory;
        }
        return seen[1] != nullptr;
    }));
}

} // namespace
} // namespace cuframes::test
