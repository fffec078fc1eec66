// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: what a stream begins with, its readers have wherever they begin, also where it has left the log for long.
#include "fixture.h"

#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>

namespace cuframes::test {
namespace {

struct Way {
    const char* name;
    const char* encoder;
    const char* elements; ///< To what is decoded.
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

constexpr const char* vorbis = "audiotestsrc num-buffers=200 samplesperbuffer=480 ! audio/x-raw,rate=48000 ! vorbisenc";
constexpr const char* flac = "audiotestsrc num-buffers=200 samplesperbuffer=480 ! audio/x-raw,rate=48000 ! flacenc";
constexpr const char* opus = "audiotestsrc num-buffers=100 samplesperbuffer=960 ! audio/x-raw,rate=48000 ! opusenc";
constexpr const char* speex = "audiotestsrc num-buffers=100 samplesperbuffer=320 ! audio/x-raw,rate=16000 ! speexenc";
constexpr const char* theora = "videotestsrc num-buffers=50 ! video/x-raw,width=64,height=48,framerate=25/1 ! "
                               "theoraenc keyframe-freq=8 keyframe-force=8";

class LateReader : public GstTest {
protected:
    /// Two seconds of a stream, of which the log has the last one.
    static std::unique_ptr<Pipeline> published(const std::string& encoder) {
        auto pipeline =
            std::make_unique<Pipeline>(encoder + " ! cuframessink name=sink key=k sync=false max-time=1000");
        pipeline->play();
        EXPECT_EQ(pipeline->wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
        EXPECT_LT(pipeline->stat("sink", "window-packets"), pipeline->stat("sink", "published") - 10)
            << "headers are there";
        return pipeline;
    }

    static std::string all_there_is(const std::string& elements) {
        return "cuframessrc name=src key=k start=time join=record ! " + elements;
    }

    /// How long what comes out is, in ns; and that no error ends it.
    static GstClockTime length_of(const std::string& line) {
        Pipeline reader(line + " ! appsink name=out sync=false");
        reader.play();
        GstClockTime length = 0;
        while (const Sample sample = reader.pull()) {
            length += GST_BUFFER_DURATION(gst_sample_get_buffer(sample.get()));
        }
        EXPECT_EQ(reader.wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
        return length;
    }
};

class LateReaderOf : public LateReader, public testing::WithParamInterface<Way> {};

TEST_P(LateReaderOf, DecodesAllThatIsThere) {
    const Way& way = GetParam();
    for (const std::string& line : {std::string(way.encoder), std::string(way.elements)}) {
        std::istringstream words(line);
        for (std::string word, before = "!"; words >> word; before = word) {
            if (before == "!" && word.find('/') == std::string::npos && !have_element(word.c_str())) {
                GTEST_SKIP() << word << " is not installed";
            }
        }
    }
    const auto publisher = published(way.encoder);
    EXPECT_GE(length_of(all_there_is(way.elements)), 900 * GST_MSECOND);
}

INSTANTIATE_TEST_SUITE_P(
    , LateReaderOf,
    testing::Values(Way{"Vorbis", vorbis, "vorbisdec"},
                    Way{"VorbisOverRtp", vorbis, "rtpvorbispay ! rtpvorbisdepay ! vorbisdec"},

                    Way{"Flac", flac, "flacdec"}, Way{"FlacParsed", flac, "flacparse ! flacdec"},
                    Way{"FlacInMatroska", flac, "flacparse ! matroskamux ! matroskademux ! flacparse ! flacdec"},
                    Way{"Opus", opus, "opusdec"}, Way{"OpusParsed", opus, "opusparse ! opusdec"},
                    Way{"Speex", speex, "speexdec"}, Way{"Theora", theora, "theoradec"},
                    Way{"TheoraOverRtp", theora, "rtptheorapay ! rtptheoradepay ! theoradec"},
                    Way{"TheoraInMatroska", theora, "video/x-theora ! matroskamux ! matroskademux ! theoradec"},
                    Way{"WhateverItIs", vorbis, "decodebin"}),
    [](const auto& one) { return std::string(one.param.name); });

class LateReaderOfSound : public LateReader {
protected:
    void SetUp() override {
        for (const char* element : {"flacenc", "flacparse", "vorbisenc", "oggmux"}) {
            if (!have_element(element)) {
                GTEST_SKIP() << element << " is not installed";
            }
        }
    }

    void write(const std::string& elements) const {
        Pipeline writer(all_there_is(elements + "filesink location=" + file_));
        writer.play();
        EXPECT_EQ(writer.wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
    }

    const std::string file_ = (directory.path() / "late").string();
};

TEST_F(LateReaderOfSound, WritesAFileOfFlac) {
    const auto publisher = published(flac);
    write("");
    std::ifstream in(file_, std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}).substr(0, 4), "fLaC");
    EXPECT_GE(length_of("filesrc location=" + file_ + " ! flacparse ! flacdec"), 900 * GST_MSECOND);
}

TEST_F(LateReaderOfSound, WritesAFileOfOgg) {
    const auto publisher = published(vorbis);
    write("audio/x-vorbis ! oggmux ! ");
    EXPECT_GE(length_of("filesrc location=" + file_ + " ! oggdemux ! vorbisdec"), 900 * GST_MSECOND);
}

TEST_F(LateReaderOfSound, HasEachHeaderOnceWhereTheLogHasThem) {
    Pipeline publisher(std::string(flac) + " ! cuframessink key=k sync=false");
    publisher.play();
    EXPECT_EQ(publisher.wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
    Pipeline reader(all_there_is("appsink name=out sync=false"));
    reader.play();
    unsigned headers = 0;
    while (const Sample sample = reader.pull()) {
        headers += GST_BUFFER_FLAG_IS_SET(gst_sample_get_buffer(sample.get()), GST_BUFFER_FLAG_HEADER) ? 1 : 0;
    }
    EXPECT_EQ(headers, 3u);
}

} // namespace
} // namespace cuframes::test
