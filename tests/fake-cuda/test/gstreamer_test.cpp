// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fake_cuda.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

// GStreamer's own CUDA elements, unmodified, over the stand-in driver. If these fail, no result of
// another CUDA test on this driver means anything.
namespace {

namespace fs = std::filesystem;

struct Unref {
    void operator()(GstElement* element) const {
        gst_element_set_state(element, GST_STATE_NULL);
        gst_object_unref(element);
    }
    void operator()(GstSample* sample) const { gst_sample_unref(sample); }
};

using Pipeline = std::unique_ptr<GstElement, Unref>;
using Sample = std::unique_ptr<GstSample, Unref>;

// A moving ball on noise: every frame differs from the one before, so that a stale one shows.
Pipeline launch(const std::string& caps, const std::string& middle) {
    const std::string line = "videotestsrc pattern=ball num-buffers=12 ! videoconvert ! " + caps + " ! " + middle +
                             " appsink name=out sync=false max-buffers=2";
    GError* error = nullptr;
    Pipeline pipeline(gst_parse_launch_full(line.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error));
    if (!pipeline) {
        ADD_FAILURE() << line << ": " << error->message;
    } else {
        gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    }
    g_clear_error(&error);
    return pipeline;
}

Sample pull(const Pipeline& pipeline) {
    GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline.get()), "out");
    Sample sample(gst_app_sink_try_pull_sample(GST_APP_SINK(sink), 30 * GST_SECOND));
    gst_object_unref(sink);
    return sample;
}

// The rows without their padding, all planes.
std::string visible_bytes(const Sample& sample) {
    GstVideoInfo info;
    GstVideoFrame frame;
    EXPECT_TRUE(gst_video_info_from_caps(&info, gst_sample_get_caps(sample.get())));
    EXPECT_TRUE(gst_video_frame_map(&frame, &info, gst_sample_get_buffer(sample.get()), GST_MAP_READ));
    std::string bytes;
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
        gint components[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(info.finfo, plane, components);
        const gint stride = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
        const gint width =
            GST_VIDEO_FRAME_COMP_WIDTH(&frame, components[0]) * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, components[0]);
        const auto* row = static_cast<const char*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane));
        for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, components[0]); ++y) {
            bytes.append(row + y * stride, static_cast<size_t>(width));
        }
    }
    gst_video_frame_unmap(&frame);
    return bytes;
}

struct Picture {
    const char* format;
    int width;
    int height;
};

class Elements : public testing::TestWithParam<Picture> {};

TEST_P(Elements, what_goes_up_comes_down_unchanged) {
    const Picture p = GetParam();
    const std::string caps = std::string("video/x-raw,format=") + p.format + ",width=" + std::to_string(p.width) +
                             ",height=" + std::to_string(p.height);
    fake_cuda_reset_copies();
    {
        const Pipeline plain = launch(caps, "");
        const Pipeline through =
            launch(caps, "cudaupload ! video/x-raw(memory:CUDAMemory) ! cudadownload ! " + caps + " !");
        ASSERT_TRUE(plain && through);
        int frames = 0;
        for (; const Sample expected = pull(plain); ++frames) {
            const Sample seen = pull(through);
            ASSERT_TRUE(seen);
            ASSERT_TRUE(visible_bytes(seen) == visible_bytes(expected)) << "frame " << frames;
        }
        EXPECT_EQ(frames, 12);
    }
    FakeCudaCopies copies;
    fake_cuda_copies(&copies);
    EXPECT_GE(copies.host_to_device, 12U) << "the frames did not pass through the driver";
    EXPECT_GE(copies.device_to_host, 12U);
    FakeCudaStats left;
    fake_cuda_stats(&left);
    EXPECT_EQ(left.contexts + left.streams + left.allocations + left.host_allocations, 0U);
}

std::string name_of(const testing::TestParamInfo<Picture>& info) {
    return std::string(info.param.format) + "_" + std::to_string(info.param.width) + "x" +
           std::to_string(info.param.height);
}

INSTANTIATE_TEST_SUITE_P(Formats, Elements,
                         testing::Values(Picture{"NV12", 1920, 1080}, Picture{"NV12", 66, 47},
                                         Picture{"I420", 640, 360}, Picture{"I420", 66, 47},
                                         Picture{"P010_10LE", 640, 360}, Picture{"RGB", 640, 360},
                                         Picture{"RGB", 66, 47}, Picture{"BGRA", 640, 360}, Picture{"Y444", 640, 360},
                                         Picture{"RGBP", 640, 360}, Picture{"GBR", 66, 47},
                                         Picture{"I420_10LE", 640, 360}, Picture{"NV12", 3840, 2160}),
                         name_of);

TEST(Registration, nvcodec_offers_its_copying_elements_and_no_decoder) {
    GstRegistry* registry = gst_registry_get();
    for (const char* name : {"cudaupload", "cudadownload", "cudaipcsink", "cudaipcsrc"}) {
        GstPluginFeature* feature = gst_registry_lookup_feature(registry, name);
        EXPECT_NE(feature, nullptr) << name;
        gst_clear_object(&feature);
    }
    EXPECT_EQ(gst_registry_lookup_feature(registry, "nvh264dec"), nullptr);
}

// What nvcodec registers depends on the driver that it finds: the registry is made afresh for every run, and from the
// few plugins needed here, for loading all that a machine has takes long and says nothing about the driver.
class PrivateRegistry {
public:
    PrivateRegistry() {
        std::string name = (fs::temp_directory_path() / "fake-cuda-gst-XXXXXX").string();
        folder_ = mkdtemp(name.data());
        for (const char* plugin : {"app", "coreelements", "nvcodec", "videoconvertscale", "videotestsrc"}) {
            const std::string file = std::string("libgst") + plugin + ".so";
            fs::create_symlink(fs::path(GST_PLUGINS_FOLDER) / file, folder_ / file);
        }
        setenv("GST_PLUGIN_SYSTEM_PATH_1_0", folder_.c_str(), 1);
        setenv("GST_REGISTRY", (folder_ / "registry.bin").c_str(), 1);
        // Scanned by this process: under a sanitizer GStreamer's helper could not load the stand-in.
        setenv("GST_REGISTRY_FORK", "no", 1);
    }
    PrivateRegistry(const PrivateRegistry&) = delete;
    PrivateRegistry& operator=(const PrivateRegistry&) = delete;
    ~PrivateRegistry() { fs::remove_all(folder_); }

private:
    fs::path folder_;
};

} // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const PrivateRegistry registry;
    gst_init(nullptr, nullptr);
    return RUN_ALL_TESTS();
}
