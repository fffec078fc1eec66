// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: metas that GStreamer cannot serialize are carried whole; what a reader does not know it passes over and counts;
// and no bytes that a publisher may write make it read outside of them, abort, or complain to the programmer.
#include "shared/metadata.h"

#include <gst/audio/audio.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#if HAVE_ANALYTICS
#include <gst/analytics/analytics.h>
#endif

namespace cuframes::test {
namespace {

using gst::FrameTraits;
using gst::MetaReader;
using gst::MetaWriter;
using Bytes = std::vector<guint8>;

struct BufferUnref {
    void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
};
using Buffer = std::unique_ptr<GstBuffer, BufferUnref>;

Buffer new_buffer() { return Buffer(gst_buffer_new_allocate(nullptr, 6144, nullptr)); }

template <class Meta>
Meta* meta_of(const Buffer& buffer, GType api) {
    return reinterpret_cast<Meta*>(gst_buffer_get_meta(buffer.get(), api));
}

/// Bytes that end where the next page cannot be read: whoever reads behind them dies.
class GuardedBytes {
public:
    explicit GuardedBytes(const Bytes& bytes) : size_(bytes.size()) {
        const auto page = static_cast<gsize>(sysconf(_SC_PAGESIZE));
        room_ = (size_ + page - 1) / page * page;
        map_ = static_cast<guint8*>(
            mmap(nullptr, room_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        mprotect(map_ + room_, page, PROT_NONE);
        std::copy(bytes.begin(), bytes.end(), map_ + room_ - size_);
        mapped_ = room_ + page;
    }
    GuardedBytes(const GuardedBytes&) = delete;
    GuardedBytes& operator=(const GuardedBytes&) = delete;
    ~GuardedBytes() { munmap(map_, mapped_); }

    guint8* data() const { return map_ + room_ - size_; }
    gsize size() const { return size_; }

private:
    gsize size_, room_, mapped_;
    guint8* map_;
};

class MetaForms : public testing::Test {
protected:
    MetaForms() : writer(nullptr), reader(nullptr), source(new_buffer()), there(new_buffer()) {
        gst::register_known_metas();
        // What is told to programmers ends these tests: the mask is the process's.
        fatal_before = g_log_set_always_fatal(
            static_cast<GLogLevelFlags>(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL));
    }
    ~MetaForms() override { g_log_set_always_fatal(fatal_before); }

    Bytes pack() {
        const GByteArray* bytes = writer.pack(source.get(), frame_time);
        return {bytes->data, bytes->data + bytes->len};
    }
    FrameTraits unpack(const Bytes& bytes) {
        const GuardedBytes guarded(bytes);
        return reader.unpack(there.get(), later_frame_time, guarded.data(), guarded.size());
    }
    FrameTraits send() { return unpack(pack()); }

    static constexpr GstClockTime frame_time = 10 * GST_SECOND;
    static constexpr GstClockTime later_frame_time = 70 * GST_SECOND;
    MetaWriter writer;
    MetaReader reader;
    Buffer source, there;
    GLogLevelFlags fatal_before;
};

void add_time_code(GstBuffer* buffer) {
    GTimeZone* zone = g_time_zone_new_offset(2 * 3600);
    GDateTime* jam = g_date_time_new(zone, 2026, 7, 14, 12, 30, 15.25);
    gst_buffer_add_video_time_code_meta_full(
        buffer, 30000, 1001, jam,
        static_cast<GstVideoTimeCodeFlags>(GST_VIDEO_TIME_CODE_FLAGS_DROP_FRAME | GST_VIDEO_TIME_CODE_FLAGS_INTERLACED),
        11, 22, 33, 14, 1);
    g_date_time_unref(jam);
    g_time_zone_unref(zone);
}

TEST_F(MetaForms, TimeCodes) {
    add_time_code(source.get());
    send();
    const auto* sent = meta_of<GstVideoTimeCodeMeta>(source, GST_VIDEO_TIME_CODE_META_API_TYPE);
    const auto* got = meta_of<GstVideoTimeCodeMeta>(there, GST_VIDEO_TIME_CODE_META_API_TYPE);
    ASSERT_NE(got, nullptr);
    gchar* expected = gst_video_time_code_to_string(&sent->tc);
    gchar* text = gst_video_time_code_to_string(&got->tc);
    EXPECT_STREQ(text, expected);
    g_free(text);
    g_free(expected);
    EXPECT_EQ(got->tc.field_count, 1u);
    EXPECT_EQ(got->tc.config.fps_n, 30000u);
    EXPECT_EQ(got->tc.config.fps_d, 1001u);
    EXPECT_EQ(got->tc.config.flags, sent->tc.config.flags);
    ASSERT_NE(got->tc.config.latest_daily_jam, nullptr);
    EXPECT_TRUE(g_date_time_equal(got->tc.config.latest_daily_jam, sent->tc.config.latest_daily_jam));
    EXPECT_EQ(g_date_time_get_utc_offset(got->tc.config.latest_daily_jam), 2 * G_TIME_SPAN_HOUR);
}

TEST_F(MetaForms, TimeCodesWithoutADailyJam) {
    gst_buffer_add_video_time_code_meta_full(source.get(), 25, 1, nullptr, GST_VIDEO_TIME_CODE_FLAGS_NONE, 1, 2, 3, 4,
                                             0);
    send();
    const auto* got = meta_of<GstVideoTimeCodeMeta>(there, GST_VIDEO_TIME_CODE_META_API_TYPE);
    ASSERT_NE(got, nullptr);
    EXPECT_EQ(got->tc.config.latest_daily_jam, nullptr);
}

void add_regions(GstBuffer* buffer) {
    GstVideoRegionOfInterestMeta* face =
        gst_buffer_add_video_region_of_interest_meta(buffer, "face of a metaforms test", 1, 2, 3, 4);
    face->id = 7;
    face->parent_id = 5;
    gst_video_region_of_interest_meta_add_param(
        face,
        gst_structure_new("roi/x264enc", "delta-qp", G_TYPE_INT, -3, "words", G_TYPE_STRING, "a \"b\", [c]", nullptr));
    gst_video_region_of_interest_meta_add_param(face, gst_structure_new("other", "x", G_TYPE_DOUBLE, 0.5, nullptr));
    gst_buffer_add_video_region_of_interest_meta(buffer, "car", 5, 6, 7, 8);
}

std::vector<GstVideoRegionOfInterestMeta*> regions_of(const Buffer& buffer) {
    std::vector<GstVideoRegionOfInterestMeta*> all;
    gpointer state = nullptr;
    while (GstMeta* meta =
               gst_buffer_iterate_meta_filtered(buffer.get(), &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
        all.push_back(reinterpret_cast<GstVideoRegionOfInterestMeta*>(meta));
    }
    return all;
}

TEST_F(MetaForms, RegionsOfInterestWithTheirParameters) {
    add_regions(source.get());
    send();
    const auto regions = regions_of(there);
    ASSERT_EQ(regions.size(), 2u);
    const GstVideoRegionOfInterestMeta& face = *regions[0];
    EXPECT_STREQ(g_quark_to_string(face.roi_type), "face of a metaforms test");
    EXPECT_EQ(std::vector({face.x, face.y, face.w, face.h}), (std::vector{1u, 2u, 3u, 4u}));
    EXPECT_EQ(face.id, 7);
    EXPECT_EQ(face.parent_id, 5);
    const GstStructure* parameter = gst_video_region_of_interest_meta_get_param(regions[0], "roi/x264enc");
    ASSERT_NE(parameter, nullptr);
    gint delta = 0;
    EXPECT_TRUE(gst_structure_get_int(parameter, "delta-qp", &delta));
    EXPECT_EQ(delta, -3);
    EXPECT_STREQ(gst_structure_get_string(parameter, "words"), "a \"b\", [c]");
    EXPECT_NE(gst_video_region_of_interest_meta_get_param(regions[0], "other"), nullptr);
    EXPECT_EQ(regions[1]->params, nullptr);
    EXPECT_EQ(writer.left_behind(), 0u);
}

TEST_F(MetaForms, AParameterWithoutAFormAsTextStaysBehindAlone) {
    GstVideoRegionOfInterestMeta* region = gst_buffer_add_video_region_of_interest_meta(source.get(), "r", 1, 2, 3, 4);
    gst_video_region_of_interest_meta_add_param(
        region, gst_structure_new("pointers", "p", G_TYPE_POINTER, source.get(), nullptr));
    gst_video_region_of_interest_meta_add_param(region, gst_structure_new("kept", "x", G_TYPE_INT, 1, nullptr));
    send();
    ASSERT_EQ(regions_of(there).size(), 1u);
    EXPECT_EQ(gst_video_region_of_interest_meta_get_param(regions_of(there)[0], "pointers"), nullptr);
    EXPECT_NE(gst_video_region_of_interest_meta_get_param(regions_of(there)[0], "kept"), nullptr);
    EXPECT_EQ(writer.left_behind(), 1u);
}

constexpr guint8 caption_bytes[] = {0xfc, 0x80, 0x81, 0x00, 0xfd};

void add_broadcast_metas(GstBuffer* buffer) {
    gst_buffer_add_video_afd_meta(buffer, 1, GST_VIDEO_AFD_SPEC_SMPTE_ST2016_1, GST_VIDEO_AFD_4_3_FULL_16_9_FULL);
    gst_buffer_add_video_bar_meta(buffer, 1, TRUE, 12, 1068);
    gst_buffer_add_video_caption_meta(buffer, GST_VIDEO_CAPTION_TYPE_CEA708_RAW, caption_bytes, sizeof caption_bytes);
}

TEST_F(MetaForms, ActiveFormatBarsAndCaptions) {
    add_broadcast_metas(source.get());
    send();
    const auto* afd = meta_of<GstVideoAFDMeta>(there, GST_VIDEO_AFD_META_API_TYPE);
    ASSERT_NE(afd, nullptr);
    EXPECT_EQ(afd->field, 1);
    EXPECT_EQ(afd->spec, GST_VIDEO_AFD_SPEC_SMPTE_ST2016_1);
    EXPECT_EQ(afd->afd, GST_VIDEO_AFD_4_3_FULL_16_9_FULL);
    const auto* bar = meta_of<GstVideoBarMeta>(there, GST_VIDEO_BAR_META_API_TYPE);
    ASSERT_NE(bar, nullptr);
    EXPECT_EQ(bar->field, 1);
    EXPECT_TRUE(bar->is_letterbox);
    EXPECT_EQ(bar->bar_data1, 12u);
    EXPECT_EQ(bar->bar_data2, 1068u);
    const auto* caption = meta_of<GstVideoCaptionMeta>(there, GST_VIDEO_CAPTION_META_API_TYPE);
    ASSERT_NE(caption, nullptr);
    EXPECT_EQ(caption->caption_type, GST_VIDEO_CAPTION_TYPE_CEA708_RAW);
    EXPECT_EQ(Bytes(caption->data, caption->data + caption->size),
              Bytes(std::begin(caption_bytes), std::end(caption_bytes)));
}

guint8 identity[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
guint8 user_bytes[] = {0, 0xff, 'x'};

void add_stream_metas(GstBuffer* buffer) {
    gst_buffer_add_video_sei_user_data_unregistered_meta(buffer, identity, user_bytes, sizeof user_bytes);
    gst_buffer_add_audio_clipping_meta(buffer, GST_FORMAT_DEFAULT, 312, 96);
}

TEST_F(MetaForms, UserDataAndAudioClipping) {
    add_stream_metas(source.get());
    send();
    const auto* user_data =
        meta_of<GstVideoSEIUserDataUnregisteredMeta>(there, GST_VIDEO_SEI_USER_DATA_UNREGISTERED_META_API_TYPE);
    ASSERT_NE(user_data, nullptr);
    EXPECT_EQ(Bytes(user_data->uuid, user_data->uuid + 16), Bytes(std::begin(identity), std::end(identity)));
    EXPECT_EQ(Bytes(user_data->data, user_data->data + user_data->size),
              Bytes(std::begin(user_bytes), std::end(user_bytes)));
    const auto* clipping = meta_of<GstAudioClippingMeta>(there, GST_AUDIO_CLIPPING_META_API_TYPE);
    ASSERT_NE(clipping, nullptr);
    EXPECT_EQ(clipping->format, GST_FORMAT_DEFAULT);
    EXPECT_EQ(clipping->start, 312u);
    EXPECT_EQ(clipping->end, 96u);
    EXPECT_EQ(writer.left_behind(), 0u);
}

GstVideoMeta* add_video_meta(GstBuffer* buffer) {
    return gst_buffer_add_video_meta(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 64, 64);
}

TEST_F(MetaForms, OfAVideoMetaWhatIsNotLayout) {
    GstVideoMeta* meta = add_video_meta(source.get());
    meta->flags = static_cast<GstVideoFrameFlags>(GST_VIDEO_FRAME_FLAG_INTERLACED | GST_VIDEO_FRAME_FLAG_TFF);
    meta->id = 3;
    // Planes of the publisher's memory, which lie outside of the reader's buffer.
    meta->offset[1] = 1 << 20;
    const FrameTraits traits = send();
    EXPECT_EQ(traits.flags, static_cast<guint>(meta->flags));
    EXPECT_EQ(traits.id, 3);
    EXPECT_EQ(gst_buffer_get_video_meta(there.get()), nullptr);
    EXPECT_EQ(reader.skipped(), 0u);
}

TEST_F(MetaForms, AVideoMetaThatSaysNothingTakesNoRoom) {
    add_video_meta(source.get());
    EXPECT_EQ(pack(), Bytes());
    EXPECT_EQ(writer.left_behind(), 0u);
}

TEST_F(MetaForms, FlagsOfAVideoMetaThatAnOlderPublisherSentWhole) {
    GstVideoMeta* meta = add_video_meta(source.get());
    meta->flags = GST_VIDEO_FRAME_FLAG_TFF;
    GByteArray* bytes = g_byte_array_new();
    ASSERT_TRUE(gst_meta_serialize_simple(&meta->meta, bytes));
    const FrameTraits traits = unpack({bytes->data, bytes->data + bytes->len});
    g_byte_array_unref(bytes);
    EXPECT_EQ(traits.flags, static_cast<guint>(GST_VIDEO_FRAME_FLAG_TFF));
    EXPECT_EQ(gst_buffer_get_video_meta(there.get()), nullptr);
}

#if HAVE_ANALYTICS
void add_analytics(GstBuffer* buffer) {
    GstAnalyticsRelationMeta* meta = gst_buffer_add_analytics_relation_meta(buffer);
    GstAnalyticsMtd person, classes, track;
#if GST_CHECK_VERSION(1, 26, 0)
    gst_analytics_relation_meta_add_oriented_od_mtd(meta, g_quark_from_static_string("person"), -10, 20, 30, 40, 0.5f,
                                                    0.875f, &person);
#else
    gst_analytics_relation_meta_add_od_mtd(meta, g_quark_from_static_string("person"), -10, 20, 30, 40, 0.875f,
                                           &person);
#endif
    gfloat levels[] = {0.75f, 0.25f};
    GQuark names[] = {g_quark_from_static_string("smiling"), g_quark_from_static_string("frowning")};
    gst_analytics_relation_meta_add_cls_mtd(meta, 2, levels, names, &classes);
    gst_analytics_relation_meta_add_tracking_mtd(meta, 1234567890123, 4 * GST_SECOND, &track);
    gst_analytics_tracking_mtd_update_last_seen(&track, 9 * GST_SECOND);
    gst_analytics_tracking_mtd_set_lost(&track);
    gst_analytics_relation_meta_set_relation(meta, GST_ANALYTICS_REL_TYPE_RELATE_TO, person.id, classes.id);
    gst_analytics_relation_meta_set_relation(
        meta, static_cast<GstAnalyticsRelTypes>(GST_ANALYTICS_REL_TYPE_CONTAIN | GST_ANALYTICS_REL_TYPE_IS_PART_OF),
        track.id, person.id);
}

TEST_F(MetaForms, DetectionsClassesTracksAndTheirRelations) {
    add_analytics(source.get());
    send();
    GstAnalyticsRelationMeta* meta = gst_buffer_get_analytics_relation_meta(there.get());
    ASSERT_NE(meta, nullptr);
    ASSERT_EQ(gst_analytics_relation_get_length(meta), 3u);
    GstAnalyticsMtd person, classes, track;
    ASSERT_TRUE(gst_analytics_relation_meta_get_od_mtd(meta, 0, &person));
    gint x, y, w, h;
    gfloat confidence;
#if GST_CHECK_VERSION(1, 26, 0)
    gfloat rotation;
    gst_analytics_od_mtd_get_oriented_location(&person, &x, &y, &w, &h, &rotation, &confidence);
    EXPECT_EQ(rotation, 0.5f);
#else
    gst_analytics_od_mtd_get_location(&person, &x, &y, &w, &h, &confidence);
#endif
    EXPECT_EQ(std::vector({x, y, w, h}), (std::vector{-10, 20, 30, 40}));
    EXPECT_EQ(confidence, 0.875f);
    EXPECT_EQ(gst_analytics_od_mtd_get_obj_type(&person), g_quark_from_static_string("person"));
    ASSERT_TRUE(gst_analytics_relation_meta_get_cls_mtd(meta, 1, &classes));
    ASSERT_EQ(gst_analytics_cls_mtd_get_length(&classes), 2u);
    EXPECT_EQ(gst_analytics_cls_mtd_get_level(&classes, 1), 0.25f);
    EXPECT_EQ(gst_analytics_cls_mtd_get_quark(&classes, 0), g_quark_from_static_string("smiling"));
    ASSERT_TRUE(gst_analytics_relation_meta_get_tracking_mtd(meta, 2, &track));
    guint64 id;
    GstClockTime first, last;
    gboolean lost;
    gst_analytics_tracking_mtd_get_info(&track, &id, &first, &last, &lost);
    EXPECT_EQ(id, 1234567890123u);
    // Six seconds and one second before the frame, in whose pipeline ever.
    EXPECT_EQ(first, later_frame_time - 6 * GST_SECOND);
    EXPECT_EQ(last, later_frame_time - GST_SECOND);
    EXPECT_TRUE(lost);
    EXPECT_EQ(gst_analytics_relation_meta_get_relation(meta, 0, 1), GST_ANALYTICS_REL_TYPE_RELATE_TO);
    EXPECT_EQ(static_cast<int>(gst_analytics_relation_meta_get_relation(meta, 2, 0)),
              GST_ANALYTICS_REL_TYPE_CONTAIN | GST_ANALYTICS_REL_TYPE_IS_PART_OF);
    EXPECT_EQ(gst_analytics_relation_meta_get_relation(meta, 1, 0), GST_ANALYTICS_REL_TYPE_NONE);
}

TEST_F(MetaForms, AnalyticsWithoutAFormStayBehindAndTheRestKeepsItsRelations) {
    static const GstAnalyticsMtdImpl foreign = {.name = "foreign"};
    GstAnalyticsRelationMeta* meta = gst_buffer_add_analytics_relation_meta(source.get());
    GstAnalyticsMtd other, a, b;
    gst_analytics_relation_meta_add_mtd(meta, &foreign, 8, &other);
    gst_analytics_relation_meta_add_od_mtd(meta, g_quark_from_static_string("a"), 1, 2, 3, 4, 0.5f, &a);
    gst_analytics_relation_meta_add_od_mtd(meta, g_quark_from_static_string("b"), 5, 6, 7, 8, 0.5f, &b);
    gst_analytics_relation_meta_set_relation(meta, GST_ANALYTICS_REL_TYPE_CONTAIN, a.id, b.id);
    gst_analytics_relation_meta_set_relation(meta, GST_ANALYTICS_REL_TYPE_CONTAIN, other.id, b.id);
    send();
    EXPECT_EQ(writer.left_behind(), 1u);
    GstAnalyticsRelationMeta* got = gst_buffer_get_analytics_relation_meta(there.get());
    ASSERT_NE(got, nullptr);
    EXPECT_EQ(gst_analytics_relation_get_length(got), 2u);
    EXPECT_EQ(gst_analytics_relation_meta_get_relation(got, 0, 1), GST_ANALYTICS_REL_TYPE_CONTAIN);
}
#else
void add_analytics(GstBuffer*) {}
#endif

/// One entry as an unknown publisher might write it.
Bytes entry(const std::string& name, guint8 version, const Bytes& payload) {
    const auto total = static_cast<guint32>(2 * sizeof(guint32) + name.size() + 2 + payload.size());
    Bytes bytes;
    for (const guint32 number : {total, static_cast<guint32>(name.size())}) {
        for (int shift = 0; shift < 32; shift += 8) {
            bytes.push_back(static_cast<guint8>(number >> shift));
        }
    }
    bytes.insert(bytes.end(), name.begin(), name.end());
    bytes.push_back(0);
    bytes.push_back(version);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST_F(MetaForms, UnknownKindsAndNewerVersionsArePassedOverAndCounted) {
    gst_buffer_add_video_bar_meta(source.get(), 0, FALSE, 1, 2);
    unpack(entry("cuframes/not-yet-invented", 1, {1, 2, 3}) + entry("cuframes/afd", 99, {0, 0, 8}) +
           entry("SomebodysMeta", 0, {}) + pack());
    EXPECT_EQ(reader.skipped(), 3u);
    EXPECT_EQ(meta_of<GstVideoAFDMeta>(there, GST_VIDEO_AFD_META_API_TYPE), nullptr);
    EXPECT_NE(meta_of<GstVideoBarMeta>(there, GST_VIDEO_BAR_META_API_TYPE), nullptr);
}

TEST_F(MetaForms, FieldsThatALaterPublisherAppendsDoNoHarm) {
    unpack(entry("cuframes/afd", 1, {0, 0, 8, 77, 77, 77}));
    EXPECT_EQ(reader.skipped(), 0u);
    EXPECT_NE(meta_of<GstVideoAFDMeta>(there, GST_VIDEO_AFD_META_API_TYPE), nullptr);
}

// GStreamer's deserializer, and readers before our forms, go by the frame around each entry and by its name.
TEST_F(MetaForms, ReadersThatKnowNoneOfOurFormsCanPassThemOver) {
    add_time_code(source.get());
    add_regions(source.get());
    add_analytics(source.get());
    const Bytes bytes = pack();
    int entries = 0;
    for (gsize at = 0; at < bytes.size(); ++entries) {
        ASSERT_GE(bytes.size() - at, 10u);
        const guint32 total = GST_READ_UINT32_LE(&bytes[at]), length = GST_READ_UINT32_LE(&bytes[at + 4]);
        ASSERT_LE(total, bytes.size() - at);
        ASSERT_LE(length + 10, total);
        const std::string name(reinterpret_cast<const char*>(&bytes[at + 8]), length);
        EXPECT_EQ(bytes[at + 8 + length], 0);
        EXPECT_EQ(gst_meta_get_info(name.c_str()), nullptr) << name;
        at += total;
    }
    EXPECT_EQ(entries, HAVE_ANALYTICS ? 4 : 3);
}

class HostileMetas : public MetaForms {
protected:
    Bytes everything() {
        add_time_code(source.get());
        add_regions(source.get());
        add_broadcast_metas(source.get());
        add_stream_metas(source.get());
        add_analytics(source.get());
        add_video_meta(source.get())->flags = GST_VIDEO_FRAME_FLAG_TFF;
        GstCaps* caps = gst_caps_new_empty_simple("timestamp/x-ntp");
        gst_buffer_add_reference_timestamp_meta(source.get(), caps, 1, 2);
        gst_caps_unref(caps);
        return pack();
    }
    void read_into_a_fresh_buffer(const GuardedBytes& bytes, gsize size) {
        const Buffer fresh = new_buffer();
        reader.unpack(fresh.get(), later_frame_time, bytes.data() + bytes.size() - size, size);
    }
};

TEST_F(HostileMetas, CutOffAnywhere) {
    const Bytes whole = everything();
    for (gsize size = 0; size < whole.size(); ++size) {
        const GuardedBytes cut(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        read_into_a_fresh_buffer(cut, size);
    }
    EXPECT_GT(reader.skipped(), 0u);
}

TEST_F(HostileMetas, WithPayloadsCutOffAnywhere) {
    const Bytes whole = everything();
    for (gsize at = 0; at < whole.size(); at += GST_READ_UINT32_LE(&whole[at])) {
        const guint32 total = GST_READ_UINT32_LE(&whole[at]), length = GST_READ_UINT32_LE(&whole[at + 4]);
        const std::string name(reinterpret_cast<const char*>(&whole[at + 8]), length);
        const guint8* payload = &whole[at] + 10 + length;
        for (guint32 size = 0; size < total - length - 10; ++size) {
            const guint64 before = reader.skipped();
            const GuardedBytes cut(entry(name, whole[at + 9 + length], Bytes(payload, payload + size)));
            read_into_a_fresh_buffer(cut, cut.size());
            EXPECT_GT(reader.skipped(), before) << name << " with " << size << " bytes";
        }
    }
}

TEST_F(HostileMetas, WithAnyBitFlipped) {
    const Bytes whole = everything();
    const GuardedBytes bytes(whole);
    for (gsize bit = 0; bit < whole.size() * 8; ++bit) {
        bytes.data()[bit / 8] ^= static_cast<guint8>(1 << bit % 8);
        read_into_a_fresh_buffer(bytes, bytes.size());
        bytes.data()[bit / 8] ^= static_cast<guint8>(1 << bit % 8);
    }
}

// The time zone of a time code's daily jam is its last number.
TEST_F(HostileMetas, WithZonesThatAreNone) {
    add_time_code(source.get());
    Bytes bytes = pack();
    for (const gint32 offset : {G_MININT32, G_MININT32 + 1, -18 * 3600 - 1, 18 * 3600 + 1, G_MAXINT32}) {
        GST_WRITE_UINT32_LE(&bytes[bytes.size() - sizeof offset], static_cast<guint32>(offset));
        const GuardedBytes guarded(bytes);
        const guint64 before = reader.skipped();
        read_into_a_fresh_buffer(guarded, guarded.size());
        EXPECT_GT(reader.skipped(), before) << offset;
    }
}

// Numbers where the form has lengths, counts and kinds: more often than a flipped bit would hit.
TEST_F(HostileMetas, WithRandomNumbersWrittenOver) {
    const Bytes whole = everything();
    const GuardedBytes bytes(whole);
    GRand* random = g_rand_new_with_seed(20260714);
    constexpr guint32 evil[] = {0, 1, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    for (int round = 0; round < 20000; ++round) {
        std::copy(whole.begin(), whole.end(), bytes.data());
        for (int i = g_rand_int_range(random, 1, 4); i > 0; --i) {
            const auto at = g_rand_int_range(random, 0, static_cast<gint32>(whole.size() - sizeof(guint32)));
            const guint32 number =
                g_rand_boolean(random) ? evil[g_rand_int_range(random, 0, std::size(evil))] : g_rand_int(random);
            std::memcpy(bytes.data() + at, &number, sizeof number);
        }
        read_into_a_fresh_buffer(bytes, bytes.size());
    }
    g_rand_free(random);
}

TEST_F(HostileMetas, NamesWithoutEndFillNoMemory) {
    gst::NameTable names;
    GQuark quark;
    EXPECT_TRUE(names.find("", &quark));
    EXPECT_EQ(quark, 0u);
    EXPECT_FALSE(names.find(std::string(5000, 'n'), &quark));
    // GLib knows those of a run before this one for ever.
    static int run = 0;
    const auto name = [of = " of hostile publisher " + std::to_string(++run)](int i) { return std::to_string(i) + of; };
    int accepted = 0;
    for (int i = 0; i < 70000; ++i) {
        accepted += names.find(name(i), &quark) ? 1 : 0;
    }
    EXPECT_EQ(accepted, 65536);
    EXPECT_TRUE(names.find(name(0), &quark));
}

TEST_F(HostileMetas, ParametersThatNestWithoutEndDoNotUseUpTheStack) {
    GByteArray* array = g_byte_array_new();
    gst::ByteWriter bytes(array);
    for (const guint32 number : {0u, 0u, 1u, 2u, 3u, 4u}) {
        bytes.u32(number);
    }
    bytes.text("r");
    bytes.u32(1);
    std::string nested;
    for (int i = 0; i < 100000; ++i) {
        nested += "a,b=[";
    }
    bytes.text(nested.c_str());
    unpack(entry("cuframes/region-of-interest", 1, {array->data, array->data + array->len}));
    g_byte_array_unref(array);
    EXPECT_EQ(regions_of(there).size(), 1u);
    EXPECT_EQ(reader.skipped(), 1u);
}

} // namespace
} // namespace cuframes::test
