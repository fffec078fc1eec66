// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: every format that GStreamer knows has tensors in which each component is where GStreamer has it, or a refusal
// that says why; one of a later GStreamer is refused as unknown, and its bytes are still there. Nothing here comes from
// the library's own table: what is compared with is GstVideoFormatInfo.
#include "objects.h"
#include "tensors/formats.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cuframes::test {
namespace {

struct Mapped {
    GstVideoFrame frame;
    Mapped(const GstVideoInfo& info, GstBuffer* buffer) {
        EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    }
    Mapped(const Mapped&) = delete;
    ~Mapped() { gst_video_frame_unmap(&frame); }
};

bool is_packed_bits(const GstVideoFormatInfo* format) {
    for (guint i = 0; i < GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format); ++i) {
        if (GST_VIDEO_FORMAT_INFO_PSTRIDE(format, i) == 0) {
            return true;
        }
    }
    return false;
}

bool is_big_endian(const GstVideoFormatInfo* format) {
    const std::string name = GST_VIDEO_FORMAT_INFO_NAME(format);
    return name == "r210" || name.find("_BE") != std::string::npos || name.find("BE_") != std::string::npos ||
           name.ends_with("BE");
}

/// Formats are only ever added at the end: after the last one of 1.28 come those that nobody has looked at.
constexpr auto first_unknown_format = static_cast<GstVideoFormat>(142);
#if GST_CHECK_VERSION(1, 28, 0)
static_assert(GST_VIDEO_FORMAT_RGB10x2_LE + 1 == first_unknown_format);
#endif

bool has_tensors(const GstVideoFormatInfo* format) {
    return format->format < first_unknown_format && !GST_VIDEO_FORMAT_INFO_IS_TILED(format) &&
           !GST_VIDEO_FORMAT_INFO_HAS_PALETTE(format) && !is_big_endian(format) && !is_packed_bits(format);
}

class RawFormats : public testing::TestWithParam<std::tuple<GstVideoFormat, int, int>> {
public:
    GstVideoFormat format() const { return std::get<0>(GetParam()); }
    const char* name() const { return gst_video_format_to_string(format()); }
    int width() const { return std::get<1>(GetParam()); }
    int height() const { return std::get<2>(GetParam()); }
};

/// Where element `flat` of row `y` is, and whether the shape has it.
const guint8* element(const DLTensor& tensor, int64_t y, int64_t flat) {
    const int64_t channels = tensor.ndim == 3 ? tensor.shape[2] : 1;
    if (y >= tensor.shape[0] || flat / channels >= tensor.shape[1]) {
        return nullptr;
    }
    const int64_t index = y * tensor.strides[0] + flat / channels * tensor.strides[1] + flat % channels;
    return data_of(tensor) + index * tensor.dtype.bits / 8;
}

/// Compares every position of a component with the address that GStreamer gives, and returns the last element used.
int64_t compare_component(const DLTensor& tensor, const GstVideoFrame& frame, guint component) {
    const auto* data = static_cast<const guint8*>(GST_VIDEO_FRAME_COMP_DATA(&frame, component));
    const int step = GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, component);
    const int bytes = tensor.dtype.bits / 8;
    int64_t last = 0;
    for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, component); ++y) {
        for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, component); ++x) {
            const int64_t offset = GST_VIDEO_FRAME_COMP_POFFSET(&frame, component) + int64_t{x} * step;
            last = offset / bytes;
            const auto* expected = data + y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, component) + x * step;
            const guint8* found = element(tensor, y, last);
            // Several components may share an element; then all of them lie in it.
            if (!found || found > expected || expected >= found + bytes) {
                ADD_FAILURE() << "component " << component << " at " << x << ", " << y;
                return last;
            }
        }
    }
    return last;
}

TEST_P(RawFormats, EveryComponentIsInItsPlace) {
    const Caps caps = raw_caps(name(), width(), height());
    const GstVideoInfo video = info_of(caps);
    const Buffer buffer = noise(video.size);
    const Mapped mapped(video, buffer.get());
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&video); ++plane) {
        Failure failure;
        const Tensor managed(cuframes_gst_buffer_to_dlpack_versioned(
            buffer.get(), caps.get(), plane, CUFRAMES_GST_VIEW_PIXELS, CUFRAMES_GST_STREAM_NONE, failure.out()));
        ASSERT_TRUE(managed) << failure.text();
        const DLTensor& tensor = managed->dl_tensor;
        EXPECT_EQ(tensor.device.device_type, kDLCPU);
        EXPECT_EQ(tensor.dtype.code, kDLUInt);
        EXPECT_EQ(tensor.dtype.lanes, 1);
        EXPECT_EQ(tensor.byte_offset, 0u) << "which not every consumer honours";
        EXPECT_EQ(tensor.strides[0] * tensor.dtype.bits / 8, video.stride[plane]);
        int64_t last = 0;
        guint components = 0;
        for (guint i = 0; i < GST_VIDEO_INFO_N_COMPONENTS(&video); ++i) {
            if (GST_VIDEO_INFO_COMP_PLANE(&video, i) != plane) {
                continue;
            }
            EXPECT_EQ(tensor.shape[0], GST_VIDEO_INFO_COMP_HEIGHT(&video, i));
            EXPECT_GE(tensor.dtype.bits, GST_VIDEO_INFO_COMP_DEPTH(&video, i));
            last = std::max(last, compare_component(tensor, mapped.frame, i));
            ++components;
        }
        EXPECT_GT(components, 0u);
        const int64_t channels = tensor.ndim == 3 ? tensor.shape[2] : 1;
        // No elements beyond the picture: less than one position is left over. A pair of packed 4:2:2 is always whole.
        const int64_t position = channels == 2 && components > 2 ? 4 : channels;
        EXPECT_LT(tensor.shape[1] * channels - 1 - last, position);
    }
}

class RefusedFormats : public RawFormats {};

TEST_P(RefusedFormats, WhatHasNoTensorSaysWhyAndHasBytes) {
    const Caps caps = raw_caps(name(), width(), height());
    const GstVideoInfo video = info_of(caps);
    const Buffer buffer = noise(video.size);
    Failure failure;
    const Tensor refused(cuframes_gst_buffer_to_dlpack_versioned(buffer.get(), caps.get(), 0, CUFRAMES_GST_VIEW_PIXELS,
                                                                 CUFRAMES_GST_STREAM_NONE, failure.out()));
    EXPECT_FALSE(refused);
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_REFUSED)) << failure.text();
    EXPECT_NE(failure.text().find(name()), std::string::npos) << failure.text();
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&video); ++plane) {
        const Tensor bytes(cuframes_gst_buffer_to_dlpack_versioned(
            buffer.get(), caps.get(), plane, CUFRAMES_GST_VIEW_BYTES, CUFRAMES_GST_STREAM_NONE, failure.out()));
        ASSERT_TRUE(bytes) << failure.text();
        EXPECT_EQ(bytes->dl_tensor.dtype.bits, 8);
        EXPECT_EQ(bytes->dl_tensor.ndim, 2);
    }
}

// The same table serves makers of frames: their layout is GStreamer's own.
TEST_P(RawFormats, LayoutsMadeWithoutGStreamerAreItsOwn) {
    const GstVideoInfo video = info_of(raw_caps(name(), width(), height()));
    auto made = tensors::make_geometry(name(), static_cast<uint32_t>(width()), static_cast<uint32_t>(height()), 4);
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_EQ(made->plane_count, GST_VIDEO_INFO_N_PLANES(&video));
    EXPECT_EQ(made->frame_size, video.size);
    for (guint plane = 0; plane < made->plane_count; ++plane) {
        const cuframes_plane& layout = made->planes[plane];
        gint components[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(video.finfo, plane, components);
        EXPECT_EQ(layout.rows, static_cast<uint32_t>(GST_VIDEO_INFO_COMP_HEIGHT(&video, components[0])));
        EXPECT_EQ(layout.offset, video.offset[plane]);
        EXPECT_EQ(layout.pitch, static_cast<uint32_t>(video.stride[plane]));
    }
}

std::vector<GstVideoFormat> all_formats() {
    guint count = 0;
    const GstVideoFormat* formats = gst_video_formats_raw(&count);
    return {formats, formats + count};
}

/// The odd size finds what rounds the wrong way, the smallest what is left of subsampled planes.
auto cases(bool with_tensors) {
    constexpr std::pair<int, int> sizes[] = {{67, 45}, {64, 48}, {1, 1}};
    std::vector<std::tuple<GstVideoFormat, int, int>> cases;
    for (const GstVideoFormat format : all_formats()) {
        for (const auto& [width, height] : sizes) {
            if (has_tensors(gst_video_format_get_info(format)) == with_tensors) {
                cases.emplace_back(format, width, height);
            }
        }
    }
    return cases;
}

std::string name_of(const testing::TestParamInfo<std::tuple<GstVideoFormat, int, int>>& test) {
    const auto& [format, width, height] = test.param;
    return std::string(gst_video_format_to_string(format)) + "_" + std::to_string(width) + "x" + std::to_string(height);
}

INSTANTIATE_TEST_SUITE_P(All, RawFormats, testing::ValuesIn(cases(true)), name_of);
INSTANTIATE_TEST_SUITE_P(All, RefusedFormats, testing::ValuesIn(cases(false)), name_of);

// Whichever GStreamer is here, these are what is written down for it.
TEST(FormatTable, FormatsOfGStreamer128AreOneNumberAPixel) {
    for (const char* name : {"BGR10x2_LE", "RGB10x2_LE"}) {
        auto geometry = tensors::make_geometry(name, 67, 45, 4);
        ASSERT_TRUE(geometry) << geometry.error().message;
        EXPECT_EQ(geometry->plane_count, 1u);
        EXPECT_EQ(geometry->planes[0].row_bytes, 67u * 4);
        EXPECT_EQ(tensors::find_format(name)->planes[0].bytes, 4);
    }
}

TEST(FormatTable, WhatNobodyKnowsIsRefusedInWords) {
    auto geometry = tensors::make_geometry("NOT_YET_64LE", 64, 48, 4);
    ASSERT_FALSE(geometry);
    EXPECT_EQ(geometry.error().code, CUFRAMES_ERROR_INVALID_ARGUMENT);
    for (const char* word : {"NOT_YET_64LE", "not known", "plane.bytes"}) {
        EXPECT_NE(geometry.error().message.find(word), std::string::npos) << geometry.error().message;
    }
}

TEST(FormatTable, KnowsAllFormatsOfGStreamer) {
    for (const GstVideoFormat format : all_formats()) {
        const auto* known = tensors::find_format(gst_video_format_to_string(format));
        if (format >= first_unknown_format) {
            EXPECT_FALSE(known) << gst_video_format_to_string(format) << ": raise first_unknown_format";
            continue;
        }
        ASSERT_TRUE(known) << gst_video_format_to_string(format);
        const GstVideoFormatInfo* info = gst_video_format_get_info(format);
        EXPECT_EQ(known->plane_count, GST_VIDEO_FORMAT_INFO_N_PLANES(info)) << known->name;
        EXPECT_EQ(known->refusal == tensors::Refusal::none, has_tensors(info)) << known->name;
    }
}

} // namespace
} // namespace cuframes::test
