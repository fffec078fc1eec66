// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a software decoder with its default settings puts its frames into the ring; what readers get is
// what it would have put out otherwise.
#include "fixture.h"

namespace cuframes::test {
namespace {

class SoftwareDecoder : public GstTest, public testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        for (const char* name : {"x264enc", "avdec_h264", "matroskamux", "matroskademux"}) {
            if (!have_element(name)) {
                GTEST_SKIP() << name << " is not installed";
            }
        }
        Pipeline encoder("videotestsrc num-buffers=90 pattern=ball animation-mode=frames ! " +
                         raw_caps("I420", 322, 242) + " ! x264enc key-int-max=30 " + GetParam() +
                         " ! h264parse ! matroskamux ! filesink location=" + clip());
        ASSERT_EQ(encoder.run_to_end(), "");
    }

    std::string clip() const { return (media.path() / "clip.mkv").string(); }
    std::string decoder(const std::string& options = "") const {
        return "filesrc location=" + clip() + " ! matroskademux ! h264parse ! avdec_h264 " + options + " ! video/x-raw";
    }

    TempDir media;
};

TEST_P(SoftwareDecoder, DecodesIntoTheRing) {
    Pipeline reference(decoder() + " ! appsink name=out sync=false");
    reference.play();
    const std::vector<std::string> expected = reference.digest_all();
    ASSERT_EQ(expected.size(), 90u);

    RemotePipeline publisher(decoder() + " ! " + lossless_sink("decoded"));
    Pipeline reader(strict_reader("decoded"));
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all(), expected);
    publisher.await_end();
    EXPECT_EQ(publisher.stat("published"), 90);
    EXPECT_EQ(publisher.stat("copied"), 0);
}

// Each of the decoder's threads takes its own buffers, and waits for the reader on its own.
TEST_P(SoftwareDecoder, SeveralThreadsOfADecoderMayWaitForAReader) {
    RemotePipeline publisher(decoder("max-threads=6") + " ! " + lossless_sink("threads") + " slots=5");
    Pipeline reader(strict_reader("threads"));
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.digest_all().size(), 90u);
    publisher.await_end();
    EXPECT_EQ(publisher.stat("lapped"), 0);
    EXPECT_EQ(publisher.stat("copied"), 0);
}

TEST_P(SoftwareDecoder, NeverWaitsForAReaderThatHoldsAllItMay) {
    RemotePipeline publisher(decoder() + " ! cuframessink name=sink sync=false wait-for-subscribers=1 key=held");
    Pipeline reader("cuframessrc name=src mode=strict max-held=6 key=held ! appsink name=out sync=false max-buffers=1");
    publisher.play();
    reader.play();
    std::vector<Sample> held;
    for (int i = 0; i < 6; ++i) {
        held.push_back(reader.pull());
    }
    const std::string before = digest(held.front().get());
    publisher.await_end();
    EXPECT_EQ(publisher.stat("published") + publisher.stat("dropped"), 90);
    EXPECT_EQ(digest(held.front().get()), before);
}

INSTANTIATE_TEST_SUITE_P(Clips, SoftwareDecoder,
                         testing::Values("bframes=0 speed-preset=ultrafast", "bframes=3 b-pyramid=true ref=5",
                                         "bframes=2 threads=1 pass=quant quantizer=10"),
                         [](const auto& clip) { return "clip" + std::to_string(clip.index); });

} // namespace
} // namespace cuframes::test
