// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: cuframessrc delivers the packets of a key as they were published, whatever they are, and takes what a key
// carries.
#include "encoded.h"
#include "fixture.h"
#include "picture.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace cuframes::test {
namespace {

/// Packets that need no encoder: keyframes every `gop`, 40 ms each, whose bytes are their number.
std::vector<EncodedPacket> plain_packets(unsigned count, unsigned gop, const std::string& caps = "application/x-test") {
    std::vector<EncodedPacket> packets(count);
    for (unsigned i = 0; i < count; ++i) {
        packets[i].bytes = std::to_string(i);
        packets[i].pts = i * 40'000'000LL;
        packets[i].duration = 40'000'000;
        packets[i].delta = i % gop != 0;
        packets[i].caps = caps;
    }
    return packets;
}

std::string bytes_of(const Sample& sample) {
    gpointer data = nullptr;
    gsize size = 0;
    gst_buffer_extract_dup(gst_sample_get_buffer(sample.get()), 0, G_MAXSIZE, &data, &size);
    std::string bytes(static_cast<const char*>(data), size);
    g_free(data);
    return bytes;
}

int number_of(const Sample& sample) { return sample ? std::stoi(bytes_of(sample)) : -1; }

std::string caps_name(const Sample& sample) {
    return gst_structure_get_name(gst_caps_get_structure(gst_sample_get_caps(sample.get()), 0));
}

bool has_flag(const Sample& sample, GstBufferFlags flag) {
    return GST_BUFFER_FLAG_IS_SET(gst_sample_get_buffer(sample.get()), flag);
}

class PacketSource : public GstTest {
protected:
    static std::string reader_line(const std::string& options = "", const std::string& join = "record") {
        return "cuframessrc name=src key=packets join=" + join + " " + options + " ! appsink name=out sync=false";
    }
};

TEST_F(PacketSource, ArriveAsTheyWerePublished) {
    std::vector<EncodedPacket> sent = plain_packets(30, 10);
    sent[3].flags = GST_BUFFER_FLAG_MARKER;
    sent[4].duration.reset();
    sent[5].bytes.assign(300'000, 'x');
    for (unsigned i = 0; i < sent.size(); ++i) {
        sent[i].dts = *sent[i].pts - 80'000'000; // The first ones are decoded before the recording begins.
    }
    PacketCamera camera("packets", sent);
    camera.publish_past(30);
    Pipeline reader(reader_line("start=time"));
    reader.play();
    for (const EncodedPacket& expected : sent) {
        const Sample sample = reader.pull();
        ASSERT_TRUE(sample);
        EXPECT_EQ(bytes_of(sample), expected.bytes);
        GstBuffer* buffer = gst_sample_get_buffer(sample.get());
        const GstSegment* segment = gst_sample_get_segment(sample.get());
        EXPECT_EQ(gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer)),
                  static_cast<guint64>(*expected.pts));
        EXPECT_EQ(GST_CLOCK_DIFF(GST_BUFFER_DTS(buffer), GST_BUFFER_PTS(buffer)), 80'000'000);
        EXPECT_EQ(GST_BUFFER_DURATION(buffer),
                  expected.duration ? static_cast<guint64>(*expected.duration) : GST_CLOCK_TIME_NONE);
        EXPECT_EQ(has_flag(sample, GST_BUFFER_FLAG_DELTA_UNIT), expected.delta);
        EXPECT_EQ(has_flag(sample, GST_BUFFER_FLAG_MARKER), expected.flags != 0);
        EXPECT_EQ(has_flag(sample, GST_BUFFER_FLAG_DISCONT), *expected.pts == 0);
        GstMapInfo map;
        EXPECT_FALSE(gst_memory_map(gst_buffer_peek_memory(buffer, 0), &map, GST_MAP_WRITE));
    }
    EXPECT_EQ(reader.stat("src", "received"), 30u);
}

struct Begin {
    const char* options;
    int first; ///< Of 50 packets of 40 ms, every tenth a keyframe.
};

class PacketSourceStarts : public PacketSource, public testing::WithParamInterface<Begin> {};

TEST_P(PacketSourceStarts, BeginWithTheKeyframe) {
    PacketCamera camera("packets", plain_packets(70, 10));
    camera.publish_past(48);
    Pipeline reader(reader_line(GetParam().options));
    reader.play();
    reader.wait_for_publisher("attached");
    // Those that begin with what is there have it before anything else comes.
    const bool live = GetParam().first >= 48;
    Sample first = live ? Sample() : reader.pull();
    if (live) {
        ASSERT_TRUE(camera.publisher().wait_subscribers(1));
        reader.wait_for_publisher("attached");
    }
    camera.publish(22);
    first = live ? reader.pull() : std::move(first);
    EXPECT_EQ(number_of(first), GetParam().first);
    EXPECT_FALSE(has_flag(first, GST_BUFFER_FLAG_DELTA_UNIT));
    for (int next = GetParam().first + 1; next < 70; ++next) {
        ASSERT_EQ(number_of(reader.pull()), next);
    }
}

// The newest packet is 40 ms old when the last keyframe, number 40, is 320 ms: 400 ms ago is before it.
INSTANTIATE_TEST_SUITE_P(, PacketSourceStarts,
                         testing::Values(Begin{"start=live", 50}, Begin{"start=keyframe", 40},
                                         Begin{"start=preroll preroll=1000", 20}, Begin{"start=preroll preroll=0", 50},
                                         Begin{"start=preroll preroll=60000", 0}, Begin{"start=time", 0}),
                         [](const auto& one) {
                             std::string name = one.param.options;
                             std::replace_if(name.begin(), name.end(), [](char c) { return !g_ascii_isalnum(c); }, '_');
                             return name;
                         });

// Who asks for the past wants to have it; who asks for a keyframe wants a picture.
TEST_F(PacketSource, ThePastIsThereForWhatItWasAskedFor) {
    PacketCamera camera("packets", plain_packets(1000, 10));
    camera.publish_past(45);
    camera.run();
    const auto first_in_segment = [](const std::string& start) {
        Pipeline reader("cuframessrc key=packets " + start + " ! appsink name=out sync=false");
        reader.play();
        return number_of(reader.pull());
    };
    EXPECT_EQ(first_in_segment("start=time"), 0);
    EXPECT_EQ(first_in_segment("start=preroll preroll=60000"), 0);
    EXPECT_EQ(first_in_segment("start=time join=record"), 0);
    EXPECT_EQ(first_in_segment("start=keyframe join=record") % 10, 0);
    EXPECT_GE(first_in_segment("start=time join=display"), 45);
    EXPECT_GE(first_in_segment("start=keyframe"), 45);
}

// A camera with a keyframe every ten seconds looks dead for as long.
TEST_F(PacketSource, ALongWaitForAKeyframeIsTold) {
    PacketCamera camera("packets", plain_packets(20, 10));
    camera.publish_past(5);
    Pipeline reader(reader_line());
    reader.play();
    ASSERT_TRUE(camera.publisher().wait_subscribers(1));
    camera.publish(4);
    const BusNews news = reader.wait_for(GST_MESSAGE_INFO);
    EXPECT_EQ(news.kind, BusNews::info);
    EXPECT_NE(news.text.find("waits for the next keyframe"), std::string::npos) << news.text;
    camera.publish(11);
    EXPECT_EQ(number_of(reader.pull()), 10);
}

TEST_F(PacketSource, StartTimeIsTheTimeOfAFrame) {
    PacketCamera camera("packets", plain_packets(50, 10));
    camera.publish_past(50);
    const int64_t of_number_25 = camera.begin() + 25 * 40'000'000LL;
    Pipeline reader(reader_line("start=time start-time=" + std::to_string(of_number_25)));
    reader.play();
    EXPECT_EQ(number_of(reader.pull()), 20);
}

TEST_F(PacketSource, APastThatIsShorterThanAskedForIsTold) {
    PacketCamera camera("packets", plain_packets(50, 10));
    camera.publish_past(50);
    Pipeline reader(reader_line("start=preroll preroll=10000"));
    reader.play();
    EXPECT_EQ(number_of(reader.pull()), 0);
    for (;;) {
        const BusNews news = reader.wait_for(GST_MESSAGE_ELEMENT);
        ASSERT_EQ(news.kind, BusNews::element) << "nobody said so";
        if (!gst_structure_has_name(news.structure.get(), "cuframes-preroll")) {
            continue;
        }
        EXPECT_EQ(number_in(news.structure.get(), "asked"), 10000u);
        const uint64_t given = number_in(news.structure.get(), "given");
        EXPECT_GE(given, 2000u);
        EXPECT_LT(given, 10000u);
        EXPECT_EQ(reader.stat("src", "preroll-given"), given);
        guint read = 0;
        g_object_get(reader.element("src"), "preroll-given", &read, nullptr);
        EXPECT_EQ(read, given);
        break;
    }
}

TEST_F(PacketSource, WhatIsThereIsNotToldAsShorter) {
    PacketCamera camera("packets", plain_packets(50, 10));
    camera.publish_past(50);
    Pipeline reader(reader_line("start=preroll preroll=1000"));
    reader.play();
    EXPECT_EQ(number_of(reader.pull()), 20);
    EXPECT_GE(reader.stat("src", "preroll-given"), 1000u);
    reader.set_state(GST_STATE_PAUSED); // With its messages read, whatever there are.
    while (true) {
        const BusNews news = reader.wait_for(GST_MESSAGE_ELEMENT, milliseconds(1));
        if (news.kind == BusNews::nothing) {
            break;
        }
        EXPECT_FALSE(gst_structure_has_name(news.structure.get(), "cuframes-preroll"));
    }
}

TEST_F(PacketSource, APrerollThatIsNotBegunWithIsWarnedOf) {
    Pipeline reader(reader_line("preroll=1000"));
    reader.play();
    EXPECT_NE(reader.wait_for(GST_MESSAGE_WARNING).text.find("without start=preroll"), std::string::npos);
}

TEST_F(PacketSource, CapsThatChangeInThePastComeWithTheirPackets) {
    std::vector<EncodedPacket> sent = plain_packets(60, 10);
    for (unsigned i = 20; i < 40; ++i) {
        sent[i].caps = "application/x-other,codec_data=(buffer)0a0b";
    }
    PacketCamera camera("packets", sent);
    camera.publish_past(60);
    Pipeline reader(reader_line("start=time"));
    reader.play();
    for (const EncodedPacket& expected : sent) {
        const Sample sample = reader.pull();
        ASSERT_TRUE(sample);
        ASSERT_EQ(bytes_of(sample), expected.bytes);
        GstCaps* caps = gst_caps_from_string(expected.caps.c_str());
        EXPECT_TRUE(gst_caps_is_equal(gst_sample_get_caps(sample.get()), caps)) << expected.bytes;
        gst_caps_unref(caps);
    }
}

TEST_F(PacketSource, OfAPublisherThatEndedAreReadToTheirEnd) {
    PacketCamera camera("packets", plain_packets(20, 10));
    camera.publish_past(20);
    Pipeline reader(reader_line("start=keyframe"));
    reader.play();
    EXPECT_EQ(number_of(reader.pull()), 10);
    camera.end();
    for (int next = 11; next < 20; ++next) {
        EXPECT_EQ(number_of(reader.pull()), next);
    }
    EXPECT_FALSE(reader.pull());
    EXPECT_EQ(reader.wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
}

TEST_F(PacketSource, OnGoneEosEndsTheStream) {
    auto camera = std::make_unique<PacketCamera>("packets", plain_packets(20, 10));
    camera->publish_past(20);
    Pipeline reader(reader_line("start=keyframe on-gone=eos"));
    reader.play();
    EXPECT_EQ(number_of(reader.pull()), 10);
    camera.reset();
    while (reader.pull()) {
        continue;
    }
    EXPECT_EQ(reader.wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
}

TEST_F(PacketSource, OfTheNextPublisherGoOnInTime) {
    auto camera = std::make_unique<PacketCamera>("packets", plain_packets(20, 10));
    camera->publish_past(20);
    const int64_t first_begin = camera->begin();
    Pipeline reader(reader_line("start=keyframe"));
    reader.play();
    for (int next = 10; next < 20; ++next) {
        ASSERT_EQ(number_of(reader.pull()), next);
    }
    camera.reset();
    reader.wait_for_publisher("gone");
    camera = std::make_unique<PacketCamera>("packets", plain_packets(5, 5));
    camera->publish_past(5);
    const Sample sample = reader.pull();
    ASSERT_EQ(number_of(sample), 0);
    EXPECT_TRUE(has_flag(sample, GST_BUFFER_FLAG_DISCONT));
    const auto since_first = static_cast<guint64>(camera->begin() - (first_begin + 10 * 40'000'000LL));
    EXPECT_EQ(gst_segment_to_running_time(gst_sample_get_segment(sample.get()), GST_FORMAT_TIME,
                                          GST_BUFFER_PTS(gst_sample_get_buffer(sample.get()))),
              since_first);
    EXPECT_EQ(reader.stat("src", "reconnects"), 1u);
}

class PacketSourceModes : public PacketSource, public testing::WithParamInterface<const char*> {};

// A reader that is held up for longer than packets are kept is told of each that it lost, and goes on with a keyframe.
TEST_P(PacketSourceModes, CountWhatLeftTheLogAndGoOnWithAKeyframe) {
    cuframes_publisher_options options = publisher_options("packets");
    options.content = CUFRAMES_CONTENT_PACKETS;
    options.max_time = 1'000'000'000;
    PacketCamera camera(options, plain_packets(200, 10));
    camera.publish_past(10);
    Pipeline reader("cuframessrc name=src key=packets start=time join=record mode=" + std::string(GetParam()) +
                    " ! appsink name=out sync=false max-buffers=1");
    reader.play();
    ASSERT_EQ(number_of(reader.pull()), 0);
    camera.publish(190);
    int number = 0, missing = 0, gaps = 0;
    while (number < 199) {
        const Sample sample = reader.pull();
        const int next = number_of(sample);
        ASSERT_GT(next, number);
        if (next > number + 1) {
            ++gaps;
            missing += next - number - 1;
            EXPECT_EQ(next % 10, 0) << "that is no keyframe";
            EXPECT_TRUE(has_flag(sample, GST_BUFFER_FLAG_DISCONT));
        }
        number = next;
    }
    EXPECT_GE(gaps, 1);
    EXPECT_EQ(reader.stat("src", "lost") + reader.stat("src", "skipped"), static_cast<uint64_t>(missing));
}

INSTANTIATE_TEST_SUITE_P(, PacketSourceModes, testing::Values("newest", "strict"),
                         [](const auto& one) { return std::string(one.param); });

Publisher frames_of(const std::string& key) {
    auto publisher = Publisher::create(publisher_options(key.c_str()));
    EXPECT_TRUE(publisher);
    const cuframes_geometry geometry = make_geometry("NV12", 64, 48, 64, 0);
    EXPECT_TRUE(publisher->configure(ring_config(CUFRAMES_MEMORY_HOST, &geometry)));
    return std::move(*publisher);
}

void publish_frame(Publisher& publisher) {
    auto slot = publisher.acquire();
    EXPECT_TRUE(slot && slot->publish(frame_info(static_cast<uint64_t>(monotonic_now()))));
}

// Of two cameras in one recording one comes late, and its keyframe is older than the recording.
TEST_F(PacketSource, ThatNeedAKeyframeFromBeforeTheRecordingAreLeftOut) {
    const int64_t begin = monotonic_now() - 4'000'000'000;
    PacketCamera first("packets", plain_packets(50, 10));
    first.publish_past(50, begin);
    Pipeline recorder(reader_line("start=time") + " cuframessrc name=late key=late start=time join=record ! "
                                                  "appsink name=late-out sync=false async=false");
    recorder.play();
    ASSERT_EQ(number_of(recorder.pull()), 0);
    PacketCamera late("late", plain_packets(50, 20));
    late.publish_past(50, begin - 5 * 40'000'000LL);
    const Sample sample = recorder.pull("late-out");
    EXPECT_EQ(number_of(sample), 20) << "the first keyframe in the recording";
    EXPECT_TRUE(has_flag(sample, GST_BUFFER_FLAG_DISCONT));
    for (int next = 21; next < 50; ++next) {
        ASSERT_EQ(number_of(recorder.pull("late-out")), next);
    }
    EXPECT_EQ(recorder.stat("late", "early"), 20u);
}

// One reader, whatever the publisher brings: packets, then frames, then packets again.
TEST_F(PacketSource, AndFramesAreTakenAsTheyCome) {
    Pipeline reader(reader_line("start=keyframe"));
    reader.play();
    reader.wait_for_publisher("waiting");
    int64_t begin = monotonic_now() - 10'000'000'000;
    for (const char* round : {"first", "second"}) {
        {
            PacketCamera camera("packets", plain_packets(20, 10));
            ASSERT_TRUE(camera.publisher().wait_subscribers(1)) << "or it begins somewhere among the packets";
            camera.publish_past(20, begin);
            begin += 1'000'000'000; // None is from before the first one of the round before.
            const Sample packet = reader.pull();
            ASSERT_TRUE(packet) << round;
            EXPECT_EQ(number_of(packet), 0) << round;
            EXPECT_EQ(caps_name(packet), "application/x-test");
            EXPECT_TRUE(has_flag(packet, GST_BUFFER_FLAG_DISCONT));
            EXPECT_TRUE(eventually([&] { return number_of(reader.pull()) == 19; }));
        }
        Publisher frames = frames_of("packets");
        publish_frame(frames);
        const Sample frame = reader.pull();
        ASSERT_TRUE(frame) << round;
        EXPECT_EQ(caps_name(frame), "video/x-raw");
    }
}

TEST_F(PacketSource, ThatTheNextElementDoesNotTakeAreAnErrorThatNamesThem) {
    PacketCamera camera("packets", plain_packets(20, 10, "application/x-test,number=(int)7,codec_data=(buffer)0a0b0c"));
    camera.publish_past(20);
    Pipeline reader("cuframessrc key=packets start=keyframe ! videoconvert ! fakesink");
    reader.play();
    const BusNews news = reader.wait_for(GST_MESSAGE_ERROR);
    EXPECT_EQ(news.kind, BusNews::error);
    EXPECT_NE(news.text.find("application/x-test"), std::string::npos) << news.text;
    EXPECT_NE(news.text.find("number=(int)7"), std::string::npos) << news.text;
    EXPECT_NE(news.text.find("parser or decoder"), std::string::npos) << news.text;
    EXPECT_NE(news.text.find("application/x-test by itself before a muxer"), std::string::npos) << news.text;
    EXPECT_EQ(news.text.find("0a0b0c"), std::string::npos) << "what only a decoder reads: " << news.text;
}

// As a publisher in another language would give them at first.
TEST_F(PacketSource, WithTimesFromZeroOnKeepTheirDistancesAndAreWarnedOf) {
    PacketCamera camera("packets", plain_packets(20, 10));
    camera.publish_past(20, 0);
    Pipeline reader(reader_line("start=time"));
    reader.play();
    for (unsigned i = 0; i < 20; ++i) {
        const Sample sample = reader.pull();
        ASSERT_EQ(number_of(sample), static_cast<int>(i));
        EXPECT_EQ(gst_segment_to_running_time(gst_sample_get_segment(sample.get()), GST_FORMAT_TIME,
                                              GST_BUFFER_PTS(gst_sample_get_buffer(sample.get()))),
                  i * 40'000'000ULL);
    }
    const BusNews news = reader.wait_for(GST_MESSAGE_WARNING);
    EXPECT_NE(news.text.find("CLOCK_MONOTONIC"), std::string::npos) << news.text;
}

// A publisher may tell any latency: none makes times of now seem far from now.
TEST_F(PacketSource, OfALatencyBeyondAllReasonKeepTheirTimes) {
    PacketCamera camera("packets", plain_packets(20, 10));
    ASSERT_TRUE(camera.publisher().set_latency(uint64_t{1} << 63));
    camera.publish_at(monotonic_now());
    Pipeline reader(reader_line("start=keyframe"));
    reader.play();
    ASSERT_EQ(number_of(reader.pull()), 0);
    const BusNews news = reader.wait_for(GST_MESSAGE_WARNING, milliseconds(300));
    EXPECT_EQ(news.text, "");
}

TEST_F(PacketSource, SeeksAreRefused) {
    PacketCamera camera("packets", plain_packets(20, 10));
    camera.publish_past(20);
    Pipeline reader(reader_line("start=keyframe"));
    reader.play();
    ASSERT_TRUE(reader.pull());
    EXPECT_FALSE(gst_element_seek_simple(reader.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
    EXPECT_EQ(number_of(reader.pull()), 11);
}

// With nothing lost or twice, in running time that begins anew.
TEST_F(PacketSource, GoOnAfterAFlush) {
    PacketCamera camera("packets", plain_packets(30, 10));
    camera.publish_past(20);
    Pipeline reader(reader_line("start=time"));
    reader.play();
    for (int next = 0; next < 20; ++next) {
        ASSERT_EQ(number_of(reader.pull()), next);
    }
    // To the pipeline, as applications do. Sent to an element of a pipeline that is about to play, the end of a flush locks
    // the element's state and then the pipeline's, while the pipeline locks them the other way round: GStreamer's own
    // sources stand still then, too.
    EXPECT_TRUE(gst_element_send_event(reader.get(), gst_event_new_flush_start()));
    EXPECT_TRUE(gst_element_send_event(reader.get(), gst_event_new_flush_stop(TRUE)));
    camera.publish(10);
    for (int next = 20; next < 30; ++next) {
        const Sample sample = reader.pull();
        ASSERT_EQ(number_of(sample), next);
        EXPECT_EQ(gst_segment_to_running_time(gst_sample_get_segment(sample.get()), GST_FORMAT_TIME,
                                              GST_BUFFER_PTS(gst_sample_get_buffer(sample.get()))),
                  static_cast<guint64>(next - 20) * 40'000'000);
    }
}

TEST_F(PacketSource, StopWhileNoneComes) {
    PacketCamera camera("packets", plain_packets(20, 10));
    camera.publish_past(20);
    Pipeline reader(reader_line());
    for (int round = 0; round < 3; ++round) {
        reader.play();
        ASSERT_TRUE(camera.publisher().wait_subscribers(1));
        reader.set_state(GST_STATE_NULL);
        EXPECT_TRUE(reader.settled(GST_STATE_NULL));
    }
}

TEST_F(PacketSource, AreSetByAUri) {
    PacketCamera camera("packets", plain_packets(50, 10));
    camera.publish_past(50);
    GError* error = nullptr;
    GstElement* src = gst_element_make_from_uri(
        GST_URI_SRC, "cuframes://packets?start=preroll&preroll=1000&join=record", "src", &error);
    ASSERT_TRUE(src) << error->message;
    gst_object_ref_sink(src);
    guint preroll = 0;
    gint start = 0;
    g_object_get(src, "preroll", &preroll, "start", &start, nullptr);
    GValue join = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(src), "join", &join);
    gchar* word = gst_value_serialize(&join);
    EXPECT_EQ(preroll, 1000u);
    EXPECT_EQ(start, CUFRAMES_START_PREROLL);
    EXPECT_STREQ(word, "record");
    g_free(word);
    g_value_unset(&join);
    gst_object_unref(src);
}

} // namespace
} // namespace cuframes::test
