// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: what is known of a frame arrives with it: caps to the last field, flags, offsets, duration and every meta that
// has a form between processes; what has none is counted.
#include "decoration.h"
#include "fixture.h"

#include <cuframes/cuframes.h>
#include <gst/video/video.h>

#include <mutex>

namespace cuframes::test {
namespace {

class Metadata : public GstTest {
protected:
    /// One frame out of a publisher that decorates its buffers.
    Sample one_decorated_sample(bool other_rows = false) {
        publisher = std::make_unique<RemotePipeline>("videotestsrc num-buffers=5 ! " + raw_caps("NV12", 66, 47) +
                                                     " ! " + lossless_sink("meta"));
        if (other_rows) {
            publisher->call(Message("pad-rows"));
        }
        publisher->call(Message("decorate"));
        reader = std::make_unique<Pipeline>(strict_reader("meta"));
        publisher->play();
        reader->play();
        reader->pull();
        return reader->pull();
    }

    std::unique_ptr<RemotePipeline> publisher;
    std::unique_ptr<Pipeline> reader;
};

class CudaMetadata : public WithCuda<Metadata> {};

/// The flags of the one GstVideoMeta of each buffer that leaves an element; -1 where there are none or several.
class MetaWatch {
public:
    explicit MetaWatch(GstElement* element) : pad_(gst_element_get_static_pad(element, "src")) {
        probe_ = gst_pad_add_probe(pad_, GST_PAD_PROBE_TYPE_BUFFER, note, this, nullptr);
    }
    MetaWatch(const MetaWatch&) = delete;
    MetaWatch& operator=(const MetaWatch&) = delete;
    ~MetaWatch() {
        gst_pad_remove_probe(pad_, probe_);
        gst_object_unref(pad_);
    }

    std::vector<int> flags() const {
        const std::lock_guard lock(mutex_);
        return flags_;
    }

private:
    static GstPadProbeReturn note(GstPad*, GstPadProbeInfo* info, gpointer data) {
        auto* self = static_cast<MetaWatch*>(data);
        GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
        const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
        const std::lock_guard lock(self->mutex_);
        self->flags_.push_back(
            meta && gst_buffer_get_n_meta(buffer, GST_VIDEO_META_API_TYPE) == 1 ? static_cast<int>(meta->flags) : -1);
        return GST_PAD_PROBE_OK;
    }

    GstPad* pad_;
    gulong probe_;
    mutable std::mutex mutex_;
    std::vector<int> flags_;
};

TEST_F(Metadata, FlagsOffsetsAndDurationArrive) {
    const Sample sample = one_decorated_sample();
    ASSERT_TRUE(sample);
    GstBuffer* buffer = gst_sample_get_buffer(sample.get());
    EXPECT_EQ(GST_BUFFER_OFFSET(buffer), 1u);
    EXPECT_EQ(GST_BUFFER_OFFSET_END(buffer), 2u);
    EXPECT_EQ(GST_BUFFER_DURATION(buffer), GstClockTime{33333333});
    EXPECT_EQ(static_cast<int>(GST_BUFFER_FLAGS(buffer)) & decoration_flags(), static_cast<int>(decoration_flags()));
    EXPECT_FALSE(GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP));
}

TEST_F(Metadata, ReferenceTimestampAndCustomMetaArrive) {
    const Sample sample = one_decorated_sample();
    ASSERT_TRUE(sample);
    GstBuffer* buffer = gst_sample_get_buffer(sample.get());
    const GstReferenceTimestampMeta* reference = gst_buffer_get_reference_timestamp_meta(buffer, nullptr);
    ASSERT_NE(reference, nullptr);
    EXPECT_EQ(reference->timestamp, reference_time(1));
    EXPECT_EQ(reference->duration, 33 * GST_MSECOND);
    GstCustomMeta* custom = gst_buffer_get_custom_meta(buffer, custom_meta_name);
    ASSERT_NE(custom, nullptr);
    const GstStructure* content = gst_custom_meta_get_structure(custom);
    EXPECT_EQ(number_in(content, "offset"), 1u);
    EXPECT_STREQ(gst_structure_get_string(content, "words"), "as they were");
}

TEST_F(Metadata, RegionOfInterestAndTimeCodeArrive) {
    const Sample sample = one_decorated_sample();
    ASSERT_TRUE(sample);
    GstBuffer* buffer = gst_sample_get_buffer(sample.get());
    const auto* region = reinterpret_cast<GstVideoRegionOfInterestMeta*>(
        gst_buffer_get_meta(buffer, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE));
    ASSERT_NE(region, nullptr);
    EXPECT_STREQ(g_quark_to_string(region->roi_type), "face");
    const auto* code =
        reinterpret_cast<GstVideoTimeCodeMeta*>(gst_buffer_get_meta(buffer, GST_VIDEO_TIME_CODE_META_API_TYPE));
    ASSERT_NE(code, nullptr);
    EXPECT_EQ(code->tc.frames, 1u);
}

TEST_F(Metadata, MetasThatCannotBeSerializedAreCounted) {
    ASSERT_TRUE(one_decorated_sample());
    while (reader->pull()) {
        continue;
    }
    publisher->await_end();
    EXPECT_EQ(publisher->stat("metas-not-serialized"), 5);
    EXPECT_EQ(reader->stat("src", "metas-skipped"), 0u);
}

// Their planes are described by the pool of what the frames are copied into, in a GstVideoMeta that it has locked.
TEST_F(CudaMetadata, FrameFlagsArriveInADownloadedFrameToo) {
    publisher = std::make_unique<RemotePipeline>("videotestsrc num-buffers=5 ! " + raw_caps("NV12", 66, 47) +
                                                 " ! cudaupload ! " + lossless_sink("meta"));
    publisher->call(Message("flag-video-meta"));
    reader = std::make_unique<Pipeline>("cuframessrc name=src mode=strict memory=system key=meta ! videoconvert ! "
                                        "video/x-raw,format=RGB ! appsink name=out sync=false");
    const MetaWatch watch(reader->element("src"));
    publisher->play();
    reader->play();
    while (reader->pull()) {
        continue;
    }
    EXPECT_EQ(watch.flags(), std::vector<int>(5, GST_VIDEO_FRAME_FLAG_INTERLACED | GST_VIDEO_FRAME_FLAG_TFF));
    EXPECT_EQ(reader->stat("src", "copied"), 5u);
}

/// Fields of two pictures, as `interlace` makes them of a test source.
std::string fields(int pictures) {
    return "videotestsrc num-buffers=" + std::to_string(2 * pictures) + " pattern=ball animation-mode=frames ! " +
           raw_caps("I420", 320, 244, 50) +
           " ! interlace field-pattern=1:1 ! video/x-raw(format:Interlaced),interlace-mode=alternate";
}

TEST_F(Metadata, AlternateFieldsArriveByteForByteWithTheirFlagsAndCaps) {
    RemotePipeline source(fields(4) + " ! " + lossless_sink("fields"));
    Pipeline wanted(fields(4) + " ! appsink name=out sync=false");
    reader = std::make_unique<Pipeline>(strict_reader("fields"));
    wanted.play();
    source.play();
    reader->play();
    int count = 0;
    while (const Sample expected = wanted.pull()) {
        const Sample sample = reader->pull();
        ASSERT_TRUE(sample);
        EXPECT_EQ(digest(sample.get()), digest(expected.get()));
        EXPECT_TRUE(gst_caps_is_equal(gst_sample_get_caps(sample.get()), gst_sample_get_caps(expected.get())));
        constexpr guint field_flags = GST_VIDEO_BUFFER_FLAG_INTERLACED | GST_VIDEO_BUFFER_FLAG_TOP_FIELD;
        EXPECT_EQ(GST_BUFFER_FLAGS(gst_sample_get_buffer(sample.get())) & field_flags,
                  GST_BUFFER_FLAGS(gst_sample_get_buffer(expected.get())) & field_flags);
        ++count;
    }
    EXPECT_GE(count, 8);
    EXPECT_FALSE(reader->pull());
}

void expect_meta_to_fit(GstSample* sample) {
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
    ASSERT_NE(meta, nullptr);
    EXPECT_EQ(meta->width, 66u);
    EXPECT_EQ(meta->height, 47u);
    EXPECT_EQ(meta->n_planes, 2u);
    EXPECT_GE(meta->stride[0], 66);
    EXPECT_LE(meta->offset[1] + static_cast<gsize>(meta->stride[1]) * 24, gst_buffer_get_size(buffer));
}

TEST_F(Metadata, VideoMetaDescribesTheSlot) {
    const Sample sample = one_decorated_sample();
    ASSERT_TRUE(sample);
    expect_meta_to_fit(sample.get());
}

// The frame came in a buffer with another layout, and its meta with it; what arrives must fit the ring's.
TEST_F(Metadata, VideoMetaDescribesTheSlotAfterACopyToo) {
    const Sample sample = one_decorated_sample(true);
    ASSERT_TRUE(sample);
    expect_meta_to_fit(sample.get());
    if (HasFatalFailure()) {
        return;
    }
    EXPECT_EQ(gst_buffer_get_video_meta(gst_sample_get_buffer(sample.get()))->alignment.padding_left, 0u);
    Pipeline reference("videotestsrc num-buffers=2 ! " + raw_caps("NV12", 66, 47) + " ! appsink name=out sync=false");
    reference.play();
    EXPECT_EQ(digest(sample.get()), reference.digest_all().at(1));
}

class Caps : public GstTest, public testing::WithParamInterface<const char*> {};

TEST_P(Caps, ArriveToTheLastField) {
    const std::string caps = raw_caps("P010_10LE", 64, 48) + "," + GetParam();
    RemotePipeline publisher("videotestsrc num-buffers=2 ! " + raw_caps("P010_10LE", 64, 48) + " ! capssetter caps=\"" +
                             caps + "\" ! " + lossless_sink("caps"));
    Pipeline reader(strict_reader("caps"));
    publisher.play();
    reader.play();
    const Sample sample = reader.pull();
    ASSERT_TRUE(sample);
    GstCaps* wanted = gst_caps_from_string(caps.c_str());
    EXPECT_TRUE(gst_caps_is_subset(gst_sample_get_caps(sample.get()), wanted));
    gst_caps_unref(wanted);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, Caps,
    testing::Values("colorimetry=(string)bt2100-pq,chroma-site=(string)v-cosited",
                    "mastering-display-info=(string)35400:14600:8500:39850:6550:2300:15635:16450:10000000:1,"
                    "content-light-level=(string)1000:400",
                    "interlace-mode=(string)interleaved,field-order=(string)top-field-first",
                    "multiview-mode=(string)side-by-side,multiview-flags=(GstVideoMultiviewFlagsSet)0:ffffffff",
                    "pixel-aspect-ratio=(fraction)16/11,my-own-field=(string)kept"),
    [](const auto& fields) { return "set" + std::to_string(fields.index); });

// Decoders put multiview flags into their caps, a type that a process with nothing but cuframessrc has not heard of.
TEST_F(Metadata, CapsOfAnyTypeCanBeReadByAPlainReader) {
    RemotePipeline source("videotestsrc num-buffers=3 ! " + raw_caps("NV12", 66, 47) +
                          ",multiview-mode=(string)mono,multiview-flags=(GstVideoMultiviewFlagsSet)0:ffffffff:/"
                          "right-view-first/left-flipped ! " +
                          lossless_sink("multiview"));
    RemotePipeline plain("cuframessrc mode=strict key=multiview ! fakesink");
    source.play();
    plain.play();
    plain.await_end();
    source.await_end();
}

} // namespace
} // namespace cuframes::test
