// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a strict reader gets every frame, and every visible pixel of every plane is as upstream made it; and the
// way into the ring is no copy when upstream takes the sink's pool.
#include "fixture.h"

#include <string>
#include <tuple>
#include <vector>

namespace cuframes::test {
namespace {

using Picture = std::tuple<std::string, std::pair<int, int>>;

class Pixels : public GstTest, public testing::WithParamInterface<Picture> {
protected:
    std::string source(const std::string& pattern = "ball") const {
        const auto& [format, size] = GetParam();
        return "videotestsrc num-buffers=5 animation-mode=frames pattern=" + pattern + " ! " +
               raw_caps(format, size.first, size.second);
    }
};

std::string picture_name(const testing::TestParamInfo<Picture>& info) {
    const auto& [format, size] = info.param;
    return format + "_" + std::to_string(size.first) + "x" + std::to_string(size.second);
}

TEST_P(Pixels, ArriveUntouchedAndUncopied) {
    Pipeline reference(source() + " ! appsink name=out sync=false");
    reference.play();
    const std::vector<std::string> expected = reference.digest_all();
    ASSERT_EQ(expected.size(), 5u);

    RemotePipeline publisher(source() + " ! " + lossless_sink("pixels"));
    Pipeline reader(strict_reader("pixels"));
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected);
    publisher.await_end();
    EXPECT_EQ(publisher.stat("published"), 5);
    EXPECT_EQ(publisher.stat("copied"), 0);
    EXPECT_EQ(reader.stat("src", "lost"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Formats, Pixels,
                         testing::Combine(testing::Values("NV12", "I420", "P010_10LE", "RGB", "BGRA", "GRAY8", "Y444",
                                                          "RGBP"),
                                          testing::Values(std::pair(1920, 1080), std::pair(640, 360), std::pair(66, 47),
                                                          std::pair(3840, 2160))),
                         picture_name);

// A fourth plane, other subsampling, wide and packed pixels, at sizes that do not divide evenly.
INSTANTIATE_TEST_SUITE_P(OddFormats, Pixels,
                         testing::Combine(testing::Values("A420", "v308", "Y41B", "YVU9", "ARGB64", "GRAY16_LE", "NV16",
                                                          "I422_10LE", "GBRA", "AYUV64"),
                                          testing::Values(std::pair(67, 49))),
                         picture_name);

} // namespace
} // namespace cuframes::test
