// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: what reaches cuframessink and is not raw video reaches readers as packets, a buffer each, byte for byte, with its
// times of capture, flags, metas and caps.
#include "decoration.h"
#include "packet_sources.h"
#include "packets.h"
#include "shared/metadata.h"

#include <algorithm>
#include <set>

namespace cuframes::test {
namespace {

/// What went into a sink and what a reader of all its packets got, in running time.
struct Passage {
    std::vector<PacketRecord> sent, received;
};

class Packets : public GstTest {
protected:
    /// Runs a pipeline that ends in lossless_sink("k") to its end.
    static Passage pass(RemotePipeline& publisher) {
        publisher.call(Message("watch-packets"));
        PacketReader reader("k");
        publisher.play();
        Passage passage;
        passage.received = reader.read_to_end();
        publisher.await_end();
        const auto base_time = static_cast<GstClockTime>(publisher.call(Message("base-time")).number("value"));
        passage.received = in_running_time(passage.received, base_time);
        passage.sent = parse_packets(publisher.call(Message("packets")).text("value"));
        return passage;
    }

    static Passage pass(const std::string& description) {
        RemotePipeline publisher(description + " ! " + lossless_sink("k"));
        return pass(publisher);
    }

    static size_t keyframes_in(const std::vector<PacketRecord>& packets) {
        return static_cast<size_t>(
            std::ranges::count_if(packets, [](const PacketRecord& packet) { return !packet.delta; }));
    }
};

/// A kind of packets, the elements that make them, and the pipeline that does.
struct Kind {
    const char* name;
    std::vector<const char*> elements;
    std::string description;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

const Kind kinds[] = {
    {"H264", {"x264enc"}, video(40, "x264enc bframes=2 key-int-max=10")},
    {"H264ByteStream",
     {"x264enc"},
     video(40, "x264enc bframes=0 key-int-max=10 ! video/x-h264,stream-format=byte-stream")},
    {"H264Parsed",
     {"x264enc", "h264parse"},
     video(40, "x264enc key-int-max=10 ! video/x-h264,stream-format=byte-stream ! h264parse")},
    {"H264FromRtp", {"x264enc", "rtph264pay"}, video(20, "x264enc tune=zerolatency ! rtph264pay ! rtph264depay")},
    {"H264IntraRefresh", {"x264enc"}, video(40, "x264enc intra-refresh=true key-int-max=10 bframes=0")},
    {"H265", {"x265enc"}, video(20, "x265enc speed-preset=ultrafast key-int-max=10")},
    {"H265Parsed", {"x265enc", "h265parse"}, video(20, "x265enc speed-preset=ultrafast key-int-max=10 ! h265parse")},
    {"Vp8", {"vp8enc"}, video(20, "vp8enc deadline=1 keyframe-max-dist=10")},
    {"Vp9", {"vp9enc"}, video(20, "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=10")},
    {"Vp9Parsed", {"vp9enc", "vp9parse"}, video(20, "vp9enc deadline=1 cpu-used=8 ! vp9parse")},
    {"Av1", {"av1enc"}, video(10, "av1enc usage-profile=realtime cpu-used=8")},
    {"Av1Parsed", {"svtav1enc", "av1parse"}, video(10, "svtav1enc preset=12 ! av1parse", 64, 64)},
    {"Jpeg", {"jpegenc"}, video(10, "jpegenc")},
    {"Mpeg4", {"avenc_mpeg4"}, video(20, "avenc_mpeg4")},
    {"Mpeg2", {"avenc_mpeg2video"}, video(20, "avenc_mpeg2video")},
    {"Theora", {"theoraenc"}, video(20, "theoraenc")},
    {"Opus", {"opusenc"}, sound("opusenc")},
    {"Aac", {"avenc_aac"}, sound("avenc_aac")},
    {"AacWithHeaders", {"voaacenc"}, sound("voaacenc ! audio/mpeg,stream-format=adts ! aacparse")},
    {"Mp3", {"lamemp3enc", "mpegaudioparse"}, sound("lamemp3enc ! mpegaudioparse")},
    {"Flac", {"flacenc"}, sound("flacenc")},
    {"Vorbis", {"vorbisenc"}, sound("vorbisenc")},
    {"ALaw", {"alawenc"}, sound("audioresample ! alawenc")},
    {"RawSound", {"audioconvert"}, sound("audio/x-raw,format=S16LE")},
    {"Klv", {}, data("meta/x-klv,parsed=true")},
    {"Onvif", {}, data("application/x-onvif-metadata,encoding=utf8")},
    {"Text", {}, data("text/x-raw,format=utf8")},
    {"AnythingElse", {}, data("application/x-made-up,words=\\\"of its own\\\"")},
};

class KindsOfPackets : public Packets, public testing::WithParamInterface<Kind> {
protected:
    void SetUp() override {
        for (const char* element : GetParam().elements) {
            if (!have_element(element)) {
                GTEST_SKIP() << element << " is not installed";
            }
        }
    }
};

TEST_P(KindsOfPackets, ArriveByteForByteWithTimesFlagsAndCaps) {
    const Passage passage = pass(GetParam().description);
    EXPECT_GE(passage.sent.size(), 8u);
    EXPECT_EQ(text_of(passage.received), text_of(passage.sent));
    EXPECT_GE(keyframes_in(passage.received), 1u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, KindsOfPackets, testing::ValuesIn(kinds),
                         [](const auto& kind) { return std::string(kind.param.name); });

class H264Packets : public Packets {
protected:
    void SetUp() override {
        for (const char* element : {"x264enc", "h264parse", "concat", "matroskamux"}) {
            if (!have_element(element)) {
                GTEST_SKIP() << element << " is not installed";
            }
        }
    }

    /// Of GStreamer 1.26's uridecodebin3, which playbin3 is made of, three to nine of 150 starts with a file and a fakesink
    /// stand still on a busy machine, or lose pictures. None of decodebin3 or uridecodebin does.
    static constexpr int of_uridecodebin3 = 5;

    /// Whether `decoder`, behind which is cuframessink name=sink, brings it all ten pictures of a file in one of `attempts`.
    static testing::AssertionResult brings_all(const std::string& decoder, int attempts) {
        std::string outcome;
        for (int attempt = 0; attempt < attempts; ++attempt) {
            Pipeline publisher(decoder);
            publisher.play();
            const BusNews news = publisher.wait_for(GST_MESSAGE_EOS, milliseconds(10'000));
            if (news.kind == BusNews::error) {
                return testing::AssertionFailure() << decoder << ": " << news.text;
            }
            const bool ended = news.kind == BusNews::end_of_stream;
            const uint64_t published = ended ? publisher.stat("sink", "published") : 0;
            if (published == 10 && publisher.stat("sink", "slots") > 0) {
                return testing::AssertionSuccess();
            }
            outcome += ended ? " " + std::to_string(published) + " published;" : " no end;";
        }
        return testing::AssertionFailure() << decoder << ":" << outcome;
    }
};

// The first pictures are decoded before the pipeline's time began.
TEST_F(H264Packets, DecodingTimesBeforeTheBeginningAreKept) {
    const Passage passage = pass(video(30, "x264enc bframes=3 b-adapt=false key-int-max=30"));
    ASSERT_EQ(text_of(passage.received), text_of(passage.sent));
    ASSERT_FALSE(passage.received.empty());
    EXPECT_EQ(passage.received.front().pts, 0);
    EXPECT_LT(passage.received.front().dts, 0);
    int64_t last = INT64_MIN;
    for (const PacketRecord& packet : passage.received) {
        EXPECT_GT(packet.dts, last);
        last = packet.dts;
    }
}

TEST_F(H264Packets, KeyframesAreTold) {
    const Passage passage = pass(video(30, "x264enc bframes=0 key-int-max=10 option-string=scenecut=0"));
    std::vector<size_t> keyframes;
    for (size_t i = 0; i < passage.received.size(); ++i) {
        if (!passage.received[i].delta) {
            keyframes.push_back(i);
        }
    }
    EXPECT_EQ(keyframes, (std::vector<size_t>{0, 10, 20}));
}

TEST_F(H264Packets, CodecDataThatChangesInMidstreamIsThatOfEachPacket) {
    const std::string description = "concat name=c ! " + lossless_sink("k") + " " + video(10, "x264enc ! c. ", 64, 48) +
                                    video(10, "x264enc ! c.", 128, 96);
    RemotePipeline publisher(description);
    publisher.call(Message("watch-packets"));
    PacketReader reader("k");
    publisher.play();
    std::vector<PacketRecord> received;
    std::vector<uint64_t> versions;
    while (const PacketView packet = reader.next()) {
        received.push_back(PacketReader::record_of(packet));
        versions.push_back(packet->caps_version);
    }
    publisher.await_end();
    const auto base_time = static_cast<GstClockTime>(publisher.call(Message("base-time")).number("value"));
    EXPECT_EQ(text_of(in_running_time(received, base_time)), publisher.call(Message("packets")).text("value"));
    ASSERT_EQ(received.size(), 20u);
    EXPECT_NE(received[0].caps, received[10].caps);
    EXPECT_NE(received[10].caps.find("codec_data"), std::string::npos);
    EXPECT_EQ(std::set<uint64_t>(versions.begin(), versions.end()).size(), 2u);
    EXPECT_EQ(versions[0], versions[9]);
    EXPECT_EQ(versions[10], versions[19]);
}

/// Capture times of all frames of a key, until the end of the stream.
std::vector<uint64_t> frame_times(cuframes_subscriber* subscriber) {
    std::vector<uint64_t> times;
    cuframes_frame* frame = nullptr;
    while (cuframes_subscriber_next(subscriber, scaled(default_limit).count(), &frame) == CUFRAMES_OK) {
        times.push_back(cuframes_frame_get(frame)->pts);
        cuframes_frame_unref(frame);
    }
    return times;
}

TEST_F(H264Packets, HaveTheTimesOfTheFramesThatTheyWereMadeOf) {
    RemotePipeline camera(video(20, "tee name=t ! queue ! x264enc bframes=0 ! " + lossless_sink("k") +
                                        " t. ! queue ! cuframessink sync=false policy=wait wait-timeout=600000 "
                                        "wait-for-subscribers=1 key=f"));
    PacketReader packets("k");
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.key = "f";
    options.mode = CUFRAMES_MODE_STRICT;
    cuframes_subscriber* frames = nullptr;
    ASSERT_EQ(cuframes_subscriber_create(&options, &frames), CUFRAMES_OK);
    camera.play();
    ASSERT_EQ(cuframes_subscriber_connect(frames, scaled(default_limit).count()), CUFRAMES_OK);
    std::vector<uint64_t> times;
    for (const PacketRecord& packet : packets.read_to_end()) {
        times.push_back(static_cast<uint64_t>(packet.pts));
    }
    EXPECT_EQ(times.size(), 20u);
    EXPECT_EQ(times, frame_times(frames));
    cuframes_subscriber_destroy(frames);
}

/// What upstream that can choose is brought to: whole access units, with parameter sets in the caps.
TEST_F(H264Packets, UpstreamThatCanChooseMakesAccessUnitsWithParameterSetsInTheCaps) {
    for (const std::string encoder :
         {"x264enc", "x264enc ! video/x-h264,stream-format=byte-stream ! h264parse",
          "x264enc ! tee name=t ! queue ! h264parse", "x264enc tune=zerolatency ! rtph264pay ! rtph264depay"}) {
        const Passage passage = pass(video(10, encoder));
        ASSERT_FALSE(passage.received.empty()) << encoder;
        for (const char* words : {"stream-format=(string)avc,", "alignment=(string)au", "codec_data=(buffer)01"}) {
            EXPECT_NE(passage.received.back().caps.find(words), std::string::npos) << encoder << ": " << words;
        }
    }
}

// A decoder needs what comes before the picture that was sought.
TEST_F(H264Packets, FromTheKeyframeBeforeWhatWasSoughtOn) {
    TempDir media;
    const std::string clip = (media.path() / "clip.mkv").string();
    Pipeline encoder(video(60, "x264enc bframes=0 key-int-max=30 option-string=scenecut=0 ! h264parse ! matroskamux ! "
                               "filesink location=" +
                                   clip));
    ASSERT_EQ(encoder.run_to_end(), "");
    Pipeline publisher("filesrc location=" + clip + " ! matroskademux ! h264parse ! cuframessink name=sink key=k");
    publisher.set_state(GST_STATE_PAUSED);
    ASSERT_TRUE(publisher.settled(GST_STATE_PAUSED));
    const PacketWatch watch(publisher.element("sink"));
    ASSERT_TRUE(gst_element_seek_simple(publisher.get(), GST_FORMAT_TIME,
                                        static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                                        1900 * GST_MSECOND));
    ASSERT_TRUE(publisher.settled(GST_STATE_PAUSED));
    publisher.play();
    ASSERT_EQ(publisher.wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
    const std::vector<PacketRecord> sent = parse_packets(watch.text());
    EXPECT_EQ(publisher.stat("sink", "published"), sent.size());
    EXPECT_EQ(publisher.stat("sink", "window-keyframes"), 1u);
    ASSERT_FALSE(sent.empty());
    EXPECT_FALSE(sent.front().delta);
    EXPECT_LT(sent.front().pts, -800 * static_cast<int64_t>(GST_MSECOND));
}

TEST_F(Packets, MetasArrive) {
    RemotePipeline publisher(data("meta/x-klv,parsed=true") + " ! " + lossless_sink("k"));
    publisher.call(Message("decorate"));
    PacketReader reader("k");
    publisher.play();
    GstElement* element = gst_element_factory_make("fakesink", nullptr);
    gst::MetaReader metas(element);
    const PacketView packet = reader.next();
    ASSERT_NE(packet, nullptr);
    GstBuffer* buffer = gst_buffer_new();
    metas.unpack(buffer, 0, packet->metadata, packet->metadata_size);
    EXPECT_NE(gst_buffer_get_reference_timestamp_meta(buffer, nullptr), nullptr);
    EXPECT_NE(gst_buffer_get_custom_meta(buffer, custom_meta_name), nullptr);
    gst_buffer_unref(buffer);
    gst_object_unref(element);
}

TEST_F(Packets, LatencyIsToldAsOfFrames) {
    RemotePipeline publisher("audiotestsrc is-live=true ! alawenc ! cuframessink name=sink key=k ts-offset=50000000");
    publisher.play();
    PacketReader reader("k");
    const PacketView packet = reader.next();
    ASSERT_NE(packet, nullptr);
    EXPECT_GE(packet->latency, 50 * GST_MSECOND);
    EXPECT_LT(packet->latency, GST_SECOND);
    EXPECT_GE(packet->publish_time, packet->pts + 50 * GST_MSECOND);
}

/// A stream that a test pushes into a sink by itself.
class Pushed {
public:
    explicit Pushed(Pipeline& pipeline, const char* caps_text) : pad_(gst_pad_new("src", GST_PAD_SRC)) {
        GstPad* sink = gst_element_get_static_pad(pipeline.element("sink"), "sink");
        gst_pad_link(pad_, sink);
        gst_object_unref(sink);
        gst_pad_set_active(pad_, TRUE);
        gst_pad_push_event(pad_, gst_event_new_stream_start("pushed"));
        GstCaps* caps = gst_caps_from_string(caps_text);
        gst_pad_push_event(pad_, gst_event_new_caps(caps));
        gst_caps_unref(caps);
        GstSegment segment;
        gst_segment_init(&segment, GST_FORMAT_TIME);
        gst_pad_push_event(pad_, gst_event_new_segment(&segment));
    }
    Pushed(const Pushed&) = delete;
    Pushed& operator=(const Pushed&) = delete;
    ~Pushed() {
        gst_pad_set_active(pad_, FALSE);
        gst_object_unref(pad_);
    }

    void gap() { gst_pad_push_event(pad_, gst_event_new_gap(0, GST_SECOND)); }
    GstFlowReturn push(guint size, GstBufferFlags flags, GstClockTime pts, GstClockTime dts) {
        GstBuffer* buffer = size > 0 ? gst_buffer_new_and_alloc(size) : gst_buffer_new();
        gst_buffer_memset(buffer, 0, 7, size);
        GST_BUFFER_FLAG_SET(buffer, flags);
        GST_BUFFER_PTS(buffer) = pts;
        GST_BUFFER_DTS(buffer) = dts;
        return gst_pad_push(pad_, buffer);
    }

private:
    GstPad* pad_;
};

constexpr auto no_flags = static_cast<GstBufferFlags>(0);

// A source of text or of KLV may have nothing to say for a long time.
TEST_F(Packets, AGapPrerollsAndIsNoPacket) {
    Pipeline publisher("pipeline.( cuframessink name=sink key=k )");
    publisher.play();
    Pushed stream(publisher, "text/x-raw,format=utf8");
    stream.gap();
    ASSERT_TRUE(publisher.settled(GST_STATE_PLAYING));
    EXPECT_EQ(publisher.stat("sink", "published"), 0u);
    // Readers may come before there is anything.
    PacketReader reader("k");
    reader.connect();
    stream.push(20, no_flags, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE);
    const PacketView packet = reader.next();
    ASSERT_NE(packet, nullptr);
    EXPECT_EQ(packet->sequence, 1u);
    EXPECT_EQ(packet->size, 20u);
}

TEST_F(Packets, AStreamWithoutKeyframesIsSharedAllTheSame) {
    Pipeline publisher("pipeline.( cuframessink name=sink key=k sync=false async=false )");
    publisher.play();
    Pushed stream(publisher, "video/x-h264,stream-format=byte-stream,alignment=au");
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(stream.push(100, GST_BUFFER_FLAG_DELTA_UNIT, static_cast<GstClockTime>(i) * GST_MSECOND,
                              GST_CLOCK_TIME_NONE),
                  GST_FLOW_OK);
    }
    EXPECT_EQ(publisher.stat("sink", "published"), 5u);
    EXPECT_EQ(publisher.stat("sink", "window-packets"), 5u);
    EXPECT_EQ(publisher.stat("sink", "window-keyframes"), 0u);
}

// Of headers there is nothing to show, of an empty packet nothing to read; both are of the stream.
TEST_F(Packets, HeadersEmptyPacketsAndMissingTimesAreKept) {
    Pipeline publisher("pipeline.( cuframessink name=sink key=k sync=false async=false )");
    publisher.play();
    Pushed stream(publisher, "video/x-h264,stream-format=byte-stream,alignment=au");
    PacketReader reader("k");
    reader.connect();
    const auto base_time = static_cast<int64_t>(gst_element_get_base_time(publisher.get()));
    stream.push(30, GST_BUFFER_FLAG_HEADER, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE);
    stream.push(0, GST_BUFFER_FLAG_GAP, GST_SECOND, GST_CLOCK_TIME_NONE);
    stream.push(50, GST_BUFFER_FLAG_DISCONT, GST_CLOCK_TIME_NONE, 2 * GST_SECOND);
    std::vector<PacketRecord> packets;
    for (int i = 0; i < 3; ++i) {
        const PacketView packet = reader.next();
        ASSERT_NE(packet, nullptr);
        packets.push_back(PacketReader::record_of(packet));
    }
    EXPECT_EQ(packets[0].size, 30u);
    EXPECT_EQ(packets[0].flags, GST_BUFFER_FLAG_HEADER);
    EXPECT_EQ(packets[0].pts, PacketRecord::no_time);
    EXPECT_EQ(packets[0].dts, PacketRecord::no_time);
    EXPECT_EQ(packets[1].size, 0u);
    EXPECT_EQ(packets[1].flags, GST_BUFFER_FLAG_GAP);
    EXPECT_EQ(packets[1].pts, base_time + static_cast<int64_t>(GST_SECOND));
    EXPECT_EQ(packets[2].flags, GST_BUFFER_FLAG_DISCONT);
    EXPECT_EQ(packets[2].pts, PacketRecord::no_time);
    EXPECT_EQ(packets[2].dts, base_time + static_cast<int64_t>(2 * GST_SECOND));
}

TEST_F(Packets, StatisticsTellWhatIsKept) {
    Pipeline publisher(data("meta/x-klv,parsed=true", 8, 200) + " ! cuframessink name=sink key=k sync=false");
    EXPECT_EQ(publisher.stat("sink", "oldest-time"), GST_CLOCK_TIME_NONE);
    ASSERT_EQ(publisher.run_to_end(), "");
    const GstClockTime base_time = gst_element_get_base_time(publisher.get());
    guint64 epoch = 0;
    g_object_get(publisher.element("sink"), "epoch", &epoch, nullptr);
    EXPECT_NE(epoch, 0u);
    EXPECT_EQ(publisher.stat("sink", "epoch"), epoch);
    EXPECT_EQ(publisher.stat("sink", "published"), 8u);
    EXPECT_EQ(publisher.stat("sink", "bytes"), 1600u);
    EXPECT_EQ(publisher.stat("sink", "window-packets"), 8u);
    EXPECT_EQ(publisher.stat("sink", "window-keyframes"), 8u);
    EXPECT_EQ(publisher.stat("sink", "window-bytes"), 1600u);
    EXPECT_EQ(publisher.stat("sink", "oldest-time"), base_time);
    EXPECT_EQ(publisher.stat("sink", "newest-time"), base_time + 700 * GST_MSECOND);
    EXPECT_EQ(publisher.stat("sink", "keyframe-time"), base_time + 700 * GST_MSECOND);
    EXPECT_NEAR(static_cast<double>(publisher.stat("sink", "bit-rate")), 16000, 3000);
    publisher.set_state(GST_STATE_NULL);
    EXPECT_EQ(publisher.stat("sink", "window-packets"), 8u);
}

TEST_F(Packets, OnlyThoseOfMaxTimeAreKept) {
    Pipeline publisher(data("meta/x-klv,parsed=true", 50, 200) +
                       " ! cuframessink name=sink key=k sync=false max-time=1000");
    ASSERT_EQ(publisher.run_to_end(), "");
    EXPECT_EQ(publisher.stat("sink", "published"), 50u);
    EXPECT_GE(publisher.stat("sink", "newest-time") - publisher.stat("sink", "oldest-time"), GST_SECOND);
    EXPECT_LE(publisher.stat("sink", "window-packets"), 12u);
}

guint subscribers_of(Pipeline& publisher) {
    guint count = 0;
    g_object_get(publisher.element("sink"), "num-subscribers", &count, nullptr);
    return count;
}

// Who decodes on demand has no caps before the first reader is there.
TEST_F(Packets, ReadersAreAdmittedBeforeThereAreCapsWhereTheContentIsSet) {
    Pipeline publisher("pipeline.( cuframessink name=sink key=k content=packets )");
    publisher.play();
    PacketReader reader("k");
    reader.connect();
    EXPECT_EQ(subscribers_of(publisher), 1u);
    Pipeline frames("pipeline.( cuframessink name=sink key=f content=frames )");
    frames.play();
    Pipeline viewer("cuframessrc key=f ! fakesink");
    viewer.play();
    viewer.wait_for_publisher("attached");
    EXPECT_EQ(subscribers_of(frames), 1u);
}

// Its pads of sound and of pictures come in any order.
TEST_F(H264Packets, PicturesOfAFileThatIsDecodedAreMeant) {
    if (!have_element("opusenc")) {
        GTEST_SKIP() << "opusenc is not installed";
    }
    TempDir media;
    const std::string clip = (media.path() / "clip.mkv").string();
    Pipeline encoder("matroskamux name=m ! filesink location=" + clip + " " + sound("opusenc ! m. ") +
                     video(10, "x264enc ! h264parse ! m."));
    ASSERT_EQ(encoder.run_to_end(), "");
    for (const auto& [decoder, attempts] : {std::pair("uridecodebin uri=file://" + clip, 1),
                                            std::pair("uridecodebin3 uri=file://" + clip, of_uridecodebin3),
                                            std::pair("filesrc location=" + clip + " ! decodebin", 1),
                                            std::pair("filesrc location=" + clip + " ! decodebin3", 1)}) {
        EXPECT_TRUE(brings_all(decoder + " ! cuframessink name=sink key=k sync=false", attempts));
    }
}

TEST_F(H264Packets, SoundOfAFileThatIsDecodedIsSharedWhereTheContentSaysSo) {
    if (!have_element("opusenc")) {
        GTEST_SKIP() << "opusenc is not installed";
    }
    TempDir media;
    const std::string clip = (media.path() / "clip.mka").string();
    Pipeline encoder(sound("opusenc ! matroskamux ! filesink location=" + clip));
    ASSERT_EQ(encoder.run_to_end(), "");
    Pipeline publisher("uridecodebin uri=file://" + clip +
                       " ! cuframessink name=sink key=k sync=false content=packets");
    EXPECT_EQ(publisher.run_to_end(), "");
    EXPECT_GT(publisher.stat("sink", "published"), 0u);
}

// Players decode for a sink that takes anything, as they did for one that took raw video only.
TEST_F(H264Packets, OfAFileThatAPlayerPlaysAreDecoded) {
    for (const auto& [player, attempts] : {std::pair("playbin", 1), std::pair("playbin3", of_uridecodebin3)}) {
        TempDir media;
        const std::string clip = (media.path() / "clip.mkv").string();
        Pipeline encoder(video(10, "x264enc ! h264parse ! matroskamux ! filesink location=" + clip));
        ASSERT_EQ(encoder.run_to_end(), "");
        EXPECT_TRUE(brings_all(
            std::string(player) + " uri=file://" + clip + " video-sink=\"cuframessink name=sink key=k\"", attempts));
    }
}

} // namespace
} // namespace cuframes::test
