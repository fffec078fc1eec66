// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: tensors in GPU memory become a buffer in place where one base address and one pitch can describe them, else
// with one copy on the GPU; elements see what the producer's stream made; the tensors go when the GPU is through.
#include "gpu.h"

namespace cuframes::test {
namespace {

class CudaImport : public CudaTest {
public:
    static constexpr int width = 66;
    static constexpr int height = 48;
    static constexpr int64_t pitch = 128;
    static constexpr DLDevice gpu = {kDLCUDA, 0};

    void SetUp() override {
        CudaTest::SetUp();
        if (!IsSkipped() && !HasFatalFailure()) {
            block = std::make_unique<DeviceBuffer>(driver(), pitch * (height + height));
        }
    }
    void TearDown() override {
        CudaTest::TearDown();
        EXPECT_EQ(diary.deleted, diary.made) << "a tensor was lost, or deleted twice";
        block.reset();
    }

    DLManagedTensorVersioned* tensor(CudaDevicePointer at, std::vector<int64_t> shape, int64_t row = pitch,
                                     bool read_only = false, DLDevice device = gpu) {
        return ForeignVersioned::make(diary, reinterpret_cast<void*>(at), device, 8, std::move(shape), row, read_only);
    }
    DLManagedTensorVersioned* luma(int64_t row = pitch) { return tensor(block->address(), {height, width}, row); }
    /// As a producer has it that allocates both planes at once; `gap` rows lie between them.
    DLManagedTensorVersioned* chroma(int gap = 0) {
        return tensor(block->address() + pitch * static_cast<unsigned>(height + gap), {height / 2, width / 2, 2});
    }

    Buffer import(std::vector<DLManagedTensorVersioned*> tensors, int flags = CUFRAMES_GST_IMPORT_NONE,
                  GstContext* context = nullptr, gint64 stream = CUFRAMES_GST_STREAM_NONE,
                  const char* format = "NV12") {
        const Caps caps = raw_caps(format, width, height);
        return Buffer(cuframes_gst_buffer_new_from_dlpack_versioned(
            caps.get(), tensors.data(), static_cast<guint>(tensors.size()), context, stream,
            static_cast<CuframesGstImportFlags>(flags), failure.out()));
    }

    /// Fills both planes, each with its value.
    void paint(guint8 y, guint8 uv, void* stream = nullptr) {
        driver().check(driver().fill_async(block->address(), y, pitch * height, stream), "cuMemsetD8Async");
        driver().check(driver().fill_async(block->address() + pitch * height, uv, pitch * height, stream),
                       "cuMemsetD8Async");
    }

    /// Whether elements that download the buffer see these values, in the last column too.
    static bool shows(const Buffer& buffer, guint8 y, guint8 uv) {
        const GstVideoInfo info = info_of(raw_caps("NV12", width, height));
        GstVideoFrame frame;
        EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READ));
        const auto plane_is = [&frame](guint plane, int rows, guint8 value) {
            for (int row = 0; row < rows; ++row) {
                const auto* data = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane)) +
                                   row * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
                if (std::vector<guint8>(data, data + width) != std::vector<guint8>(width, value)) {
                    return false;
                }
            }
            return true;
        };
        const bool same = plane_is(0, height, y) && plane_is(1, height / 2, uv);
        gst_video_frame_unmap(&frame);
        return same;
    }

    /// Copies the first row where elements would.
    void read_as_element(const Buffer& buffer, const DeviceBuffer& into) const {
        GstCudaStream* stream =
            gst_cuda_memory_get_stream(GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer.get(), 0)));
        driver().check(
            driver().copy_async(into.address(), address_of(buffer.get()), width, gst_cuda_stream_get_handle(stream)),
            "cuMemcpyDtoDAsync");
    }

    uint64_t device_copies() const { return stand_in().copied().device_to_device; }
    void reset_copies() const {
        if (stand_in()) {
            stand_in().reset_copies();
        }
    }

    Diary diary;
    std::unique_ptr<DeviceBuffer> block;
};

TEST_F(CudaImport, ViewsOfOneAllocationAreUsedInPlace) {
    paint(20, 90);
    reset_copies();
    const Buffer buffer = import({luma(), chroma()}, CUFRAMES_GST_IMPORT_NO_COPY);
    ASSERT_TRUE(buffer) << failure.text();
    ASSERT_EQ(gst_buffer_n_memory(buffer.get()), 1u);
    EXPECT_TRUE(gst_is_cuda_memory(gst_buffer_peek_memory(buffer.get(), 0)));
    EXPECT_EQ(address_of(buffer.get()), block->address());
    EXPECT_EQ(device_copies(), 0u);
    EXPECT_TRUE(shows(buffer, 20, 90));
    EXPECT_FALSE(GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(buffer.get(), 0)));
}

TEST_F(CudaImport, OneTensorOfAllRowsIsUsedInPlace) {
    paint(21, 91);
    const Buffer buffer = import({tensor(block->address(), {height * 3 / 2, width})}, CUFRAMES_GST_IMPORT_NO_COPY);
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_EQ(address_of(buffer.get()), block->address());
    EXPECT_TRUE(shows(buffer, 21, 91));
}

// What lies between the planes is not the buffer's: elements must copy before they write.
TEST_F(CudaImport, PlanesWithAGapAreInPlaceAndReadOnly) {
    paint(22, 92);
    const Buffer buffer = import({luma(), chroma(8)}, CUFRAMES_GST_IMPORT_NO_COPY);
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_TRUE(shows(buffer, 22, 92));
    EXPECT_TRUE(GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(buffer.get(), 0)));
}

TEST_F(CudaImport, AReadOnlyTensorMakesReadOnlyMemory) {
    const Buffer buffer = import({tensor(block->address(), {height * 3 / 2, width}, pitch, true)});
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_TRUE(GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(buffer.get(), 0)));
}

TEST_F(CudaImport, SeparateAllocationsAreCopiedOnce) {
    const DeviceBuffer other(driver(), pitch * height);
    paint(23, 0);
    driver().check(driver().fill_async(other.address(), 93, other.size(), nullptr), "cuMemsetD8Async");
    const auto both = [&] { return std::vector{luma(), tensor(other.address(), {height / 2, width / 2, 2})}; };
    EXPECT_FALSE(import(both(), CUFRAMES_GST_IMPORT_NO_COPY));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_REFUSED)) << failure.text();
    reset_copies();
    const Buffer buffer = import(both());
    ASSERT_TRUE(buffer) << failure.text();
    if (stand_in()) {
        EXPECT_EQ(device_copies(), 2u) << "one for each plane";
    }
    EXPECT_TRUE(shows(buffer, 23, 93));
    cuframes_gst_drain();
    EXPECT_EQ(diary.deleted, diary.made) << "the copy needs the tensors no more";
}

TEST_F(CudaImport, ACopyIsMadeOnRequest) {
    paint(24, 94);
    const Buffer buffer = import({luma(), chroma()}, CUFRAMES_GST_IMPORT_COPY);
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_NE(address_of(buffer.get()), block->address());
    cuframes_gst_drain();
    EXPECT_EQ(diary.deleted, 2);
    paint(0, 0);
    driver().check(driver().context_synchronize(), "cuCtxSynchronize");
    EXPECT_TRUE(shows(buffer, 24, 94));
}

// Memory of the primary context in a pipeline with a context of its own.
TEST_F(CudaImport, AnotherContextGetsACopy) {
    paint(25, 95);
    const CudaContext theirs = own();
    const Context context(gst_context_new_cuda_context(theirs.get()));
    EXPECT_FALSE(import({luma(), chroma()}, CUFRAMES_GST_IMPORT_NO_COPY, context.get()));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_REFUSED)) << failure.text();
    const Buffer buffer = import({luma(), chroma()}, CUFRAMES_GST_IMPORT_NONE, context.get());
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_EQ(GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer.get(), 0))->context, theirs.get());
    EXPECT_TRUE(shows(buffer, 25, 95));
}

TEST_F(CudaImport, ElementsSeeWhatTheProducersStreamMade) {
    const DeviceStream producer(driver(), cuda_stream_non_blocking);
    const DeviceBuffer result(driver(), width);
    for (const int flags : {CUFRAMES_GST_IMPORT_NO_COPY, CUFRAMES_GST_IMPORT_COPY}) {
        paint(0, 0);
        driver().check(driver().context_synchronize(), "cuCtxSynchronize");
        Gate gate(driver(), producer.get());
        paint(26, 96, producer.get());
        const Buffer buffer = import({luma(), chroma()}, flags, nullptr, name_of(producer));
        ASSERT_TRUE(buffer) << failure.text();
        read_as_element(buffer, result);
        let_others_work();
        gate.open();
        gst_cuda_memory_sync(GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer.get(), 0)));
        EXPECT_EQ(download(result.address(), width), std::vector<guint8>(width, 26)) << "flags " << flags;
    }
}

// The producer's memory may be anybody's once its deleter was called.
TEST_F(CudaImport, TheTensorsOutliveTheElementsWork) {
    paint(27, 97);
    driver().check(driver().context_synchronize(), "cuCtxSynchronize");
    const DeviceBuffer result(driver(), width);
    Buffer buffer = import({tensor(block->address(), {height * 3 / 2, width})});
    ASSERT_TRUE(buffer) << failure.text();
    auto* memory = GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer.get(), 0));
    const CudaContext context(GST_CUDA_CONTEXT(gst_object_ref(memory->context)));
    const CudaStream element(gst_cuda_stream_new(context.get()));
    // An element waits for the memory's stream, and then reads on its own.
    gst_cuda_memory_sync(memory);
    Gate gate(driver(), gst_cuda_stream_get_handle(element.get()), context.get());
    driver().check(driver().copy_async(result.address(), address_of(buffer.get()), width,
                                       gst_cuda_stream_get_handle(element.get())),
                   "cuMemcpyDtoDAsync");
    buffer.reset();
    let_others_work();
    EXPECT_EQ(diary.deleted, 0) << "the tensor went while the element still read";
    gate.open();
    cuframes_gst_drain();
    EXPECT_EQ(diary.deleted, 1);
    EXPECT_NE(diary.deleted_by(), std::this_thread::get_id());
    EXPECT_EQ(download(result.address(), width), std::vector<guint8>(width, 27));
}

TEST_F(CudaImport, OddChromaIsDownloadedToItsLastByte) {
    const Caps caps = raw_caps("NV12", 67, 47);
    DLManagedTensorVersioned* tensors[] = {tensor(block->address(), {47, 67}),
                                           tensor(block->address() + pitch * 47, {24, 34, 2})};
    driver().check(driver().fill_async(block->address(), 28, block->size(), nullptr), "cuMemsetD8Async");
    const Buffer buffer(cuframes_gst_buffer_new_from_dlpack_versioned(
        caps.get(), tensors, 2, nullptr, CUFRAMES_GST_STREAM_NONE, CUFRAMES_GST_IMPORT_NO_COPY, failure.out()));
    ASSERT_TRUE(buffer) << failure.text();
    const GstVideoInfo info = info_of(caps);
    GstVideoFrame frame;
    ASSERT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READ));
    for (int row = 0; row < 24; ++row) {
        EXPECT_EQ(static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 1))[row * pitch + 67], 28) << row;
    }
    gst_video_frame_unmap(&frame);
}

TEST_F(CudaImport, HostTensorsAreUploadedOnRequest) {
    std::vector<guint8> rows(width * height * 3 / 2, 29);
    const auto host = [&] {
        return tensor(reinterpret_cast<CudaDevicePointer>(rows.data()), {height * 3 / 2, width}, width, false,
                      {kDLCPU, 0});
    };
    const Buffer buffer = import({host()}, CUFRAMES_GST_IMPORT_CUDA_MEMORY);
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_TRUE(gst_is_cuda_memory(gst_buffer_peek_memory(buffer.get(), 0)));
    EXPECT_TRUE(shows(buffer, 29, 29));
    EXPECT_FALSE(import({host()}, CUFRAMES_GST_IMPORT_CUDA_MEMORY | CUFRAMES_GST_IMPORT_NO_COPY));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_REFUSED)) << failure.text();
}

TEST_F(CudaImport, GpuTensorsAreDownloadedOnRequest) {
    const DeviceStream producer(driver(), cuda_stream_non_blocking);
    paint(30, 100, producer.get());
    const Buffer buffer = import({luma(), chroma()}, CUFRAMES_GST_IMPORT_SYSTEM_MEMORY, nullptr, name_of(producer));
    ASSERT_TRUE(buffer) << failure.text();
    EXPECT_FALSE(gst_is_cuda_memory(gst_buffer_peek_memory(buffer.get(), 0)));
    EXPECT_TRUE(shows(buffer, 30, 100));
}

TEST_F(CudaImport, WhatCannotBeIsRefusedAndLetGo) {
    EXPECT_FALSE(import({tensor(block->address(), {height * 3 / 2, width}, pitch, false, {kDLCUDA, 63})}));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_NO_DEVICE)) << failure.text();
    const Context other(gst_context_new("something.else", TRUE));
    EXPECT_FALSE(import({luma(), chroma()}, CUFRAMES_GST_IMPORT_NONE, other.get()));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_NO_DEVICE)) << failure.text();
    EXPECT_FALSE(import({luma(), chroma()}, CUFRAMES_GST_IMPORT_NONE, nullptr, 0));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_VALUE)) << failure.text();
}

TEST_F(CudaImport, ManyBuffersLeaveNothingBehind) {
    const auto round = [this] {
        for (int i = 0; i < 300; ++i) {
            ASSERT_TRUE(import({luma(), chroma()}, i % 2 ? CUFRAMES_GST_IMPORT_COPY : CUFRAMES_GST_IMPORT_NO_COPY))
                << failure.text();
        }
        cuframes_gst_drain();
        driver().check(driver().context_synchronize(), "cuCtxSynchronize");
    };
    round();
    const FakeCudaStats before = stand_in().alive();
    round();
    const FakeCudaStats after = stand_in().alive();
    EXPECT_EQ(after.events, before.events);
    EXPECT_EQ(after.streams, before.streams);
    EXPECT_EQ(after.contexts, before.contexts);
    EXPECT_EQ(after.allocations, before.allocations);
    EXPECT_EQ(after.host_allocations, before.host_allocations);
}

} // namespace
} // namespace cuframes::test
