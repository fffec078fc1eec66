// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a recording has every packet from the keyframe on with which it was to begin, plays from 0 on, lasts as long as
// what is in it, and has picture and sound in sync.
#include "encoded.h"
#include "fixture.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <ostream>

namespace cuframes::test {
namespace {

constexpr int rate = 25;
constexpr int64_t interval = 1'000'000'000 / rate;
constexpr const char* with_b_frames =
    "x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=50 rc-lookahead=0 ! h264parse";
constexpr const char* without_b_frames = "x264enc speed-preset=ultrafast tune=zerolatency key-int-max=50 ! h264parse";

/// What a demuxer finds in a file.
struct Found {
    struct Packet {
        std::string bytes;
        int64_t pts = -1; ///< Running times.
        std::optional<int64_t> dts;
    };
    std::vector<Packet> packets;
    int64_t duration = 0;
};

int64_t signed_running_time(GstSample* sample, GstClockTime time) {
    guint64 distance = 0;
    const gint sign =
        gst_segment_to_running_time_full(gst_sample_get_segment(sample), GST_FORMAT_TIME, time, &distance);
    return sign * static_cast<int64_t>(distance);
}

Found demux(const std::filesystem::path& file, const std::string& demuxer) {
    Pipeline pipeline("filesrc location=" + file.string() + " ! " + demuxer + " ! appsink name=out sync=false");
    pipeline.play();
    Found found;
    while (const Sample sample = pipeline.pull()) {
        GstBuffer* buffer = gst_sample_get_buffer(sample.get());
        Found::Packet packet;
        gpointer data = nullptr;
        gsize size = 0;
        gst_buffer_extract_dup(buffer, 0, G_MAXSIZE, &data, &size);
        packet.bytes.assign(static_cast<const char*>(data), size);
        g_free(data);
        packet.pts = signed_running_time(sample.get(), GST_BUFFER_PTS(buffer));
        if (GST_BUFFER_DTS_IS_VALID(buffer)) {
            packet.dts = signed_running_time(sample.get(), GST_BUFFER_DTS(buffer));
        }
        found.packets.push_back(std::move(packet));
    }
    gst_element_query_duration(pipeline.get(), GST_FORMAT_TIME, &found.duration);
    return found;
}

/// The numbers of the pictures in a file, and when they are to be shown.
std::map<int64_t, unsigned> pictures_in(const std::filesystem::path& file, const std::string& demuxer) {
    Pipeline pipeline("filesrc location=" + file.string() + " ! " + demuxer +
                      " ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=GRAY8 ! "
                      "appsink name=out sync=false");
    pipeline.play();
    std::map<int64_t, unsigned> pictures;
    while (const Sample sample = pipeline.pull()) {
        pictures[signed_running_time(sample.get(), GST_BUFFER_PTS(gst_sample_get_buffer(sample.get())))] =
            number_in_picture(sample.get());
    }
    return pictures;
}

struct Container {
    const char* name;
    const char* muxer;
    const char* demuxer;
    int64_t precision; ///< Of its times, in ns.
    bool tells_duration = true;
    /// GStreamer's own files of fragments with reordered pictures, too, are shifted by as many, and its demuxer leaves
    /// those out that so lie beyond the end.
    unsigned shifted_by = 0;
};

std::ostream& operator<<(std::ostream& out, const Container& container) { return out << container.name; }

const Container containers[] = {
    {"mp4", "mp4mux", "qtdemux", 100'000},
    {"mp4_fragmented", "mp4mux fragment-duration=500", "qtdemux", 100'000, true, 2},
    {"matroska", "matroskamux", "matroskademux", 1'000'000},
    {"mpegts", "mpegtsmux", "tsdemux", 100'000, false},
};

class PacketRecording : public GstTest {
protected:
    void SetUp() override {
        for (const char* element : {"x264enc", "h264parse", "avdec_h264"}) {
            if (!have_element(element)) {
                GTEST_SKIP() << element << " is not installed";
            }
        }
    }

    std::filesystem::path file(const std::string& name) const { return directory.path() / name; }

    /// Pictures `first` to `last` are at their time from 0 on, and nothing else is there.
    static void expect_pictures(const std::map<int64_t, unsigned>& pictures, unsigned first, unsigned last,
                                int64_t precision) {
        ASSERT_EQ(pictures.size(), last - first + 1);
        const int64_t begin = pictures.begin()->first;
        unsigned expected = first;
        for (const auto& [time, number] : pictures) {
            ASSERT_EQ(number, expected);
            EXPECT_NEAR(static_cast<double>(time - begin), static_cast<double>((expected - first) * interval),
                        static_cast<double>(precision))
                << number;
            ++expected;
        }
    }
};

class PacketRecordingTo : public PacketRecording, public testing::WithParamInterface<std::tuple<Container, bool>> {};

// The past and what comes while it records, to the end of the stream.
TEST_P(PacketRecordingTo, HasEveryPacketFromTheKeyframeOnAndPlaysFromZero) {
    const auto& [container, b_frames] = GetParam();
    PacketCamera camera("record", encode(b_frames ? with_b_frames : without_b_frames, 160));
    camera.publish_past(140);
    const auto path = file("event");
    // 2 s ago was picture 90 or so, in the group of pictures that begins with 50.
    Pipeline recorder("cuframessrc name=src key=record start=preroll preroll=2000 join=record ! h264parse ! " +
                      std::string(container.muxer) + " ! filesink location=" + path.string());
    recorder.play();
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") >= 90; }));
    camera.publish(20);
    camera.end();
    ASSERT_EQ(recorder.wait_for(GST_MESSAGE_EOS).text, "");
    EXPECT_EQ(recorder.stat("src", "received"), 110u);
    EXPECT_EQ(recorder.stat("src", "early"), 0u);

    const Found found = demux(path, container.demuxer);
    const unsigned shift = b_frames ? container.shifted_by : 0;
    ASSERT_EQ(found.packets.size(), 110u - shift);
    std::optional<int64_t> before;
    int64_t first = INT64_MAX;
    for (const Found::Packet& packet : found.packets) {
        EXPECT_TRUE(!before || !packet.dts || *packet.dts > *before) << "decoding times do not rise";
        before = packet.dts ? packet.dts : before;
        first = std::min(first, packet.pts);
    }
    EXPECT_NEAR(static_cast<double>(first), static_cast<double>(shift * interval),
                static_cast<double>(container.precision));
    if (container.tells_duration) {
        EXPECT_NEAR(static_cast<double>(found.duration), 110.0 * interval, 3.0 * interval);
    }
    expect_pictures(pictures_in(path, container.demuxer), 50, 159 - shift, container.precision);
}

INSTANTIATE_TEST_SUITE_P(, PacketRecordingTo, testing::Combine(testing::ValuesIn(containers), testing::Bool()),
                         [](const auto& one) {
                             return std::string(std::get<0>(one.param).name) +
                                    (std::get<1>(one.param) ? "_with_B_frames" : "");
                         });

TEST_F(PacketRecording, IsSplitIntoFilesThatPlayOneAfterTheOther) {
    PacketCamera camera("record", encode(without_b_frames, 200));
    camera.publish_past(200);
    Pipeline recorder("cuframessrc name=src key=record start=time join=record ! h264parse ! "
                      "splitmuxsink max-size-time=2000000000 location=" +
                      file("part%d.mp4").string());
    recorder.play();
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") == 200; }));
    camera.end();
    ASSERT_EQ(recorder.wait_for(GST_MESSAGE_EOS).text, "");
    for (unsigned part = 0; part < 4; ++part) {
        expect_pictures(pictures_in(file("part" + std::to_string(part) + ".mp4"), "qtdemux"), part * 50, part * 50 + 49,
                        100'000);
    }
}

TEST_F(PacketRecording, GoesOnInTimeWithTheNextPublisher) {
    auto camera = std::make_unique<PacketCamera>("record", encode(without_b_frames, 50));
    camera->publish_past(50);
    const int64_t begin = camera->begin();
    const auto path = file("event.mp4");
    Pipeline recorder("cuframessrc name=src key=record start=keyframe join=record ! h264parse ! mp4mux ! "
                      "filesink location=" +
                      path.string());
    recorder.play();
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") == 50; }));
    camera.reset();
    recorder.wait_for_publisher("gone");
    camera = std::make_unique<PacketCamera>("record", encode(without_b_frames, 50, rate, 1000));
    camera->publish_past(50, begin + 7'000'000'000);
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") == 100; }));
    camera->end();
    ASSERT_EQ(recorder.wait_for(GST_MESSAGE_EOS).text, "");
    const std::map<int64_t, unsigned> pictures = pictures_in(path, "qtdemux");
    ASSERT_EQ(pictures.size(), 100u);
    for (const auto& [time, number] : pictures) {
        const int64_t captured =
            number < 1000 ? number * interval : 7'000'000'000 + static_cast<int64_t>(number - 1000) * interval;
        EXPECT_NEAR(static_cast<double>(time), static_cast<double>(captured), 1e5) << number;
    }
}

TEST_F(PacketRecording, OfTwentyAtOnceIsTheSame) {
    PacketCamera camera("record", encode(without_b_frames, 150));
    camera.publish_past(150);
    std::vector<std::unique_ptr<Pipeline>> recorders;
    for (int i = 0; i < 20; ++i) {
        recorders.push_back(std::make_unique<Pipeline>(
            "cuframessrc name=src key=record start=preroll preroll=5000 join=record ! h264parse ! matroskamux ! "
            "filesink location=" +
            file("event" + std::to_string(i)).string()));
        recorders.back()->play();
    }
    for (const auto& recorder : recorders) {
        ASSERT_TRUE(eventually([&] { return recorder->stat("src", "received") == 150; }));
    }
    camera.end();
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(recorders[static_cast<size_t>(i)]->wait_for(GST_MESSAGE_EOS).text, "");
        const Found found = demux(file("event" + std::to_string(i)), "matroskademux");
        ASSERT_EQ(found.packets.size(), 150u) << i;
        for (size_t at = 0; at < 150; ++at) {
            ASSERT_NEAR(static_cast<double>(found.packets[at].pts), static_cast<double>(at) * interval, 1e6) << i;
        }
    }
}

// What is recorded while the pipeline is paused is not lost, and nothing is twice.
TEST_F(PacketRecording, ThatIsPausedMissesNothing) {
    PacketCamera camera("record", encode(without_b_frames, 100));
    camera.publish_past(50);
    const auto path = file("event.mp4");
    Pipeline recorder("cuframessrc name=src key=record start=keyframe join=record ! h264parse ! mp4mux ! "
                      "filesink async=false location=" +
                      path.string());
    recorder.play();
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") == 50; }));
    recorder.set_state(GST_STATE_PAUSED);
    camera.publish(40);
    recorder.play();
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") == 90; }));
    camera.publish(10);
    camera.end();
    ASSERT_EQ(recorder.wait_for(GST_MESSAGE_EOS).text, "");
    expect_pictures(pictures_in(path, "qtdemux"), 0, 99, 100'000);
}

// Killed in the midst of it: a fragmented file plays up to there.
TEST_F(PacketRecording, OfAPublisherThatDiesIsPlayableToItsEnd) {
    auto camera = std::make_unique<PacketCamera>("record", encode(without_b_frames, 120));
    camera->publish_past(120);
    const auto path = file("event.mp4");
    Pipeline recorder("cuframessrc name=src key=record start=time join=record on-gone=eos ! h264parse ! "
                      "mp4mux fragment-duration=500 ! filesink location=" +
                      path.string());
    recorder.play();
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") == 120; }));
    camera.reset();
    ASSERT_EQ(recorder.wait_for(GST_MESSAGE_EOS).text, "");
    expect_pictures(pictures_in(path, "qtdemux"), 0, 119, 100'000);
}

class PacketRecordingSound : public PacketRecording {
protected:
    static constexpr int64_t sound_step = 20'000'000;

    /// Picture and sound of one file, by when they were captured: how far apart in ns at the most.
    double worst_of_sync(const std::filesystem::path& path, const PacketCamera& video,
                         const PacketCamera& sound) const {
        const std::map<int64_t, unsigned> pictures = pictures_in(
            path, "matroskademux name=d d.video_0 ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0");
        const Found found =
            demux(path, "matroskademux name=d d.audio_0 ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0");
        EXPECT_FALSE(pictures.empty());
        EXPECT_FALSE(found.packets.empty());
        // What each says that the file's 0 was.
        double earliest = 1e300, latest = -1e300;
        const auto note = [&](int64_t captured, int64_t time) {
            earliest = std::min(earliest, static_cast<double>(captured - time));
            latest = std::max(latest, static_cast<double>(captured - time));
        };
        for (const auto& [time, number] : pictures) {
            note(video.begin() + number * interval, time);
        }
        for (const Found::Packet& packet : found.packets) {
            int16_t number = 0;
            std::memcpy(&number, packet.bytes.data(), sizeof number);
            note(sound.begin() + number * sound_step, packet.pts);
        }
        return latest - earliest;
    }
};

// The keyframe lies 18 s back, the sound begins 10 s back.
TEST_F(PacketRecordingSound, IsInSyncWithPicturesThatBeginEarlier) {
    PacketCamera video("record",
                       encode("x264enc speed-preset=ultrafast tune=zerolatency key-int-max=500 ! h264parse", 475));
    PacketCamera sound("sound", numbered_sound(950));
    const int64_t begin = monotonic_now() - 18'000'000'000;
    video.publish_past(450, begin);
    sound.publish_past(900, begin + 7'000'000);
    const auto path = file("event.mkv");
    Pipeline recorder(
        "cuframessrc name=src key=record start=preroll preroll=10000 join=record ! h264parse ! queue ! mux. "
        "cuframessrc name=sound key=sound start=preroll preroll=10000 join=record ! audio/x-raw ! queue ! mux. "
        "matroskamux name=mux ! filesink location=" +
        path.string());
    recorder.play();
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") == 450; }));
    EXPECT_GE(recorder.stat("src", "preroll-given"), 18000u);
    video.publish(25);
    sound.publish(50);
    video.end();
    sound.end();
    ASSERT_EQ(recorder.wait_for(GST_MESSAGE_EOS).text, "");
    EXPECT_LT(worst_of_sync(path, video, sound), 20e6);
    const Found pictures = demux(path, "matroskademux name=d d.video_0 ! queue");
    EXPECT_EQ(pictures.packets.size(), 475u);
    EXPECT_EQ(pictures.packets.front().pts, 0);
    const Found heard = demux(path, "matroskademux name=d d.audio_0 ! queue");
    EXPECT_NEAR(static_cast<double>(heard.packets.front().pts), 8e9, 1e9);
    EXPECT_EQ(recorder.stat("src", "early") + recorder.stat("sound", "early"), 0u);
}

// The other way round, and one of them has nothing to give for longer than the others wait: it is late, and in sync.
TEST_F(PacketRecordingSound, ThatComesLateIsInSyncAndWhatIsOlderIsLeftOut) {
    PacketCamera video("record", encode(without_b_frames, 100));
    const int64_t begin = monotonic_now() - 4'000'000'000;
    video.publish_past(100, begin);
    const auto path = file("event.mkv");
    Pipeline recorder("cuframessrc name=src key=record start=preroll preroll=2000 join=record ! h264parse ! "
                      "queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux. "
                      "cuframessrc name=sound key=sound start=time join=record ! audio/x-raw ! queue ! mux. "
                      "matroskamux name=mux ! filesink location=" +
                      path.string());
    recorder.play();
    ASSERT_TRUE(eventually([&] { return recorder.stat("src", "received") > 1; }));
    PacketCamera sound("sound", numbered_sound(250));
    sound.publish_past(250, begin - 1'000'000'000);
    ASSERT_TRUE(eventually([&] { return recorder.stat("sound", "received") == 250; }));
    // It begins with picture 50, after 2 s of the camera and 3 s of the sound.
    EXPECT_EQ(recorder.stat("sound", "early"), 150u);
    video.end();
    sound.end();
    ASSERT_EQ(recorder.wait_for(GST_MESSAGE_EOS).text, "");
    EXPECT_LT(worst_of_sync(path, video, sound), 20e6);
}

// A sink that shows what is recorded shows the past at its pace: whoever replays needs no file.
TEST_F(PacketRecording, ThatIsShownIsAReplay) {
    PacketCamera camera("record", encode(without_b_frames, 100));
    camera.publish_past(100);
    Pipeline replay("cuframessrc name=src key=record start=preroll preroll=1000 join=record ! h264parse ! avdec_h264 ! "
                    "videoconvert ! video/x-raw,format=GRAY8 ! appsink name=out sync=true");
    replay.play();
    for (unsigned i = 0; i < 20; ++i) {
        const Sample sample = replay.pull();
        const int64_t now = monotonic_now();
        ASSERT_TRUE(sample);
        EXPECT_EQ(number_in_picture(sample.get()), 50 + i);
        EXPECT_GE(now - static_cast<int64_t>(gst_element_get_base_time(replay.get())), i * interval);
    }
}

} // namespace
} // namespace cuframes::test
