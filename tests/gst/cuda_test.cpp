// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: frames in GPU memory are shared where they are; what is uploaded and downloaded is what was asked for. Runs on
// the stand-in driver, and on a GPU where there is one.
#include "cuda_driver.h"
#include "fixture.h"

#include <dlfcn.h>
#include <gst/video/video.h>

#include <set>

namespace cuframes::test {
namespace {

class Cuda : public WithCuda<GstTest> {
protected:
    static std::string frames(const std::string& format = "NV12", int width = 322, int height = 242) {
        return "videotestsrc num-buffers=12 pattern=ball animation-mode=frames ! " + raw_caps(format, width, height);
    }
    static std::vector<std::string> expected(const std::string& source) {
        Pipeline reference(source + " ! appsink name=out sync=false");
        reference.play();
        return reference.digest_all();
    }
    static std::string strict_src(const std::string& options = "") {
        return "cuframessrc name=src mode=strict key=gpu " + options;
    }
};

class CudaFormats : public Cuda, public testing::WithParamInterface<const char*> {};

TEST_P(CudaFormats, UploadedFramesGoThroughTheRingUncopied) {
    const std::string source = frames(GetParam(), 66, 47);
    RemotePipeline publisher(source + " ! cudaupload ! " + lossless_sink("gpu"));
    Pipeline reader(strict_src() + " ! video/x-raw(memory:CUDAMemory) ! cudadownload ! video/x-raw ! "
                                   "appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected(source));
    publisher.await_end();
    EXPECT_EQ(publisher.stat("published"), 12);
    EXPECT_EQ(publisher.stat("copied"), 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, CudaFormats,
                         testing::Values("NV12", "I420", "P010_10LE", "RGB", "BGRA", "Y444", "RGBP"),
                         [](const auto& format) { return std::string(format.param); });

TEST_F(Cuda, ReaderDownloadsByItself) {
    RemotePipeline publisher(frames() + " ! cudaupload ! " + lossless_sink("gpu"));
    Pipeline reader(strict_src("memory=system") + " ! appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected(frames()));
    EXPECT_EQ(reader.stat("src", "copied"), 12u);
}

TEST_F(Cuda, SinkUploadsWhatComesFromHostMemory) {
    RemotePipeline publisher(frames() + " ! " + lossless_sink("gpu") + " memory=cuda");
    Pipeline reader(strict_src() + " ! cudadownload ! video/x-raw ! appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected(frames()));
    publisher.await_end();
    EXPECT_EQ(publisher.stat("copied"), 12);
}

TEST_F(Cuda, SinkDownloadsIntoAHostRing) {
    RemotePipeline publisher(frames() + " ! cudaupload ! video/x-raw(memory:CUDAMemory) ! " + lossless_sink("gpu") +
                             " memory=system");
    Pipeline reader(strict_src() + " ! appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected(frames()));
    publisher.await_end();
    EXPECT_EQ(publisher.stat("copied"), 12);
}

// Elements that make their own GPU frames: one copy, from device to device.
TEST_F(Cuda, ForeignGpuFramesAreCopiedOnce) {
    RemotePipeline publisher(frames() + " ! cudaupload ! identity drop-allocation=true ! " + lossless_sink("gpu"));
    Pipeline reader(strict_src() + " ! cudadownload ! video/x-raw ! appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected(frames()));
    publisher.await_end();
    EXPECT_EQ(publisher.stat("copied"), 12);
}

// NVENC and textures cache their registrations on the memory object.
TEST_F(Cuda, MemoryObjectsAreUsedAgain) {
    RemotePipeline publisher("videotestsrc num-buffers=60 ! " + raw_caps("NV12", 64, 48) + " ! cudaupload ! " +
                             lossless_sink("gpu"));
    Pipeline reader(strict_src() + " ! appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    std::set<GstMemory*> objects;
    int frames = 0;
    for (; const Sample sample = reader.pull(); ++frames) {
        objects.insert(gst_buffer_peek_memory(gst_sample_get_buffer(sample.get()), 0));
    }
    EXPECT_EQ(frames, 60);
    EXPECT_LE(objects.size(), 12u) << "as many as a ring with one reader keeps";
}

// Frames that the ring cannot spare are copied on the GPU, and show the same.
TEST_F(Cuda, CopiesInPlaceOfSlotsShowTheSame) {
    RemotePipeline publisher(frames() + " ! cudaupload ! " + lossless_sink("gpu"));
    Pipeline reader(strict_src("max-held=1") + " ! video/x-raw(memory:CUDAMemory) ! appsink name=out sync=false");
    publisher.play();
    reader.play();
    publisher.await_end();
    ASSERT_TRUE(eventually([&] { return reader.stat("src", "copied") >= 3; }));
    // One more for the time of a copy.
    EXPECT_TRUE(eventually([&] { return reader.stat("src", "held") <= 1; }));
    EXPECT_EQ(reader.digest_all(), expected(frames()));
}

// A copy in host memory that an element made of a slot's last frame must not be taken for the next one.
TEST_F(Cuda, MappingInHostMemorySeesEachNewFrame) {
    RemotePipeline publisher(frames() + " ! cudaupload ! " + lossless_sink("gpu"));
    Pipeline reader(strict_src() + " ! appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected(frames()));
}

TEST_F(Cuda, CapsChangeInMidStream) {
    RemotePipeline publisher("videotestsrc is-live=true ! capsfilter name=filter caps=\"" + raw_caps("NV12", 320, 240) +
                             "\" ! cudaupload ! cuframessink name=sink sync=false key=gpu");
    Pipeline reader(strict_src() + " ! cudadownload ! appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    ASSERT_TRUE(reader.pull());
    for (const int width : {642, 66, 320}) {
        publisher.set("filter", "caps", raw_caps("NV12", width, 48));
        EXPECT_TRUE(eventually([&] {
            const Sample sample = reader.pull();
            int now = 0;
            gst_structure_get_int(gst_caps_get_structure(gst_sample_get_caps(sample.get()), 0), "width", &now);
            return now == width;
        })) << width;
    }
    EXPECT_EQ(publisher.stat("copied"), 0);
}

/// Keeps as many frames as it may, and takes no others.
class Holder {
public:
    explicit Holder(uint32_t count) : frames_(count, nullptr) {
        cuframes_subscriber_options options;
        CUFRAMES_INIT(options);
        options.key = "gpu";
        options.max_held = count;
        EXPECT_EQ(cuframes_subscriber_create(&options, &subscriber_), CUFRAMES_OK);
        EXPECT_EQ(cuframes_subscriber_connect(subscriber_, 20'000), CUFRAMES_OK);
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() {
        for (cuframes_frame* frame : frames_) {
            cuframes_frame_unref(frame);
        }
        cuframes_subscriber_destroy(subscriber_);
    }

    void take() {
        for (cuframes_frame*& frame : frames_) {
            EXPECT_EQ(cuframes_subscriber_next(subscriber_, 20'000, &frame), CUFRAMES_OK);
        }
    }

private:
    cuframes_subscriber* subscriber_ = nullptr;
    std::vector<cuframes_frame*> frames_;
};

// Frames that wait in a queue lie in slots too. However many do, the sink finds one for the frame that it renders,
// beside all that readers may hold: whether the ring has a fixed number of slots or grows.
TEST_F(Cuda, AQueueBeforeTheSinkDropsNothing) {
    for (const std::string slots : {"slots=4", "slots=0", "slots=0 max-slots=8"}) {
        RemotePipeline publisher(
            "videotestsrc num-buffers=200 ! " + raw_caps("NV12", 64, 48) +
            " ! cudaupload ! queue ! cuframessink name=sink sync=false wait-for-subscribers=1 key=gpu " + slots);
        publisher.play();
        {
            Holder reader(2);
            reader.take();
            publisher.await_end();
        }
        EXPECT_EQ(publisher.stat("dropped"), 0) << slots;
        EXPECT_EQ(publisher.stat("published"), 200) << slots;
    }
}

/// A graph that this thread captures on a stream of its own, as torch does.
class Capture {
public:
    Capture() : driver_(*CudaDriver::get()), context_(driver_.use_primary_context(0)), stream_(driver_, 1) {}

    void begin() { driver_.check(driver_.capture_begin(stream_.get(), cuda_capture_global), "cuStreamBeginCapture"); }
    /// 0, or what the driver says of a capture that broke.
    int end() {
        void* graph = nullptr;
        const int result = driver_.capture_end(stream_.get(), &graph);
        if (graph) {
            driver_.graph_destroy(graph);
        }
        return result;
    }
    /// Calls of other threads that a capture may object to.
    uint64_t unguarded() const {
        const auto count = reinterpret_cast<uint64_t (*)()>(driver_.extension("fake_cuda_unguarded_calls"));
        return count ? count() : 0;
    }

private:
    const CudaDriver& driver_;
    void* context_;
    DeviceStream stream_;
};

// What the source does in its streaming thread, passing slots on, copying and releasing, breaks no graph of the
// process; nor does it start and stop.
TEST_F(Cuda, SourceBreaksNoCapture) {
    RemotePipeline publisher("videotestsrc is-live=true ! " + raw_caps("NV12", 64, 48, 200) +
                             " ! cudaupload ! cuframessink name=sink sync=false key=gpu");
    publisher.play();
    Capture capture;
    uint64_t unguarded = 0;
    for (const std::string options : {"", "max-held=1", "memory=system"}) {
        Pipeline reader("cuframessrc name=src key=gpu " + options + " ! appsink name=out sync=false max-buffers=4");
        reader.play();
        ASSERT_TRUE(reader.pull()) << options;
        const uint64_t before = capture.unguarded();
        for (int round = 0; round < 5; ++round) {
            capture.begin();
            std::vector<Sample> held;
            for (int i = 0; i < 4; ++i) {
                held.push_back(reader.pull());
            }
            held.clear();
            EXPECT_EQ(capture.end(), 0) << options << ", round " << round;
        }
        capture.begin();
        reader.set_state(GST_STATE_NULL);
        EXPECT_EQ(capture.end(), 0) << options << ", while it stopped";
        unguarded += capture.unguarded() - before;
    }
    EXPECT_EQ(unguarded, 0u) << "calls of the driver were made outside of relaxed capture mode";
}

// The same for the sink, which maps, copies, publishes, and lends memory.
TEST_F(Cuda, SinkBreaksNoCapture) {
    Pipeline publisher("videotestsrc is-live=true ! " + raw_caps("NV12", 64, 48, 200) +
                       " ! cuframessink name=sink sync=false key=gpu memory=cuda");
    publisher.play();
    ASSERT_TRUE(eventually([&] { return publisher.stat("sink", "published") > 0; }));
    Capture capture;
    const uint64_t before = capture.unguarded();
    int broken = 0;
    for (int round = 0; round < 5; ++round) {
        const uint64_t published = publisher.stat("sink", "published");
        capture.begin();
        EXPECT_TRUE(eventually([&] { return publisher.stat("sink", "published") > published + 3; }));
        broken += capture.end() != 0;
    }
    EXPECT_EQ(broken, 0);
    EXPECT_EQ(capture.unguarded() - before, 0u) << "calls of the driver were made outside of relaxed capture mode";
}

TEST_F(Cuda, UnknownGpuIsRefused) {
    for (const std::string description : {"videotestsrc ! cuframessink key=gpu memory=cuda cuda-device-id=99",
                                          "cuframessrc key=gpu memory=cuda cuda-device-id=99 ! fakesink"}) {
        Pipeline pipeline(description);
        EXPECT_EQ(pipeline.set_state(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
        const BusNews news = pipeline.wait_for(GST_MESSAGE_ERROR);
        EXPECT_EQ(news.library, "CUFRAMES_ERROR_UNKNOWN_DEVICE") << news.text;
        EXPECT_NE(news.text.find("99"), std::string::npos) << news.text;
    }
    EXPECT_EQ(directory.contents(), std::vector<std::string>());
}

TEST_F(Cuda, AHostRingCannotBeReadAsGpuMemory) {
    RemotePipeline publisher("videotestsrc is-live=true ! " + raw_caps("NV12", 64, 48) + " ! cuframessink key=gpu");
    publisher.play();
    Pipeline reader("cuframessrc key=gpu memory=cuda ! fakesink");
    reader.play();
    const BusNews news = reader.wait_for(GST_MESSAGE_ERROR);
    EXPECT_EQ(news.library, "CUFRAMES_ERROR_DEVICE_MISMATCH");
    EXPECT_NE(news.text.find("cudaupload"), std::string::npos) << news.text;
}

TEST_F(Cuda, AnElementForHostMemoryIsNamedAsTheCause) {
    RemotePipeline publisher("videotestsrc is-live=true ! " + raw_caps("NV12", 64, 48) +
                             " ! cudaupload ! cuframessink key=gpu");
    publisher.play();
    Pipeline reader("cuframessrc key=gpu ! video/x-raw ! fakesink");
    reader.play();
    const BusNews news = reader.wait_for(GST_MESSAGE_ERROR);
    EXPECT_NE(news.text.find("cudadownload"), std::string::npos) << news.text;
}

} // namespace
} // namespace cuframes::test
