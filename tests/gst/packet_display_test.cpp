// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: who joins a camera to show it has a picture at once, that of the moment, and then each at its time: none from
// before, and none faster than it was captured.
#include "encoded.h"
#include "fixture.h"
#include "packets.h"

#include <gst/app/gstappsink.h>

#include <algorithm>
#include <functional>
#include <ostream>

namespace cuframes::test {
namespace {

constexpr int rate = 25;
constexpr int64_t interval = 1'000'000'000 / rate;
/// Decoding the past takes a while on a busy machine.
constexpr int64_t at_once = 2'000'000'000;

struct Codec {
    const char* name;
    const char* encoder; ///< One keyframe in ten seconds.
    const char* decoder;
    /// Pictures that the decoder has taken and shows only when more come.
    int held_back = 0;
};

std::ostream& operator<<(std::ostream& out, const Codec& codec) { return out << codec.name; }

const Codec codecs[] = {
    {"H264", "x264enc speed-preset=ultrafast tune=zerolatency key-int-max=250 ! video/x-h264,stream-format=byte-stream",
     "h264parse ! avdec_h264"},
    {"H264_avc", "x264enc speed-preset=ultrafast tune=zerolatency key-int-max=250 ! video/x-h264,stream-format=avc",
     "avdec_h264"},
    {"H264_B_frames",
     "x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=250 rc-lookahead=0 ! h264parse",
     "h264parse ! avdec_h264", 4},
    {"H265", "x265enc speed-preset=ultrafast tune=zerolatency key-int-max=250 ! h265parse", "h265parse ! avdec_h265"},
    {"H265_B_frames",
     "x265enc speed-preset=ultrafast key-int-max=250 option-string=bframes=2:b-adapt=0:open-gop=0 ! h265parse",
     "h265parse ! avdec_h265", 6},
    {"VP8", "vp8enc deadline=1 cpu-used=16 keyframe-max-dist=250", "vp8dec"},
    {"VP9", "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=250 ! vp9parse", "vp9parse ! vp9dec"},
    {"VP9_libav", "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=250 ! vp9parse", "vp9parse ! avdec_vp9"},
    {"AV1", "av1enc usage-profile=realtime cpu-used=9 lag-in-frames=0 keyframe-max-dist=250 ! av1parse",
     "av1parse ! av1dec"},
    {"AV1_dav1d", "av1enc usage-profile=realtime cpu-used=9 lag-in-frames=0 keyframe-max-dist=250 ! av1parse",
     "av1parse ! dav1ddec"},
    {"AV1_hidden_frames", "svtav1enc preset=12 intra-period-length=249 ! av1parse", "av1parse ! av1dec"},
};

/// Whether all elements of a description are installed.
bool can_run(const std::string& description) {
    GError* error = nullptr;
    GstElement* bin = gst_parse_launch_full(("identity ! " + description + " ! fakesink").c_str(), nullptr,
                                            static_cast<GstParseFlags>(GST_PARSE_FLAG_FATAL_ERRORS), &error);
    const bool can = bin && !error;
    g_clear_error(&error);
    if (bin) {
        gst_object_unref(gst_object_ref_sink(bin));
    }
    return can;
}

/// A picture that was shown.
struct Shown {
    unsigned number;
    int64_t captured; ///< As its time says, in CLOCK_MONOTONIC.
    int64_t at;       ///< When that was.
};

class PacketDisplay : public GstTest {
protected:
    static std::string viewer_line(const std::string& decoder, const std::string& options = "start=keyframe") {
        return "cuframessrc name=src key=display " + options + " ! " + decoder +
               " ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=out sync=true";
    }

    static std::optional<Shown> show(Pipeline& viewer, milliseconds limit = default_limit) {
        const Sample sample = viewer.pull("out", limit);
        if (!sample) {
            return {};
        }
        const int64_t now = monotonic_now();
        const GstClockTime running = gst_segment_to_running_time(gst_sample_get_segment(sample.get()), GST_FORMAT_TIME,
                                                                 GST_BUFFER_PTS(gst_sample_get_buffer(sample.get())));
        return Shown{number_in_picture(sample.get()), static_cast<int64_t>(running) + began(viewer), now};
    }

    /// Of the next pictures: whether a wrong one was left out, out of place or damaged.
    static std::string numbers_of(Pipeline& viewer, int count) {
        std::string numbers;
        for (int i = 0; i < count; ++i) {
            const std::optional<Shown> one = show(viewer);
            numbers += one ? " " + std::to_string(one->number) : " none";
        }
        return numbers;
    }

    /// Those that passed and are not what was published. What is shown wrongly where none is was wrongly decoded.
    static std::string differing(const PacketWatch& passed, const std::vector<EncodedPacket>& published) {
        std::string numbers;
        const std::vector<PacketRecord> packets = parse_packets(passed.text());
        for (size_t i = 0; i < packets.size(); ++i) {
            numbers += packets[i].digest == sha1(published.at(i).bytes) ? "" : " " + std::to_string(i);
        }
        return numbers;
    }

    /// When running time 0 was.
    static int64_t began(const Pipeline& viewer) {
        return static_cast<int64_t>(gst_element_get_base_time(viewer.get()));
    }

    /// Of the picture that a window shows while the pipeline does not play yet.
    static std::optional<unsigned> number_in_preroll(Pipeline& viewer) {
        const Sample sample(gst_app_sink_try_pull_preroll(GST_APP_SINK(viewer.element("out")), 10 * GST_SECOND));
        return sample ? std::optional(number_in_picture(sample.get())) : std::nullopt;
    }
};

class PacketDisplayOf : public PacketDisplay, public testing::WithParamInterface<Codec> {};

TEST_P(PacketDisplayOf, HasAPictureAtOnceAndThenEachAtItsTime) {
    const Codec& codec = GetParam();
    if (!can_run(codec.encoder) || !can_run(codec.decoder)) {
        GTEST_SKIP() << "not installed here: " << codec.encoder << " or " << codec.decoder;
    }
    constexpr unsigned past = 190, all = 248, shown = 25;
    PacketCamera camera("display", encode(codec.encoder, all, rate));
    camera.publish_past(past);
    Pipeline viewer(viewer_line(codec.decoder));
    const PacketWatch passed(viewer.element("src"), "src");
    const int64_t start = monotonic_now();
    camera.run();
    viewer.play();
    const std::optional<Shown> first = show(viewer);
    ASSERT_TRUE(first);
    RecordProperty("first_picture_ms", static_cast<int>((first->at - start) / 1'000'000));
    // Ten seconds lie between the keyframes: with the next one it would have come after another two.
    EXPECT_LT(first->at - start, at_once) << "the next keyframe comes later";
    EXPECT_GE(first->captured, start - interval) << "a picture from before the viewer came";
    const unsigned shown_by_end = std::min(all - static_cast<unsigned>(codec.held_back), first->number + shown);
    for (unsigned number = first->number + 1; number < shown_by_end; ++number) {
        const std::optional<Shown> next = show(viewer);
        ASSERT_TRUE(next) << number;
        if (number == first->number + 1 && next->number > number) {
            // Unless the machine held the first one up: then those that it missed are past.
            EXPECT_TRUE(first->at - start > at_once / 4 ||
                        camera.begin() + (next->number - 1) * interval < began(viewer))
                << number << " was left out, up to " << next->number;
            number = next->number;
        }
        ASSERT_EQ(next->number, number) << "the first was " << first->number << ", and then came"
                                        << numbers_of(viewer, 8)
                                        << "; packets that differ:" << differing(passed, camera.packets());
        // What was still shown when the pipeline began is cut to that.
        const int64_t captured = std::max(camera.begin() + number * interval, began(viewer));
        EXPECT_NEAR(static_cast<double>(next->captured - captured), 0, 1e6) << number;
        EXPECT_GE(next->at, next->captured) << "number " << number << " was shown early";
    }
    EXPECT_EQ(differing(passed, camera.packets()), "");
}

INSTANTIATE_TEST_SUITE_P(, PacketDisplayOf, testing::ValuesIn(codecs),
                         [](const auto& one) { return std::string(one.param.name); });

const Codec& h264 = codecs[0];

class PacketDisplayH264 : public PacketDisplay {
protected:
    void SetUp() override {
        if (!can_run(h264.encoder) || !can_run(h264.decoder)) {
            GTEST_SKIP() << "no H.264 encoder or decoder is installed";
        }
    }
};

// A sink holds a picture for as long as the camera's latency, but for the first: that it has at once.
TEST_F(PacketDisplayH264, OfACameraWithALatencyIsAPictureAtOnceToo) {
    constexpr int64_t latency = 1'500'000'000;
    PacketCamera camera("display", encode(h264.encoder, 160));
    camera.publish_past(75, monotonic_now() - 75 * interval - latency);
    ASSERT_TRUE(camera.publisher().set_latency(latency));
    Pipeline viewer(viewer_line(h264.decoder) + " max-buffers=1");
    const int64_t start = monotonic_now();
    camera.run();
    viewer.play();
    const std::optional<unsigned> first = number_in_preroll(viewer);
    ASSERT_TRUE(first);
    EXPECT_LT(monotonic_now() - start, at_once);
    EXPECT_GE(*first, 74u) << "from before the moment";
    EXPECT_EQ(show(viewer)->number, *first);
    std::optional<Shown> next = show(viewer);
    ASSERT_TRUE(next);
    EXPECT_LT(camera.begin() + (next->number - 1) * interval, began(viewer)) << "pictures were left out";
    for (const unsigned second = next->number; next && next->number < second + 10; next = show(viewer)) {
        const int64_t captured = std::max(camera.begin() + next->number * interval, began(viewer));
        EXPECT_NEAR(static_cast<double>(next->captured - captured), 0, 1e6) << next->number;
        EXPECT_GE(next->at, captured + latency) << next->number;
    }
}

// The camera goes on meanwhile, and what it sends then is no picture of the moment either when the decoder comes to it.
TEST_F(PacketDisplayH264, OfADecoderThatTakesLongToCatchUpIsTheMomentToo) {
    PacketCamera camera("display", encode(h264.encoder, 240));
    camera.publish_past(180);
    Pipeline viewer(viewer_line("identity sleep-time=8000 ! " + std::string(h264.decoder)));
    camera.run();
    viewer.play();
    const std::optional<Shown> first = show(viewer);
    ASSERT_TRUE(first);
    // It takes a second and a half, in which the camera makes another 36.
    EXPECT_GE(first->number, 200u) << "what came meanwhile is shown";
}

TEST_F(PacketDisplayH264, WithoutAPastBeginsWithTheNextKeyframe) {
    PacketCamera camera("display",
                        encode("x264enc speed-preset=ultrafast tune=zerolatency key-int-max=20 ! h264parse", 60));
    camera.publish_past(25);
    Pipeline viewer(viewer_line(h264.decoder, "start=live"));
    viewer.play();
    ASSERT_TRUE(camera.publisher().wait_subscribers(1));
    camera.run();
    const std::optional<Shown> first = show(viewer);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->number, 40u);
    EXPECT_EQ(show(viewer)->number, 41u);
    EXPECT_EQ(viewer.stat("src", "preroll-given"), 0u);
}

// What a camera showed last is its picture, however long ago.
TEST_F(PacketDisplayH264, OfACameraThatStandsStillIsItsLastPictureUntilItGoesOn) {
    PacketCamera camera("display", encode(h264.encoder, 60));
    camera.publish_past(40, monotonic_now() - 5'000'000'000);
    Pipeline viewer(viewer_line(h264.decoder));
    viewer.play();
    const std::optional<Shown> last = show(viewer);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->number, 39u);
    EXPECT_EQ(last->captured, began(viewer));
    // It goes on with pictures of now.
    camera.publish_at(monotonic_now());
    const std::optional<Shown> next = show(viewer);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->number, 40u);
    EXPECT_NEAR(static_cast<double>(next->captured - (camera.begin() + 40 * interval)), 0, 1e6);
}

// A machine that is busy for a moment while it shows the first picture.
TEST_F(PacketDisplayH264, OfWhatComesRightAfterTheFirstPictureIsNoneLeftOut) {
    PacketCamera camera("display", encode(h264.encoder, 60));
    camera.publish_past(40, monotonic_now() - 5'000'000'000);
    Pipeline viewer(viewer_line(h264.decoder));
    // The streaming thread is on its way with the last of the past, and two more are there when it comes back.
    std::function<void()> passes = [&, passed = 0]() mutable {
        if (++passed == 40) {
            camera.publish_at(monotonic_now());
            camera.publish(1);
        }
    };
    GstPad* pad = gst_element_get_static_pad(viewer.element("src"), "src");
    gst_pad_add_probe(
        pad, GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad*, GstPadProbeInfo*, gpointer self) {
            (*static_cast<std::function<void()>*>(self))();
            return GST_PAD_PROBE_OK;
        },
        &passes, nullptr);
    gst_object_unref(pad);
    viewer.play();
    for (unsigned number = 39; number < 42; ++number) {
        const std::optional<Shown> one = show(viewer);
        ASSERT_TRUE(one) << number;
        EXPECT_EQ(one->number, number);
    }
}

TEST_F(PacketDisplayH264, GoesOnAfterAPauseWithThePictureOfTheMoment) {
    PacketCamera camera("display", encode(h264.encoder, 200));
    camera.publish_past(50);
    camera.run();
    Pipeline viewer(viewer_line(h264.decoder));
    viewer.play();
    ASSERT_TRUE(show(viewer));
    viewer.set_state(GST_STATE_PAUSED);
    const size_t paused_at = camera.published();
    ASSERT_TRUE(eventually([&] { return camera.published() >= paused_at + 40; }));
    const int64_t resumed = monotonic_now();
    viewer.play();
    ASSERT_TRUE(viewer.settled(GST_STATE_PLAYING));
    std::optional<Shown> next = show(viewer);
    // Those that were on their way to be shown come first.
    while (next && next->number < paused_at + 2) {
        next = show(viewer);
    }
    ASSERT_TRUE(next);
    EXPECT_GE(camera.begin() + next->number * interval, resumed - 2 * interval) << "from before, at full speed";
    for (unsigned number = next->number + 1; number < next->number + 10; ++number) {
        const std::optional<Shown> one = show(viewer);
        ASSERT_TRUE(one);
        EXPECT_EQ(one->number, number);
        EXPECT_GE(one->at, camera.begin() + number * interval);
    }
}

// The next publisher's past is no picture of the moment either.
TEST_F(PacketDisplayH264, OfTheNextPublisherBeginsAtTheMomentToo) {
    std::vector<EncodedPacket> of_the_next = encode(h264.encoder, 100, rate, 1000);
    auto camera = std::make_unique<PacketCamera>("display", encode(h264.encoder, 100));
    camera->publish_past(50);
    Pipeline viewer(viewer_line(h264.decoder) + " max-buffers=1");
    viewer.play();
    ASSERT_TRUE(eventually([&] { return viewer.stat("src", "received") == 50; }));
    // Pictures that nobody takes hold the viewer up until the next publisher has a past.
    camera->publish(6);
    camera.reset();
    camera = std::make_unique<PacketCamera>("display", std::move(of_the_next));
    camera->publish_past(75);
    camera->run();
    std::optional<Shown> next = show(viewer);
    while (next && next->number < 1000) {
        next = show(viewer);
    }
    ASSERT_TRUE(next);
    EXPECT_GE(next->number, 1074u) << "its past is shown";
}

// Pictures that refer to some before the keyframe are there with open GOPs: who begins at it shows none that is not whole.
TEST_F(PacketDisplay, OfOpenGopsIsWhole) {
    for (const auto& [encoder, decoder] :
         {std::pair("x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=25 rc-lookahead=0 "
                    "option-string=open-gop=1:b-pyramid=0:scenecut=0 ! h264parse",
                    "h264parse ! avdec_h264"),
          std::pair("x265enc speed-preset=ultrafast key-int-max=25 "
                    "option-string=bframes=2:b-adapt=0:open-gop=1:scenecut=0:min-keyint=25 ! "
                    "h265parse ! video/x-h265,stream-format=hvc1",
                    "h265parse ! avdec_h265")}) {
        if (!can_run(encoder) || !can_run(decoder)) {
            continue;
        }
        PacketCamera camera("display", encode(encoder, 150, rate));
        EXPECT_GT(std::count_if(camera.packets().begin(), camera.packets().end(),
                                [](const EncodedPacket& packet) { return !packet.delta; }),
                  4)
            << "recovery points are keyframes";
        camera.publish_past(85);
        Pipeline viewer(viewer_line(decoder));
        camera.run();
        viewer.play();
        const std::optional<Shown> first = show(viewer);
        ASSERT_TRUE(first) << decoder;
        EXPECT_GE(first->number, 80u) << decoder;
        for (unsigned number = first->number + 1; number < 135; ++number) {
            const std::optional<Shown> next = show(viewer);
            ASSERT_TRUE(next) << decoder;
            ASSERT_EQ(next->number, number) << decoder;
            const int64_t captured = std::max(camera.begin() + number * interval, began(viewer));
            EXPECT_NEAR(static_cast<double>(next->captured - captured), 0, 1e6) << number;
        }
    }
}

} // namespace
} // namespace cuframes::test
