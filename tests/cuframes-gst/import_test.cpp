// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a buffer made of tensors in system memory lies where they lie, unless a copy is asked for; the tensors go once,
// on the library's own thread, and also when the buffer cannot be made.
#include "deadline.h"
#include "foreign.h"
#include "objects.h"

#include <gtest/gtest.h>

#include <cstring>

namespace cuframes::test {
namespace {

constexpr DLDevice cpu = {kDLCPU, 0};

class Import : public testing::Test {
public:
    ~Import() override {
        cuframes_gst_drain();
        EXPECT_EQ(diary.deleted, diary.made) << "a tensor was lost, or deleted twice";
    }

    DLManagedTensorVersioned* tensor(void* data, std::vector<int64_t> shape, int64_t pitch, uint8_t bits = 8,
                                     bool read_only = false) {
        return ForeignVersioned::make(diary, data, cpu, bits, std::move(shape), pitch, read_only);
    }

    Buffer import(const char* format, int width, int height, std::vector<DLManagedTensorVersioned*> tensors,
                  int flags = CUFRAMES_GST_IMPORT_NONE) {
        const Caps caps = raw_caps(format, width, height);
        return Buffer(cuframes_gst_buffer_new_from_dlpack_versioned(
            caps.get(), tensors.data(), static_cast<guint>(tensors.size()), nullptr, CUFRAMES_GST_STREAM_NONE,
            static_cast<CuframesGstImportFlags>(flags), failure.out()));
    }

    /// Every visible byte of the buffer, as elements see it.
    static std::string bytes_of(const Buffer& buffer, const char* format, int width, int height) {
        const GstVideoInfo info = info_of(raw_caps(format, width, height));
        GstVideoFrame frame;
        EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READ));
        std::string bytes;
        for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
            gint component[GST_VIDEO_MAX_COMPONENTS];
            gst_video_format_info_component(info.finfo, plane, component);
            const auto size = static_cast<size_t>(GST_VIDEO_FRAME_COMP_WIDTH(&frame, component[0]) *
                                                  GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, component[0]));
            for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, component[0]); ++y) {
                bytes.append(static_cast<const char*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane)) +
                                 y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane),
                             size);
            }
        }
        gst_video_frame_unmap(&frame);
        return bytes;
    }

    static const void* address(const Buffer& buffer, guint memory) {
        GstMapInfo map;
        GstMemory* of = gst_buffer_peek_memory(buffer.get(), memory);
        EXPECT_TRUE(gst_memory_map(of, &map, GST_MAP_READ));
        const void* data = map.data;
        gst_memory_unmap(of, &map);
        return data;
    }

    Diary diary;
    Failure failure;
    std::vector<guint8> luma = std::vector<guint8>(80 * 48, 17);
    std::vector<guint8> chroma = std::vector<guint8>(96 * 24, 99);
};

TEST_F(Import, TensorsOfPlanesAreUsedInPlace) {
    const Buffer buffer =
        import("NV12", 64, 48, {tensor(luma.data(), {48, 64}, 80), tensor(chroma.data(), {24, 32, 2}, 96)},
               CUFRAMES_GST_IMPORT_NO_COPY);
    ASSERT_TRUE(buffer) << failure.text();
    ASSERT_EQ(gst_buffer_n_memory(buffer.get()), 2u);
    EXPECT_EQ(address(buffer, 0), luma.data());
    EXPECT_EQ(address(buffer, 1), chroma.data());
    EXPECT_EQ(bytes_of(buffer, "NV12", 64, 48), std::string(64 * 48, 17) + std::string(64 * 24, 99));
    luma[0] = 200; // The maker's own view: no copy lies between.
    EXPECT_EQ(static_cast<guint8>(bytes_of(buffer, "NV12", 64, 48)[0]), 200);
}

TEST_F(Import, OneTensorOfAllRowsIsOneMemory) {
    std::vector<guint8> rows(64 * 72, 5);
    const Buffer buffer = import("NV12", 64, 48, {tensor(rows.data(), {72, 64}, 64)}, CUFRAMES_GST_IMPORT_NO_COPY);
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_EQ(gst_buffer_n_memory(buffer.get()), 1u);
    EXPECT_EQ(address(buffer, 0), rows.data());
    rows[64 * 48] = 77;
    EXPECT_EQ(bytes_of(buffer, "NV12", 64, 48)[64 * 48], 77);
}

TEST_F(Import, FlatChromaIsChroma) {
    const Buffer buffer =
        import("NV12", 64, 48, {tensor(luma.data(), {48, 64}, 80), tensor(chroma.data(), {24, 64}, 96)});
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_EQ(bytes_of(buffer, "NV12", 64, 48), std::string(64 * 48, 17) + std::string(64 * 24, 99));
}

TEST_F(Import, ACopyHasGStreamersLayoutAndLetsTheTensorsGo) {
    const Buffer buffer =
        import("NV12", 64, 48, {tensor(luma.data(), {48, 64}, 80), tensor(chroma.data(), {24, 32, 2}, 96)},
               CUFRAMES_GST_IMPORT_COPY);
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_EQ(gst_buffer_get_size(buffer.get()), info_of(raw_caps("NV12", 64, 48)).size);
    cuframes_gst_drain();
    EXPECT_EQ(diary.deleted, 2);
    luma.assign(luma.size(), 0);
    EXPECT_EQ(bytes_of(buffer, "NV12", 64, 48), std::string(64 * 48, 17) + std::string(64 * 24, 99));
}

TEST_F(Import, DeletersRunOnTheLibrarysThread) {
    Buffer buffer = import("GRAY8", 64, 48, {tensor(luma.data(), {48, 64}, 80)});
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_EQ(diary.deleted, 0);
    std::thread::id streaming;
    std::thread([&] {
        streaming = std::this_thread::get_id();
        buffer.reset();
    }).join();
    cuframes_gst_drain();
    EXPECT_EQ(diary.deleted, 1);
    EXPECT_NE(diary.deleted_by(), streaming);
    EXPECT_NE(diary.deleted_by(), std::this_thread::get_id());
}

TEST_F(Import, ADeleterThatWaitsHoldsUpNobody) {
    // As a deleter of Python does, that needs the interpreter lock which the thread in a call of ours holds.
    std::mutex interpreter;
    std::vector<int64_t> shape = {48, 64};
    struct Waiting {
        DLManagedTensor managed;
        std::mutex* lock;
        Diary* diary;
    } waiting{{}, &interpreter, &diary};
    ++diary.made;
    waiting.managed.dl_tensor = {luma.data(), cpu, 2, {kDLUInt, 8, 1}, shape.data(), nullptr, 0};
    waiting.managed.manager_ctx = &waiting;
    waiting.managed.deleter = [](DLManagedTensor* managed) {
        auto* self = static_cast<Waiting*>(managed->manager_ctx);
        const std::lock_guard lock(*self->lock);
        ++self->diary->deleted;
    };
    DLManagedTensor* tensors[] = {&waiting.managed};
    const Caps caps = raw_caps("GRAY8", 64, 48);
    {
        const std::lock_guard held(interpreter);
        Buffer buffer(cuframes_gst_buffer_new_from_dlpack(caps.get(), tensors, 1, nullptr, CUFRAMES_GST_STREAM_NONE,
                                                          CUFRAMES_GST_IMPORT_NONE, failure.out()));
        ASSERT_TRUE(buffer) << failure.text();
        buffer.reset();
        EXPECT_EQ(diary.deleted, 0);
    }
    cuframes_gst_drain();
    EXPECT_EQ(diary.deleted, 1);
}

TEST_F(Import, ReadOnlyTensorsMakeReadOnlyMemory) {
    const Buffer buffer = import("GRAY8", 64, 48, {tensor(luma.data(), {48, 64}, 80, 8, true)});
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_TRUE(GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(buffer.get(), 0)));
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(buffer.get(), &map, GST_MAP_READWRITE)); // of a copy
    map.data[0] = 1;
    gst_buffer_unmap(buffer.get(), &map);
    EXPECT_EQ(luma[0], 17);
}

TEST_F(Import, WhatWasExportedComesBackWithoutACopy) {
    const Caps caps = raw_caps("I420", 66, 46);
    const Buffer first = noise(info_of(caps).size);
    std::vector<DLManagedTensorVersioned*> tensors;
    for (guint plane = 0; plane < 3; ++plane) {
        tensors.push_back(cuframes_gst_buffer_to_dlpack_versioned(
            first.get(), caps.get(), plane, CUFRAMES_GST_VIEW_PIXELS, CUFRAMES_GST_STREAM_NONE, failure.out()));
    }
    Buffer second = import("I420", 66, 46, tensors, CUFRAMES_GST_IMPORT_NO_COPY);
    ASSERT_TRUE(second) << failure.text();
    EXPECT_EQ(bytes_of(second, "I420", 66, 46), bytes_of(first, "I420", 66, 46));
    EXPECT_EQ(address(second, 0), address(first, 0));
    second.reset();
    cuframes_gst_drain();
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(first.get()), 1);
}

TEST_F(Import, AddressesServeLanguageBindings) {
    const Caps caps = raw_caps("NV12", 64, 48);
    const guint64 addresses[] = {
        reinterpret_cast<guintptr>(tensor(luma.data(), {48, 64}, 80)),
        reinterpret_cast<guintptr>(ForeignLegacy::make(diary, chroma.data(), cpu, 8, {24, 32, 2}, 96)),
    };
    const Buffer buffer(cuframes_gst_buffer_new_from_addresses(
        caps.get(), addresses, 2, 1, nullptr, CUFRAMES_GST_STREAM_NONE, CUFRAMES_GST_IMPORT_NONE, failure.out()));
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_EQ(bytes_of(buffer, "NV12", 64, 48), std::string(64 * 48, 17) + std::string(64 * 24, 99));
}

TEST_F(Import, WrongTensorsAreRefusedAndLetGo) {
    EXPECT_FALSE(import("GRAY8", 64, 48, {tensor(luma.data(), {24, 64}, 80, 16)}));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_DTYPE)) << failure.text();
    EXPECT_FALSE(import("GRAY8", 64, 48, {tensor(luma.data(), {48, 63}, 80)}));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_VALUE)) << failure.text();
    EXPECT_NE(failure.text().find("(48, 64)"), std::string::npos) << failure.text();
    EXPECT_FALSE(import("GRAY8", 64, 48, {tensor(luma.data(), {48, 64}, 32)}));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_VALUE)) << "rows overlap: " << failure.text();
    EXPECT_FALSE(import("I420", 64, 48, {tensor(luma.data(), {48, 64}, 80)}));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_VALUE)) << failure.text();
    EXPECT_FALSE(import("v210", 64, 48, {tensor(luma.data(), {48, 64}, 80)}));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_REFUSED)) << failure.text();
    EXPECT_FALSE(import("GRAY8", 64, 48, {nullptr, tensor(luma.data(), {48, 64}, 80)}));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_VALUE)) << failure.text();
    EXPECT_FALSE(import("GRAY8", 64, 48, {tensor(luma.data(), {48, 64}, 80)},
                        CUFRAMES_GST_IMPORT_COPY | CUFRAMES_GST_IMPORT_NO_COPY));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_VALUE)) << failure.text();
}

TEST_F(Import, ALaterMajorVersionIsOnlyDeleted) {
    DLManagedTensorVersioned* unknown = tensor(luma.data(), {48, 64}, 80);
    unknown->version.major = 2;
    EXPECT_FALSE(import("GRAY8", 64, 48, {unknown}));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_REFUSED)) << failure.text();
}

TEST_F(Import, ManyBuffersLeaveNothingBehind) {
    for (int i = 0; i < 2000; ++i) {
        ASSERT_TRUE(import("GRAY8", 64, 48, {tensor(luma.data(), {48, 64}, 80)})) << failure.text();
    }
    EXPECT_TRUE(eventually([&] { return diary.deleted == 2000; }));
}

} // namespace
} // namespace cuframes::test
