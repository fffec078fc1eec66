// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: what cannot be shared as packets is refused, or left out, with a sentence that says what to do; what was set in
// vain is said.
#include "packet_sources.h"

namespace cuframes::test {
namespace {

class PacketRefusals : public GstTest {};

/// All warnings up to the end of the stream.
std::vector<std::string> warnings_of(Pipeline& pipeline) {
    std::vector<std::string> texts;
    pipeline.play();
    for (;;) {
        const BusNews news = pipeline.wait_for(GST_MESSAGE_WARNING | GST_MESSAGE_EOS);
        if (news.kind != BusNews::warning) {
            EXPECT_EQ(news.kind, BusNews::end_of_stream) << news.text;
            return texts;
        }
        texts.push_back(news.text);
    }
}

TEST_F(PacketRefusals, OneThatIsTooLargeIsCountedAndWarnedOfOnceAndTheStreamGoesOn) {
    const char* klv = "meta/x-klv,parsed=true";
    Pipeline publisher("concat name=c ! cuframessink name=sink key=k sync=false max-bytes=65536 " +
                       data(klv, 2, 100'000) + " ! c. " + data(klv, 3, 1'000) + " ! c.");
    const std::vector<std::string> warnings = warnings_of(publisher);
    ASSERT_EQ(warnings.size(), 1u);
    for (const char* word : {"100000 bytes", "max-bytes", "k"}) {
        EXPECT_NE(warnings[0].find(word), std::string::npos) << word << " in: " << warnings[0];
    }
    EXPECT_EQ(publisher.stat("sink", "dropped"), 2u);
    EXPECT_EQ(publisher.stat("sink", "published"), 3u);
}

TEST_F(PacketRefusals, SettingsOfFramesAreSaidToMeanNothing) {
    Pipeline publisher(data("meta/x-klv,parsed=true") +
                       " ! cuframessink name=sink key=k sync=false slots=5 max-slots=20 cuda-device-id=3");
    EXPECT_EQ(
        warnings_of(publisher),
        std::vector<std::string>{"cuframessink key=k: slots=5, max-slots=20, cuda-device-id=3: of no meaning here, "
                                 "as what comes is packets, of which max-time and max-bytes say how many are "
                                 "kept"});
}

TEST_F(PacketRefusals, SettingsOfPacketsAreSaidToMeanNothingToFrames) {
    Pipeline publisher("videotestsrc num-buffers=3 ! " + raw_caps("NV12", 64, 48) +
                       " ! cuframessink name=sink key=k sync=false max-time=5000 max-bytes=100000");
    EXPECT_EQ(
        warnings_of(publisher),
        std::vector<std::string>{"cuframessink key=k: max-time=5000, max-bytes=100000: of no meaning here, as what "
                                 "comes is frames, of which slots says how many are kept"});
}

TEST_F(PacketRefusals, AreNotWarnedOfWithDefaults) {
    Pipeline packets(data("meta/x-klv,parsed=true") + " ! cuframessink name=sink key=k sync=false");
    EXPECT_EQ(warnings_of(packets), std::vector<std::string>());
    Pipeline frames("videotestsrc num-buffers=3 ! " + raw_caps("NV12", 64, 48) + " ! cuframessink key=f sync=false");
    EXPECT_EQ(warnings_of(frames), std::vector<std::string>());
}

/// Caps whose buffers may be anything, and what is said of them.
struct Unaligned {
    const char* caps;
    const char* said;
};

void PrintTo(const Unaligned& unaligned, std::ostream* out) { *out << unaligned.caps; }

#define WHOLE "may be more or less than a packet each, and what is shared has to be whole packets "

const Unaligned unaligned_caps[] = {
    {"video/x-h264,stream-format=byte-stream,alignment=nal",
     "buffers of video/x-h264 with alignment=nal " WHOLE "(alignment=au): put h264parse before it"},
    {"video/x-h264,stream-format=byte-stream",
     "buffers of video/x-h264 without alignment " WHOLE "(alignment=au): put h264parse before it"},
    {"video/x-h265,alignment=nal",
     "buffers of video/x-h265 with alignment=nal " WHOLE "(alignment=au): put h265parse before it"},
    {"video/x-h266", "buffers of video/x-h266 without alignment " WHOLE "(alignment=au): put h266parse before it"},
    {"video/x-av1,alignment=obu",
     "buffers of video/x-av1 with alignment=obu " WHOLE "(alignment=tu or frame): put av1parse before it"},
    {"video/x-vp9,parsed=false",
     "buffers of video/x-vp9 with parsed=false " WHOLE "(parsed=true): put vp9parse before it"},
    {"video/mpeg,mpegversion=2,systemstream=false,parsed=false",
     "buffers of video/mpeg with parsed=false " WHOLE "(parsed=true): put mpegvideoparse before it"},
    {"video/mpeg,mpegversion=4,systemstream=false,parsed=false",
     "buffers of video/mpeg with parsed=false " WHOLE "(parsed=true): put mpeg4videoparse before it"},
    {"image/jpeg,parsed=false",
     "buffers of image/jpeg with parsed=false " WHOLE "(parsed=true): put jpegparse before it"},
    {"audio/mpeg,mpegversion=4,stream-format=adts",
     "buffers of audio/mpeg without framed " WHOLE "(framed=true): put aacparse before it"},
    {"audio/mpeg,mpegversion=1,layer=3",
     "buffers of audio/mpeg without parsed " WHOLE "(parsed=true): put mpegaudioparse before it"},
    {"audio/x-ac3", "buffers of audio/x-ac3 without framed " WHOLE "(framed=true): put ac3parse before it"},
    {"audio/x-flac,framed=false",
     "buffers of audio/x-flac with framed=false " WHOLE "(framed=true): put flacparse before it"},
    {"meta/x-klv", "buffers of meta/x-klv without parsed " WHOLE
                   "(parsed=true): where each buffer is a whole packet, say so in the caps (parsed=true)"},
    {"application/x-made-up,parsed=false", "buffers of application/x-made-up with parsed=false " WHOLE
                                           "(parsed=true): put the parser of this format before it"},
};

class UnalignedPackets : public PacketRefusals, public testing::WithParamInterface<Unaligned> {};

TEST_P(UnalignedPackets, AreRefusedWithTheParserToPutBefore) {
    Pipeline publisher(data(GetParam().caps) + " ! cuframessink key=k");
    publisher.play();
    const BusNews news = publisher.wait_for(GST_MESSAGE_EOS);
    EXPECT_EQ(news.text, std::string("cuframessink key=k: ") + GetParam().said);
    EXPECT_EQ(news.library, "CUFRAMES_ERROR_INVALID_ARGUMENT");
}

INSTANTIATE_TEST_SUITE_P(Caps, UnalignedPackets, testing::ValuesIn(unaligned_caps),
                         [](const auto& unaligned) { return "caps" + std::to_string(unaligned.index); });

TEST_F(PacketRefusals, AfterFramesAreRefused) {
    const std::string frames = "videotestsrc num-buffers=3 ! " + raw_caps("I420", 64, 48) + " ! c. ";
    Pipeline publisher("concat name=c ! cuframessink key=k " + frames + data("meta/x-klv,parsed=true") + " ! c.");
    publisher.play();
    EXPECT_EQ(
        publisher.wait_for(GST_MESSAGE_EOS).text,
        "cuframessink key=k: meta/x-klv comes after frames, and is packets; a key carries one or the other until its "
        "sink is set to READY. Give each a cuframessink and a key of its own");
}

TEST_F(PacketRefusals, BeforeFramesAreRefused) {
    const std::string frames = "videotestsrc num-buffers=3 ! " + raw_caps("I420", 64, 48) + " ! c.";
    Pipeline publisher("concat name=c ! cuframessink key=k " + data("meta/x-klv,parsed=true") + " ! c. " + frames);
    publisher.play();
    EXPECT_EQ(
        publisher.wait_for(GST_MESSAGE_EOS).text,
        "cuframessink key=k: video/x-raw comes after packets, and is frames; a key carries one or the other until its "
        "sink is set to READY. Give each a cuframessink and a key of its own");
}

TEST_F(PacketRefusals, FramesAreRefusedWherePacketsAreSet) {
    Pipeline publisher("videotestsrc num-buffers=3 ! cuframessink key=k content=packets");
    publisher.play();
    EXPECT_EQ(
        publisher.wait_for(GST_MESSAGE_EOS).text,
        "cuframessink key=k: video/x-raw is frames, and content=packets is set. Give each a cuframessink and a key "
        "of its own");
}

} // namespace
} // namespace cuframes::test
