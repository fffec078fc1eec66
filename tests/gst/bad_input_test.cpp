// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: what cannot work is refused with an error of its own that names the key and says what to do; the program lives
// on and nothing is left on disk.
#include "fixture.h"

#include <cuframes/cuframes.h>
#include <dlfcn.h>
#include <gst/video/video.h>

#include <fstream>

namespace cuframes::test {
namespace {

constexpr const char* source = "videotestsrc num-buffers=3 ! video/x-raw,format=NV12,width=64,height=48 ! ";

class BadInput : public GstTest {
protected:
    /// Starting has to fail, for this reason and in words that hold `words`.
    static void expect_refusal(const std::string& description, const std::string& library,
                               const std::vector<std::string>& words) {
        Pipeline pipeline(description);
        pipeline.play();
        const BusNews news = pipeline.wait_for(GST_MESSAGE_ERROR);
        EXPECT_EQ(news.library, library) << description << ": " << news.text;
        for (const std::string& word : words) {
            EXPECT_NE(news.text.find(word), std::string::npos) << "'" << word << "' in: " << news.text;
        }
    }

    void expect_nothing_left() const { EXPECT_EQ(directory.contents(), std::vector<std::string>()); }
};

TEST_F(BadInput, IllegalKey) {
    for (const std::string key : {"a/b", "Ünicode", "blank space"}) {
        const std::string element = "key=\"" + key + "\"";
        expect_refusal(source + std::string("cuframessink ") + element, "CUFRAMES_ERROR_INVALID_KEY", {key});
        expect_refusal("cuframessrc " + element + " ! fakesink", "CUFRAMES_ERROR_INVALID_KEY", {key});
    }
    expect_nothing_left();
}

TEST_F(BadInput, NoKey) {
    expect_refusal(source + std::string("cuframessink"), "CUFRAMES_ERROR_INVALID_KEY", {"key"});
    expect_refusal("cuframessrc ! fakesink", "CUFRAMES_ERROR_INVALID_KEY", {"key"});
    expect_nothing_left();
}

TEST_F(BadInput, KeyThatIsTooLong) {
    const std::string key(65, 'k');
    expect_refusal(source + std::string("cuframessink key=") + key, "CUFRAMES_ERROR_INVALID_KEY", {"64"});
    expect_nothing_left();
}

// Tests may run as root, for whom no directory is unwritable: a file in its place is for anyone.
TEST_F(BadInput, UnusableDirectory) {
    const std::string file = (directory.path() / "file").string();
    std::ofstream(file) << "not a directory";
    expect_refusal(source + std::string("cuframessink key=k directory=") + file + "/below", "CUFRAMES_ERROR_DIRECTORY",
                   {file});
    EXPECT_EQ(directory.contents(), std::vector<std::string>{"file"});
}

TEST_F(BadInput, PathThatIsTooLong) {
    const std::string deep = (directory.path() / std::string(100, 'd')).string();
    expect_refusal(source + std::string("cuframessink key=k directory=") + deep, "CUFRAMES_ERROR_PATH_TOO_LONG",
                   {deep});
    expect_refusal("cuframessrc key=k directory=" + deep + " ! fakesink", "CUFRAMES_ERROR_PATH_TOO_LONG", {deep});
    expect_nothing_left();
}

TEST_F(BadInput, NoDriver) {
    if (void* driver = dlopen("libcuda.so.1", RTLD_NOW)) {
        dlclose(driver);
        GTEST_SKIP() << "there is a CUDA driver";
    }
    expect_refusal(source + std::string("cuframessink key=k memory=cuda"), "CUFRAMES_ERROR_NO_DRIVER",
                   {"key=k", "CUDA", "memory=system"});
    expect_refusal("cuframessrc key=k memory=cuda ! fakesink", "CUFRAMES_ERROR_NO_DRIVER", {"key=k", "CUDA"});
    expect_nothing_left();
}

TEST_F(BadInput, CapsThatCannotBeHeld) {
    expect_refusal("videotestsrc ! video/x-raw,format=NV12,width=64,height=48 ! capssetter "
                   "caps=\"video/x-raw,multiview-mode=(string)separated\" ! cuframessink key=k",
                   "CUFRAMES_ERROR_INVALID_ARGUMENT", {"key=k", "separated"});
    expect_nothing_left();
}

TEST_F(BadInput, BuffersThatAreSmallerThanTheirCaps) {
    expect_refusal("fakesrc sizetype=fixed sizemax=100 filltype=zero format=time ! "
                   "video/x-raw,format=NV12,width=64,height=48,framerate=30/1 ! cuframessink key=k",
                   "CUFRAMES_ERROR_INVALID_ARGUMENT", {"key=k", "100 bytes"});
    expect_nothing_left();
}

TEST_F(BadInput, FramesWithoutCaps) {
    expect_refusal("fakesrc num-buffers=3 sizetype=fixed sizemax=3072 ! cuframessink key=k",
                   "CUFRAMES_ERROR_INVALID_ARGUMENT", {"key=k", "without caps"});
    expect_nothing_left();
}

/// What a GstVideoMeta says of a frame of 64x48 NV12 in 4608 bytes, and the words of the refusal.
struct HostileMeta {
    const char* name;
    void (*change)(GstVideoMeta*);
    std::vector<std::string> words;
};

void PrintTo(const HostileMeta& meta, std::ostream* out) { *out << meta.name; }

const HostileMeta hostile_metas[] = {
    {"NegativeStride", [](GstVideoMeta* meta) { meta->stride[0] = -64; }, {"plane 0", "stride of -64"}},
    {"NegativeChromaStride", [](GstVideoMeta* meta) { meta->stride[1] = G_MININT; }, {"plane 1", "-2147483648"}},
    {"StrideShorterThanARow", [](GstVideoMeta* meta) { meta->stride[1] = 16; }, {"plane 1", "stride of 16", "64"}},
    {"NoStride", [](GstVideoMeta* meta) { meta->stride[0] = 0; }, {"plane 0", "stride of 0"}},
    {"StrideOutOfTheBuffer", [](GstVideoMeta* meta) { meta->stride[0] = 4096; }, {"plane 0", "leads out", "4096"}},
    {"LongestStride", [](GstVideoMeta* meta) { meta->stride[1] = G_MAXINT; }, {"plane 1", "leads out", "2147483647"}},
    {"OffsetAtTheEnd", [](GstVideoMeta* meta) { meta->offset[1] = 4600; }, {"plane 1", "leads out", "byte 4600"}},
    {"OffsetBehindTheEnd", [](GstVideoMeta* meta) { meta->offset[1] = 1 << 30; }, {"plane 1", "byte 1073741824"}},
    {"OffsetThatWraps", [](GstVideoMeta* meta) { meta->offset[0] = G_MAXSIZE - 8; }, {"plane 0", "begins at byte"}},
    {"OtherFormat", [](GstVideoMeta* meta) { meta->format = GST_VIDEO_FORMAT_NV21; }, {"NV21"}},
    {"NoFormat", [](GstVideoMeta* meta) { meta->format = static_cast<GstVideoFormat>(99999); }, {"format is none"}},
    {"MorePlanes", [](GstVideoMeta* meta) { meta->n_planes = 3; }, {"3 planes"}},
    {"FarMorePlanes", [](GstVideoMeta* meta) { meta->n_planes = G_MAXUINT; }, {"4294967295 planes"}},
    {"NoPlanes", [](GstVideoMeta* meta) { meta->n_planes = 0; }, {"0 planes"}},
    {"FewerPixels", [](GstVideoMeta* meta) { meta->height = 47; }, {"64x47"}},
    {"FarMorePixels", [](GstVideoMeta* meta) { meta->width = G_MAXUINT; }, {"4294967295x48"}},
};

/// Changes the video meta of each buffer that reaches the sink of a pipeline; the buffers are copies around the same memory.
class MetaChange {
public:
    MetaChange(Pipeline& pipeline, void (*change)(GstVideoMeta*)) {
        GstPad* pad = gst_element_get_static_pad(pipeline.element("sink"), "sink");
        gst_pad_add_probe(
            pad, GST_PAD_PROBE_TYPE_BUFFER,
            [](GstPad*, GstPadProbeInfo* info, gpointer data) {
                GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
                GstBuffer* copy = gst_buffer_copy(buffer);
                gst_buffer_unref(buffer);
                reinterpret_cast<void (*)(GstVideoMeta*)>(data)(gst_buffer_get_video_meta(copy));
                GST_PAD_PROBE_INFO_DATA(info) = copy;
                return GST_PAD_PROBE_OK;
            },
            reinterpret_cast<gpointer>(change), nullptr);
        gst_object_unref(pad);
    }
};

class HostileVideoMeta : public BadInput, public testing::WithParamInterface<HostileMeta> {
protected:
    static void expect_it_refused(const std::string& description) {
        Pipeline pipeline(description);
        const MetaChange change(pipeline, GetParam().change);
        pipeline.play();
        const BusNews news = pipeline.wait_for(GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
        EXPECT_EQ(news.library, "CUFRAMES_ERROR_INVALID_ARGUMENT") << news.text;
        for (const std::string& word : GetParam().words) {
            EXPECT_NE(news.text.find(word), std::string::npos) << "'" << word << "' in: " << news.text;
        }
    }
};

TEST_P(HostileVideoMeta, IsRefusedByWhatIsWrongWithIt) {
    expect_it_refused("videotestsrc num-buffers=3 ! " + raw_caps("NV12", 64, 48) + " ! cuframessink name=sink key=k");
    expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(Metas, HostileVideoMeta, testing::ValuesIn(hostile_metas),
                         [](const auto& meta) { return meta.param.name; });

class CudaHostileVideoMeta : public WithCuda<HostileVideoMeta> {};

TEST_P(CudaHostileVideoMeta, IsRefusedByWhatIsWrongWithIt) {
    expect_it_refused("videotestsrc num-buffers=3 ! " + raw_caps("NV12", 64, 48) +
                      " ! cudaupload ! cuframessink name=sink key=k");
}

// On the GPU the rows have a pitch, so that other offsets and strides lead out.
INSTANTIATE_TEST_SUITE_P(
    Metas, CudaHostileVideoMeta,
    testing::ValuesIn(std::vector<HostileMeta>{
        {"NegativeStride", [](GstVideoMeta* meta) { meta->stride[0] = -512; }, {"plane 0", "stride of -512"}},
        {"StrideShorterThanARow", [](GstVideoMeta* meta) { meta->stride[1] = 16; }, {"plane 1", "stride of 16"}},
        {"StrideOutOfTheBuffer", [](GstVideoMeta* meta) { meta->stride[0] = 1 << 24; }, {"plane 0", "leads out"}},
        {"OffsetBehindTheEnd", [](GstVideoMeta* meta) { meta->offset[1] = 1 << 30; }, {"plane 1", "byte 1073741824"}},
        {"OtherFormat", [](GstVideoMeta* meta) { meta->format = GST_VIDEO_FORMAT_NV21; }, {"NV21"}},
    }),
    [](const auto& meta) { return meta.param.name; });

TEST_F(BadInput, WaitingForMoreThanMayCome) {
    expect_refusal(source + std::string("cuframessink key=k max-subscribers=2 wait-for-subscribers=3"),
                   "CUFRAMES_ERROR_INVALID_ARGUMENT", {"key=k", "wait-for-subscribers=3", "max-subscribers=2"});
    expect_nothing_left();
}

class BesideALivePublisher : public BadInput {
protected:
    BesideALivePublisher()
        : publisher("videotestsrc is-live=true ! video/x-raw,format=NV12,width=64,height=48 ! cuframessink name=sink "
                    "slots=4 max-subscribers=2 key=k") {
        publisher.play();
        eventually([this] { return publisher.stat("published") > 0; });
    }

    RemotePipeline publisher;
};

TEST_F(BesideALivePublisher, ASecondOneIsRefusedWithTheHoldersPid) {
    expect_refusal(source + std::string("cuframessink key=k"), "CUFRAMES_ERROR_KEY_IN_USE",
                   {"k", std::to_string(publisher.process().pid())});
    const int64_t published = publisher.stat("published");
    EXPECT_TRUE(eventually([&] { return publisher.stat("published") > published; }));
}

TEST_F(BesideALivePublisher, AReaderThatDoesNotFitIsToldHowManySlotsWould) {
    // It is content with less than it asks for, which is all there is.
    Pipeline greedy("cuframessrc key=k max-held=3 ! fakesink");
    greedy.play();
    greedy.wait_for_publisher("attached");
    expect_refusal("cuframessrc key=k ! fakesink", "CUFRAMES_ERROR_RING_FULL", {"slots=5", "slots=0"});
}

TEST_F(BesideALivePublisher, OneReaderTooManyIsRefused) {
    Pipeline first("cuframessrc key=k max-held=1 ! fakesink"), second("cuframessrc key=k max-held=1 ! fakesink");
    for (Pipeline* reader : {&first, &second}) {
        reader->play();
        reader->wait_for_publisher("attached");
    }
    expect_refusal("cuframessrc key=k max-held=1 ! fakesink", "CUFRAMES_ERROR_TOO_MANY_SUBSCRIBERS", {"k"});
}

TEST_F(BesideALivePublisher, AnElementThatTakesNoSuchFramesIsNamedAsTheCause) {
    expect_refusal("cuframessrc key=k ! video/x-raw,format=RGB ! fakesink", "CUFRAMES_ERROR_INVALID_STATE",
                   {"key=k", "NV12", "videoconvert"});
}

TEST_F(BadInput, NoPublisherWithinTheConnectTimeout) {
    expect_refusal("cuframessrc key=absent connect-timeout=50 ! fakesink", "CUFRAMES_ERROR_TIMEOUT", {"absent"});
    expect_nothing_left();
}

TEST_F(BadInput, AStaleSocketIsReplaced) {
    {
        RemotePipeline killed("videotestsrc is-live=true ! video/x-raw,format=NV12,width=64,height=48 ! cuframessink "
                              "name=sink key=stale");
        killed.play();
        ASSERT_TRUE(eventually([&] { return killed.stat("published") > 0; }));
        killed.process().kill();
    }
    ASSERT_FALSE(directory.contents().empty());
    Pipeline next(source + std::string("cuframessink key=stale"));
    EXPECT_EQ(next.run_to_end(), "");
    next.set_state(GST_STATE_NULL);
    expect_nothing_left();
}

} // namespace
} // namespace cuframes::test
