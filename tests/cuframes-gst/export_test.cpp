// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a tensor of a buffer in system memory lies where the buffer's pixels lie, keeps them for as long as it lives,
// and says truly whether it may be written.
#include "objects.h"

#include <gtest/gtest.h>

#include <thread>

namespace cuframes::test {
namespace {

Tensor to_tensor(GstBuffer* buffer, const Caps& caps, guint plane, CuframesGstView view = CUFRAMES_GST_VIEW_PIXELS) {
    Failure failure;
    Tensor tensor(cuframes_gst_buffer_to_dlpack_versioned(buffer, caps.get(), plane, view, CUFRAMES_GST_STREAM_NONE,
                                                          failure.out()));
    EXPECT_TRUE(tensor) << failure.text();
    return tensor;
}

std::vector<int64_t> shape_of(const DLTensor& tensor) { return {tensor.shape, tensor.shape + tensor.ndim}; }
std::vector<int64_t> strides_of(const DLTensor& tensor) { return {tensor.strides, tensor.strides + tensor.ndim}; }
using Numbers = std::vector<int64_t>;

bool is_read_only(const Tensor& tensor) { return (tensor->flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0; }

const void* first_byte(GstBuffer* buffer) {
    GstMapInfo map;
    EXPECT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_READ));
    const void* data = map.data;
    gst_buffer_unmap(buffer, &map);
    return data;
}

TEST(Export, Nv12OfOddSizeRoundsItsChromaUp) {
    const Caps caps = raw_caps("NV12", 67, 47);
    const Buffer buffer = noise(info_of(caps).size);
    const Tensor luma = to_tensor(buffer.get(), caps, 0);
    const Tensor chroma = to_tensor(buffer.get(), caps, 1);
    EXPECT_EQ(shape_of(luma->dl_tensor), (Numbers{47, 67}));
    EXPECT_EQ(strides_of(luma->dl_tensor), (Numbers{68, 1}));
    EXPECT_EQ(shape_of(chroma->dl_tensor), (Numbers{24, 34, 2}));
    EXPECT_EQ(strides_of(chroma->dl_tensor), (Numbers{68, 2, 1}));
    EXPECT_EQ(luma->dl_tensor.data, first_byte(buffer.get())) << "a copy was made";
    EXPECT_EQ(data_of(chroma->dl_tensor) - data_of(luma->dl_tensor), 68 * 48);
}

TEST(Export, ViewsShowTheSamePixels) {
    const Caps caps = raw_caps("P010_10LE", 66, 46);
    const Buffer buffer = noise(info_of(caps).size);
    const Tensor pixels = to_tensor(buffer.get(), caps, 1);
    const Tensor flat = to_tensor(buffer.get(), caps, 1, CUFRAMES_GST_VIEW_FLAT);
    const Tensor bytes = to_tensor(buffer.get(), caps, 1, CUFRAMES_GST_VIEW_BYTES);
    EXPECT_EQ(shape_of(pixels->dl_tensor), (Numbers{23, 33, 2}));
    EXPECT_EQ(shape_of(flat->dl_tensor), (Numbers{23, 66}));
    EXPECT_EQ(shape_of(bytes->dl_tensor), (Numbers{23, 132}));
    EXPECT_EQ(pixels->dl_tensor.dtype.bits, 16);
    EXPECT_EQ(flat->dl_tensor.data, pixels->dl_tensor.data);
    EXPECT_EQ(bytes->dl_tensor.data, pixels->dl_tensor.data);
}

// A decoder's padding: the meta tells, not the caps.
TEST(Export, StridesAndOffsetsAreThoseOfTheVideoMeta) {
    const Caps caps = raw_caps("NV12", 62, 46);
    const Buffer buffer = noise(128 * 100);
    const gsize offsets[GST_VIDEO_MAX_PLANES] = {256, 256 + 128 * 48};
    const gint strides[GST_VIDEO_MAX_PLANES] = {128, 128};
    gst_buffer_add_video_meta_full(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 62, 46, 2, offsets,
                                   strides);
    const auto* base = static_cast<const guint8*>(first_byte(buffer.get()));
    const Tensor luma = to_tensor(buffer.get(), caps, 0);
    const Tensor chroma = to_tensor(buffer.get(), caps, 1);
    EXPECT_EQ(data_of(luma->dl_tensor), base + 256);
    EXPECT_EQ(data_of(chroma->dl_tensor), base + 256 + 128 * 48);
    EXPECT_EQ(strides_of(luma->dl_tensor), (Numbers{128, 1}));
    EXPECT_EQ(shape_of(luma->dl_tensor), (Numbers{46, 62}));
}

TEST(Export, PlanesInMemoriesOfTheirOwnAreNotMerged) {
    const Caps caps = raw_caps("I420", 64, 48);
    const Buffer buffer(gst_buffer_new());
    gsize offsets[GST_VIDEO_MAX_PLANES] = {};
    const gint strides[GST_VIDEO_MAX_PLANES] = {80, 48, 48};
    const guint rows[] = {48, 24, 24};
    const guint8* addresses[3];
    for (guint plane = 0; plane < 3; ++plane) {
        const gsize size = static_cast<gsize>(strides[plane]) * rows[plane];
        offsets[plane] = gst_buffer_get_size(buffer.get());
        auto* data = static_cast<guint8*>(g_malloc0(size));
        addresses[plane] = data;
        gst_buffer_append_memory(buffer.get(),
                                 gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY, data, size, 0, size, data, g_free));
    }
    gst_buffer_add_video_meta_full(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 64, 48, 3, offsets,
                                   strides);
    for (guint plane = 0; plane < 3; ++plane) {
        const Tensor tensor = to_tensor(buffer.get(), caps, plane);
        EXPECT_EQ(data_of(tensor->dl_tensor), addresses[plane]) << "plane " << plane;
        EXPECT_EQ(tensor->dl_tensor.strides[0], strides[plane]);
        EXPECT_TRUE(is_read_only(tensor));
    }
    EXPECT_EQ(gst_buffer_n_memory(buffer.get()), 3u);
}

TEST(Export, WhatOthersMaySeeIsReadOnly) {
    const Caps caps = raw_caps("GRAY8", 64, 48);
    const Buffer own = noise(64 * 48);
    EXPECT_FALSE(is_read_only(to_tensor(own.get(), caps, 0)));
    const Buffer shared(gst_buffer_ref(own.get()));
    EXPECT_TRUE(is_read_only(to_tensor(own.get(), caps, 0)));
    const Buffer marked(gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, g_malloc0(64 * 48), 64 * 48, 0, 64 * 48,
                                                    nullptr, nullptr));
    EXPECT_TRUE(is_read_only(to_tensor(marked.get(), caps, 0)));
}

struct BufferDiary {
    bool freed = false;
    Buffer buffer;

    explicit BufferDiary(gsize size) : buffer(noise(size)) {
        gst_mini_object_weak_ref(
            GST_MINI_OBJECT(buffer.get()),
            [](gpointer data, GstMiniObject*) { static_cast<BufferDiary*>(data)->freed = true; }, this);
    }
};

TEST(Export, TheTensorKeepsTheBuffer) {
    const Caps caps = raw_caps("RGB", 64, 48);
    BufferDiary diary(info_of(caps).size);
    Tensor tensor = to_tensor(diary.buffer.get(), caps, 0);
    const guint8 before = data_of(tensor->dl_tensor)[1000];
    diary.buffer.reset();
    EXPECT_FALSE(diary.freed);
    EXPECT_EQ(data_of(tensor->dl_tensor)[1000], before);
    std::thread([&] { tensor.reset(); }).join(); // Consumers let go on any thread.
    EXPECT_TRUE(diary.freed);
}

TEST(Export, TheBufferGoesWithTheLastOfSeveralTensors) {
    const Caps caps = raw_caps("I420", 64, 48);
    BufferDiary diary(info_of(caps).size);
    Failure failure;
    Frame frame(cuframes_gst_frame_new(diary.buffer.get(), caps.get(), failure.out()));
    ASSERT_TRUE(frame) << failure.text();
    EXPECT_EQ(cuframes_gst_frame_get_n_planes(frame.get()), 3u);
    EXPECT_EQ(cuframes_gst_frame_get_width(frame.get()), 64u);
    EXPECT_EQ(cuframes_gst_frame_get_height(frame.get()), 48u);
    EXPECT_STREQ(cuframes_gst_frame_get_format(frame.get()), "I420");
    std::vector<Tensor> tensors;
    std::vector<LegacyTensor> legacy;
    for (guint plane = 0; plane < 3; ++plane) {
        tensors.emplace_back(cuframes_gst_frame_to_dlpack_versioned(frame.get(), plane, CUFRAMES_GST_VIEW_PIXELS,
                                                                    CUFRAMES_GST_STREAM_NONE, failure.out()));
        legacy.emplace_back(cuframes_gst_frame_to_dlpack(frame.get(), plane, CUFRAMES_GST_VIEW_PIXELS,
                                                         CUFRAMES_GST_STREAM_NONE, failure.out()));
        ASSERT_TRUE(tensors.back() && legacy.back()) << failure.text();
        EXPECT_EQ(tensors.back()->dl_tensor.data, legacy.back()->dl_tensor.data);
    }
    diary.buffer.reset();
    frame.reset();
    tensors.clear();
    legacy.resize(1);
    EXPECT_FALSE(diary.freed);
    legacy.clear();
    EXPECT_TRUE(diary.freed);
}

// Elements downstream may go on reading beside a tensor.
TEST(Export, TheBufferCanBeReadBesideATensorAndIsCopiedBeforeAWrite) {
    const Caps caps = raw_caps("GRAY8", 64, 48);
    Buffer buffer = noise(64 * 48);
    const Tensor tensor = to_tensor(buffer.get(), caps, 0);
    const guint8 before = data_of(tensor->dl_tensor)[0];
    first_byte(buffer.get());
    Buffer writable(gst_buffer_make_writable(buffer.release()));
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(writable.get(), &map, GST_MAP_READWRITE));
    map.data[0] = static_cast<guint8>(before + 1);
    gst_buffer_unmap(writable.get(), &map);
    EXPECT_EQ(data_of(tensor->dl_tensor)[0], before);
}

TEST(Export, ManyTensorsLeaveNothingBehind) {
    const Caps caps = raw_caps("NV12", 64, 48);
    const Buffer buffer = noise(info_of(caps).size);
    for (int i = 0; i < 10'000; ++i) {
        const Tensor tensor = to_tensor(buffer.get(), caps, i % 2);
        ASSERT_TRUE(tensor);
    }
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(buffer.get()), 1);
    EXPECT_TRUE(gst_buffer_is_all_memory_writable(buffer.get()));
}

TEST(Export, DescriptionsMatchTheTensors) {
    const Caps caps = raw_caps("P010_10LE", 66, 47);
    const Buffer buffer = noise(info_of(caps).size);
    Failure failure;
    const Frame frame(cuframes_gst_frame_new(buffer.get(), caps.get(), failure.out()));
    CuframesGstPlane plane;
    ASSERT_TRUE(cuframes_gst_frame_describe(frame.get(), 1, CUFRAMES_GST_VIEW_PIXELS, &plane, failure.out()));
    const Tensor tensor = to_tensor(buffer.get(), caps, 1);
    EXPECT_EQ(Numbers(plane.shape, plane.shape + plane.n_dims), shape_of(tensor->dl_tensor));
    EXPECT_EQ(Numbers(plane.strides, plane.strides + plane.n_dims), strides_of(tensor->dl_tensor));
    EXPECT_EQ(plane.data, reinterpret_cast<guintptr>(tensor->dl_tensor.data));
    EXPECT_EQ(plane.item_size, 2u);
    EXPECT_EQ(plane.rows, 24u);
    EXPECT_EQ(plane.row_bytes, 132u);
    EXPECT_EQ(plane.pitch, 132u);
    EXPECT_EQ(plane.device_type, kDLCPU);
}

struct Refused {
    const char* what;
    const char* caps;
    gsize size;
    guint plane;
    CuframesGstError code;
};

class Refusals : public testing::TestWithParam<Refused> {};

TEST_P(Refusals, NameTheReason) {
    const Caps caps(gst_caps_from_string(GetParam().caps));
    const Buffer buffer = noise(GetParam().size);
    Failure failure;
    const Tensor tensor(cuframes_gst_buffer_to_dlpack_versioned(
        buffer.get(), caps.get(), GetParam().plane, CUFRAMES_GST_VIEW_PIXELS, CUFRAMES_GST_STREAM_NONE, failure.out()));
    EXPECT_FALSE(tensor);
    EXPECT_TRUE(failure.is(GetParam().code)) << failure.text();
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(buffer.get()), 1) << "the buffer was not given back";
}

INSTANTIATE_TEST_SUITE_P(
    All, Refusals,
    testing::Values(
        Refused{"TooSmall", "video/x-raw,format=NV12,width=64,height=48", 100, 0, CUFRAMES_GST_ERROR_VALUE},
        Refused{"NoSuchPlane", "video/x-raw,format=NV12,width=64,height=48", 4608, 2, CUFRAMES_GST_ERROR_VALUE},
        Refused{"NotFixed", "video/x-raw,format=NV12,width=[1,64],height=48", 4608, 0, CUFRAMES_GST_ERROR_VALUE},
        Refused{"NotRaw", "video/x-h264,width=64,height=48", 4608, 0, CUFRAMES_GST_ERROR_VALUE},
        Refused{"OtherMemory", "video/x-raw(memory:GLMemory),format=RGBA,width=4,height=4", 64, 0,
                CUFRAMES_GST_ERROR_REFUSED}),
    [](const auto& test) { return test.param.what; });

// A meta from a broken element must not lead out of the buffer.
TEST(Export, AMetaThatLeavesTheBufferIsRefused) {
    const Caps caps = raw_caps("GRAY8", 64, 48);
    const Buffer buffer = noise(64 * 48);
    const gsize offsets[GST_VIDEO_MAX_PLANES] = {0};
    const gint strides[GST_VIDEO_MAX_PLANES] = {4096};
    gst_buffer_add_video_meta_full(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 64, 48, 1, offsets,
                                   strides);
    Failure failure;
    const Frame frame(cuframes_gst_frame_new(buffer.get(), caps.get(), failure.out()));
    EXPECT_FALSE(frame);
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_VALUE)) << failure.text();
}

} // namespace
} // namespace cuframes::test
