// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: frames that are not in the ring yet are copied once, and counted; nothing else is.
#include "fixture.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace cuframes::test {
namespace {

using Copies = GstTest;

std::vector<std::string> expected_frames(const std::string& source) {
    Pipeline reference(source + " ! appsink name=out sync=false");
    reference.play();
    return reference.digest_all();
}

TEST_F(Copies, ForeignBuffersAreCopiedOnceAndCounted) {
    const std::string source =
        "videotestsrc num-buffers=10 pattern=ball animation-mode=frames ! " + raw_caps("I420", 67, 49);
    RemotePipeline publisher(source + " ! identity drop-allocation=true ! " + lossless_sink("foreign"));
    Pipeline reader(strict_reader("foreign"));
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected_frames(source));
    publisher.await_end();
    EXPECT_EQ(publisher.stat("published"), 10);
    EXPECT_EQ(publisher.stat("copied"), 10);
}

TEST_F(Copies, ABufferThatIsSentAgainGetsASlotOfItsOwn) {
    const std::string source = "videotestsrc num-buffers=1 ! " + raw_caps("NV12", 64, 48) +
                               " ! imagefreeze num-buffers=6 ! " + raw_caps("NV12", 64, 48);
    RemotePipeline publisher(source + " ! " + lossless_sink("again"));
    Pipeline reader(strict_reader("again"));
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected_frames(source));
    publisher.await_end();
    EXPECT_EQ(publisher.stat("published"), 6);
    EXPECT_GE(publisher.stat("copied"), 5);
}

// What a reader must never see: pixels that change after they were published.
TEST_F(Copies, DrawingOnAPublishedFrameHappensOnACopy) {
    Pipeline publisher("videotestsrc num-buffers=3 pattern=ball animation-mode=frames ! " + raw_caps("RGB", 64, 48) +
                       " ! cuframessink name=sink sync=false key=drawn wait-for-subscribers=1");
    Pipeline reader(strict_reader("drawn"));
    reader.play();
    publisher.play();
    ASSERT_TRUE(reader.pull());
    ASSERT_EQ(publisher.wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
    GstSample* last = nullptr;
    g_object_get(publisher.element("sink"), "last-sample", &last, nullptr);
    const Sample kept(last);
    const std::string before = digest(kept.get());
    GstBuffer* mine = gst_buffer_copy(gst_sample_get_buffer(kept.get()));
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(mine, &map, GST_MAP_READWRITE));
    std::fill_n(map.data, map.size, 0xAA);
    gst_buffer_unmap(mine, &map);
    gst_buffer_unref(mine);
    EXPECT_EQ(digest(kept.get()), before);
}

// filesink knows no GstVideoMeta: it gets the default layout, in place, since that is how slots in host memory lie. The
// width is one without padding in the default layout, whose content would be undefined.
TEST_F(Copies, ElementsWithoutVideoMetaGetTheDefaultLayout) {
    if (!have_element("x264enc") || !have_element("avdec_h264")) {
        GTEST_SKIP() << "no H.264 encoder or software decoder is installed";
    }
    const std::string source = "videotestsrc num-buffers=8 pattern=ball animation-mode=frames ! " +
                               raw_caps("I420", 328, 242) + " ! x264enc ! h264parse ! avdec_h264";
    const std::filesystem::path direct = directory.path() / "direct.yuv", shared = directory.path() / "shared.yuv";
    Pipeline reference(source + " ! videoconvert ! filesink location=" + direct.string());
    ASSERT_EQ(reference.run_to_end(), "");
    RemotePipeline publisher(source + " ! " + lossless_sink("rows"));
    Pipeline reader("cuframessrc name=src mode=strict key=rows ! filesink sync=false location=" + shared.string());
    publisher.play();
    ASSERT_EQ(reader.run_to_end(), "");
    EXPECT_EQ(reader.stat("src", "copied"), 0u);
    gchar *a = nullptr, *b = nullptr;
    gsize a_size = 0, b_size = 0;
    ASSERT_TRUE(g_file_get_contents(direct.c_str(), &a, &a_size, nullptr));
    ASSERT_TRUE(g_file_get_contents(shared.c_str(), &b, &b_size, nullptr));
    ASSERT_EQ(a_size, b_size);
    EXPECT_EQ(std::memcmp(a, b, a_size), 0);
    g_free(a);
    g_free(b);
}

} // namespace
} // namespace cuframes::test
