// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a tensor of a buffer in GPU memory is complete for the stream that reads it, and its buffer is not used again
// before that stream is through, although nobody waits on the CPU. In GStreamer's own context as in the primary one.
#include "gpu.h"
#include "temp_dir.h"

#include <cstdlib>
#include <cstring>
#include <optional>

namespace cuframes::test {
namespace {

enum class Kind { own, primary };

class CudaExport : public CudaTest, public testing::WithParamInterface<Kind> {
public:
    void SetUp() override {
        CudaTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) {
            return;
        }
        context = GetParam() == Kind::own ? own() : primary();
        stream.reset(gst_cuda_stream_new(context.get()));
        pool = make_pool(context.get(), stream.get(), caps, 1);
        buffer = acquire(pool);
        fill(buffer.get(), old_value);
        finish(buffer.get());
    }
    void TearDown() override {
        buffer.reset();
        pool.reset();
        stream.reset();
        context.reset();
        CudaTest::TearDown();
    }

    Tensor to_tensor(gint64 name, guint plane = 0) {
        Tensor tensor(cuframes_gst_buffer_to_dlpack_versioned(buffer.get(), caps.get(), plane, CUFRAMES_GST_VIEW_PIXELS,
                                                              name, failure.out()));
        EXPECT_TRUE(tensor) << failure.text();
        return tensor;
    }

    /// Copies the luma on `reader`, as a kernel would read it.
    void read(const Tensor& tensor, const DeviceBuffer& into, void* reader) const {
        driver().check(driver().copy_async(into.address(), address_of(tensor->dl_tensor), into.size(), reader),
                       "cuMemcpyDtoDAsync");
    }

    bool holds(const DeviceBuffer& result, guint8 value) const {
        return download(result.address(), result.size()) == std::vector<guint8>(result.size(), value);
    }

    static constexpr guint8 old_value = 3;
    static constexpr guint8 new_value = 7;
    static constexpr int width = 322;
    static constexpr int height = 241;
    const Caps caps = raw_caps("NV12", width, height);
    CudaContext context;
    CudaStream stream;
    Pool pool;
    Buffer buffer;
};

INSTANTIATE_TEST_SUITE_P(Contexts, CudaExport, testing::Values(Kind::own, Kind::primary),
                         [](const auto& test) { return test.param == Kind::own ? "Own" : "Primary"; });

TEST_P(CudaExport, PlanesLieInTheBuffersMemory) {
    const auto* memory = GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer.get(), 0));
    const Tensor luma = to_tensor(CUFRAMES_GST_STREAM_NONE);
    const Tensor chroma = to_tensor(CUFRAMES_GST_STREAM_NONE, 1);
    EXPECT_EQ(luma->dl_tensor.device.device_type, kDLCUDA);
    EXPECT_EQ(luma->dl_tensor.device.device_id, 0);
    EXPECT_EQ(address_of(luma->dl_tensor), address_of(buffer.get()));
    EXPECT_EQ(luma->dl_tensor.shape[0], 241);
    EXPECT_EQ(luma->dl_tensor.strides[0], memory->info.stride[0]);
    EXPECT_EQ(address_of(chroma->dl_tensor), address_of(buffer.get()) + memory->info.offset[1]);
    EXPECT_EQ(chroma->dl_tensor.shape[0], 121);
    EXPECT_EQ(chroma->dl_tensor.shape[1], 161);
    EXPECT_EQ(chroma->dl_tensor.shape[2], 2);
    EXPECT_FALSE(luma->flags & DLPACK_FLAG_BITMASK_READ_ONLY) << "nobody else had the buffer";
    EXPECT_TRUE(chroma->flags & DLPACK_FLAG_BITMASK_READ_ONLY) << "the first tensor has it too";
}

TEST_P(CudaExport, TheReadersStreamWaitsForTheProducers) {
    const DeviceStream own_stream(driver(), cuda_stream_non_blocking);
    const DeviceBuffer result(driver(), 320);
    struct {
        gint64 name;
        void* handle;
    } const readers[] = {{name_of(own_stream), own_stream.get()},
                         {CUFRAMES_GST_STREAM_NONE, nullptr},
                         {CUFRAMES_GST_STREAM_LEGACY, nullptr},
                         {CUFRAMES_GST_STREAM_PER_THREAD, CU_STREAM_PER_THREAD}};
    for (const auto& reader : readers) {
        fill(buffer.get(), old_value);
        finish(buffer.get());
        Gate gate(driver(), gst_cuda_stream_get_handle(stream.get()), context.get());
        fill(buffer.get(), new_value);
        const Tensor tensor = to_tensor(reader.name);
        read(tensor, result, reader.handle);
        let_others_work();
        gate.open();
        driver().check(driver().stream_synchronize(reader.handle), "cuStreamSynchronize");
        EXPECT_TRUE(holds(result, new_value)) << "stream " << reader.name;
    }
}

// The test above would notice: without the wait the pixels are the old ones.
TEST_P(CudaExport, AReaderThatAsksForNoWaitGetsNone) {
    const DeviceStream reader(driver(), cuda_stream_non_blocking);
    const DeviceBuffer result(driver(), 320);
    Gate gate(driver(), gst_cuda_stream_get_handle(stream.get()), context.get());
    fill(buffer.get(), new_value);
    const Tensor tensor = to_tensor(CUFRAMES_GST_STREAM_NO_SYNC);
    read(tensor, result, reader.get());
    reader.synchronize();
    gate.open();
    finish(buffer.get());
    EXPECT_TRUE(holds(result, old_value));
}

TEST_P(CudaExport, TheWriterIsWaitedForBeforeElementsGoOn) {
    const DeviceStream writer(driver(), cuda_stream_non_blocking);
    const DeviceBuffer result(driver(), 320);
    Gate gate(driver(), writer.get());
    {
        const Tensor tensor = to_tensor(name_of(writer));
        EXPECT_FALSE(tensor->flags & DLPACK_FLAG_BITMASK_READ_ONLY) << "nobody else has this buffer";
        driver().check(driver().fill_async(address_of(tensor->dl_tensor), new_value, 320, writer.get()),
                       "cuMemsetD8Async");
    }
    ASSERT_TRUE(cuframes_gst_buffer_wait_for_stream(buffer.get(), name_of(writer), failure.out())) << failure.text();
    // As an element of this context does.
    gst_cuda_context_push(context.get());
    driver().check(driver().copy_async(result.address(), address_of(buffer.get()), result.size(),
                                       gst_cuda_stream_get_handle(stream.get())),
                   "cuMemcpyDtoDAsync");
    gst_cuda_context_pop(nullptr);
    let_others_work();
    gate.open();
    finish(buffer.get());
    EXPECT_TRUE(holds(result, new_value));
}

TEST_P(CudaExport, AmbiguousAndUnknownStreamsAreRefused) {
    for (const gint64 name : {0, -2, -7}) {
        const Tensor tensor(cuframes_gst_buffer_to_dlpack_versioned(buffer.get(), caps.get(), 0,
                                                                    CUFRAMES_GST_VIEW_PIXELS, name, failure.out()));
        EXPECT_FALSE(tensor);
        EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_VALUE)) << failure.text();
    }
}

/// A reader that is held up, and a pool whose next user writes the one buffer as soon as it gets it.
class CudaReuse : public CudaExport {
public:
    void SetUp() override {
        CudaExport::SetUp();
        if (IsSkipped() || HasFatalFailure()) {
            return;
        }
        reader = std::make_unique<DeviceStream>(driver(), cuda_stream_non_blocking);
        result = std::make_unique<DeviceBuffer>(driver(), 320);
    }
    void TearDown() override {
        result.reset();
        reader.reset();
        CudaExport::TearDown();
    }

    /// The reader's own frame, and not the next user's. Everything but the reading is let go at once.
    bool reader_sees_its_frame(Tensor tensor, bool is_kept, const std::function<void(Tensor)>& let_go) {
        Gate gate(driver(), reader->get());
        read(tensor, *result, reader->get());
        let_go(std::move(tensor));
        buffer.reset();
        if (is_kept) {
            let_others_work();
            EXPECT_FALSE(try_acquire(pool)) << "the pool has the buffer back, and its reader has not read";
            gate.open();
        }
        EXPECT_TRUE(eventually([this] { return (buffer = try_acquire(pool)) != nullptr; }));
        fill(buffer.get(), new_value);
        finish(buffer.get());
        gate.open();
        reader->synchronize();
        return holds(*result, old_value);
    }

    static bool releases_are_safe() { return !std::getenv("CUFRAMES_UNSAFE_RELEASE"); }
    static void at_once(Tensor tensor) { tensor.reset(); }

    std::unique_ptr<DeviceStream> reader;
    std::unique_ptr<DeviceBuffer> result;
};

INSTANTIATE_TEST_SUITE_P(Contexts, CudaReuse, testing::Values(Kind::own, Kind::primary),
                         [](const auto& test) { return test.param == Kind::own ? "Own" : "Primary"; });

// With CUFRAMES_UNSAFE_RELEASE=host the same must go wrong: so it is the wait that keeps the frame, and not luck.
TEST_P(CudaReuse, ATensorMayGoRightAfterItsReaderWasQueued) {
    EXPECT_EQ(reader_sees_its_frame(to_tensor(name_of(*reader)), releases_are_safe(), at_once), releases_are_safe());
}

// Nobody is told of its stream then: all but non-blocking ones are waited for.
TEST_P(CudaReuse, AlsoIfTheReaderAskedForNoWait) {
    reader = std::make_unique<DeviceStream>(driver(), 0);
    EXPECT_EQ(reader_sees_its_frame(to_tensor(CUFRAMES_GST_STREAM_NO_SYNC), releases_are_safe(), at_once),
              releases_are_safe());
}

TEST_P(CudaReuse, AlsoIfAFurtherStreamReadsIt) {
    Frame frame(cuframes_gst_frame_new(buffer.get(), caps.get(), failure.out()));
    ASSERT_TRUE(frame) << failure.text();
    Tensor tensor(cuframes_gst_frame_to_dlpack_versioned(frame.get(), 0, CUFRAMES_GST_VIEW_PIXELS,
                                                         CUFRAMES_GST_STREAM_LEGACY, failure.out()));
    ASSERT_TRUE(cuframes_gst_frame_wait(frame.get(), name_of(*reader), failure.out())) << failure.text();
    frame.reset();
    EXPECT_EQ(reader_sees_its_frame(std::move(tensor), releases_are_safe(), at_once), releases_are_safe());
}

// Whose reader takes long gets its buffer back late, and nobody else.
TEST_P(CudaReuse, AReaderThatTakesLongHoldsUpNobodyElse) {
    if (const char* release = std::getenv("CUFRAMES_RELEASE"); release && std::string(release) == "context") {
        GTEST_SKIP() << "everybody waits for all of the context then, as was asked for";
    }
    const Pool others = make_pool(context.get(), stream.get(), caps, 1);
    const DeviceStream quick(driver(), cuda_stream_non_blocking);
    Gate gate(driver(), reader->get());
    Tensor tensor = to_tensor(name_of(*reader));
    read(tensor, *result, reader->get());
    tensor.reset();
    buffer.reset();
    Buffer other = acquire(others);
    Tensor second(cuframes_gst_buffer_to_dlpack_versioned(other.get(), caps.get(), 0, CUFRAMES_GST_VIEW_PIXELS,
                                                          name_of(quick), failure.out()));
    ASSERT_TRUE(second) << failure.text();
    second.reset();
    other.reset();
    EXPECT_TRUE(eventually([&] { return (other = try_acquire(others)) != nullptr; }));
    EXPECT_EQ(try_acquire(pool) == nullptr, releases_are_safe())
        << "the pool has the buffer back, and its reader has not read";
    gate.open();
    EXPECT_TRUE(eventually([this] { return (buffer = try_acquire(pool)) != nullptr; }));
}

// Consumers may call a deleter where the driver must not be called. It comes after the read, so it is never harmful.
TEST_P(CudaReuse, AlsoIfTheTensorGoesInAHostFunction) {
    using HostFunction = void (*)(void*);
    auto* launch = reinterpret_cast<int (*)(void*, HostFunction, void*)>(driver().extension("cuLaunchHostFunc"));
    EXPECT_TRUE(reader_sees_its_frame(to_tensor(name_of(*reader)), true, [&](Tensor tensor) {
        driver().check(launch(
                           reader->get(), [](void* held) { Tensor(static_cast<DLManagedTensorVersioned*>(held)); },
                           tensor.release()),
                       "cuLaunchHostFunc");
    }));
}

TEST_P(CudaExport, ManyTensorsLeaveNothingBehind) {
    const auto round = [this] {
        const DeviceStream reader(driver(), cuda_stream_non_blocking);
        for (int i = 0; i < 500; ++i) {
            const Tensor tensor = to_tensor(name_of(reader), i % 2);
            ASSERT_TRUE(tensor);
        }
    };
    round();
    cuframes_gst_drain();
    const FakeCudaStats before = stand_in().alive();
    round();
    cuframes_gst_drain();
    const FakeCudaStats after = stand_in().alive();
    EXPECT_EQ(after.events, before.events);
    EXPECT_EQ(after.streams, before.streams);
    EXPECT_EQ(after.contexts, before.contexts);
    EXPECT_EQ(after.allocations, before.allocations);
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(buffer.get()), 1);
}

// A GstVideoMeta may say any number.
TEST_P(CudaExport, AFormatThatIsNoneIsRefused) {
    GstVideoMeta* meta = gst_buffer_get_video_meta(buffer.get());
    if (!meta) {
        meta = gst_buffer_add_video_meta(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, width, height);
    }
    for (const gint number : {-1, 99999}) {
        std::memcpy(&meta->format, &number, sizeof number);
        const Tensor tensor(cuframes_gst_buffer_to_dlpack_versioned(buffer.get(), caps.get(), 0,
                                                                    CUFRAMES_GST_VIEW_PIXELS, -1, failure.out()));
        EXPECT_FALSE(tensor) << number;
        EXPECT_NE(failure.text().find("holds none of 322x241"), std::string::npos) << failure.text();
    }
}

TEST_P(CudaExport, PlanesInMemoriesOfTheirOwn) {
    const Caps gray = raw_caps("GRAY8", 64, 72);
    const Caps nv12 = raw_caps("NV12", 64, 48);
    const DeviceBuffer luma(driver(), 64 * 72);
    const DeviceBuffer chroma(driver(), 64 * 72);
    const GstVideoInfo info = info_of(gray);
    const Buffer planes(gst_buffer_new());
    for (const DeviceBuffer* part : {&luma, &chroma}) {
        gst_buffer_append_memory(planes.get(),
                                 gst_cuda_allocator_alloc_wrapped(nullptr, context.get(), stream.get(), &info,
                                                                  part->address(), nullptr, [](gpointer) {}));
    }
    const gsize offsets[GST_VIDEO_MAX_PLANES] = {64, 64 * 72 + 128};
    const gint strides[GST_VIDEO_MAX_PLANES] = {64, 64};
    gst_buffer_add_video_meta_full(planes.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 64, 48, 2, offsets,
                                   strides);
    const Frame frame(cuframes_gst_frame_new(planes.get(), nv12.get(), failure.out()));
    ASSERT_TRUE(frame) << failure.text();
    CuframesGstPlane plane;
    ASSERT_TRUE(cuframes_gst_frame_describe(frame.get(), 0, CUFRAMES_GST_VIEW_PIXELS, &plane, failure.out()));
    EXPECT_EQ(plane.data, luma.address() + 64);
    ASSERT_TRUE(cuframes_gst_frame_describe(frame.get(), 1, CUFRAMES_GST_VIEW_PIXELS, &plane, failure.out()));
    EXPECT_EQ(plane.data, chroma.address() + 128);
    EXPECT_EQ(plane.device_type, kDLCUDA);
}

class CudaPipeline : public CudaTest {};

// What an element uploaded, and what another would download: the tensor shows the same.
TEST_F(CudaPipeline, TensorsShowWhatElementsMade) {
    for (const char* format : {"NV12", "I420", "P010_10LE", "RGB", "BGRA", "Y444"}) {
        const Caps caps = raw_caps(format, 322, 241);
        const std::string line = std::string("videotestsrc num-buffers=1 ! video/x-raw,width=322,height=241,format=") +
                                 format + " ! cudaupload ! video/x-raw(memory:CUDAMemory) ! fakesink name=out";
        GError* error = nullptr;
        GstElement* pipeline = gst_parse_launch(line.c_str(), &error);
        ASSERT_TRUE(pipeline && !error) << (error ? error->message : "");
        ASSERT_TRUE(cuframes_gst_pipeline_use_primary_context(pipeline, 0, failure.out())) << failure.text();
        gst_element_set_state(pipeline, GST_STATE_PLAYING);
        GstBus* bus = gst_element_get_bus(pipeline);
        GstMessage* end = gst_bus_timed_pop_filtered(bus, 30 * GST_SECOND,
                                                     static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
        ASSERT_TRUE(end && GST_MESSAGE_TYPE(end) == GST_MESSAGE_EOS) << format;
        gst_message_unref(end);
        gst_object_unref(bus);
        GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "out");
        GstSample* sample = nullptr;
        g_object_get(sink, "last-sample", &sample, nullptr);
        gst_object_unref(sink);
        const Buffer buffer(gst_buffer_ref(gst_sample_get_buffer(sample)));
        gst_sample_unref(sample);
        gst_element_set_state(pipeline, GST_STATE_NULL);
        gst_object_unref(pipeline);

        // GStreamer's first CUDA element leaves a context of its own behind on the thread that loads it.
        driver().context_set_current(gst_cuda_context_get_handle(primary().get()));
        // The pipeline is gone; the frame is not. Its context is that of the CUDA runtime.
        EXPECT_EQ(GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer.get(), 0))->context, primary().get());
        const GstVideoInfo info = info_of(caps);
        GstVideoFrame frame;
        ASSERT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READ));
        for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
            const Tensor tensor(cuframes_gst_buffer_to_dlpack_versioned(
                buffer.get(), caps.get(), plane, CUFRAMES_GST_VIEW_BYTES, CUFRAMES_GST_STREAM_LEGACY, failure.out()));
            ASSERT_TRUE(tensor) << failure.text();
            for (int64_t y = 0; y < tensor->dl_tensor.shape[0]; ++y) {
                const auto row = download(address_of(tensor->dl_tensor) +
                                              static_cast<CudaDevicePointer>(y * tensor->dl_tensor.strides[0]),
                                          static_cast<size_t>(tensor->dl_tensor.shape[1]));
                ASSERT_EQ(std::memcmp(row.data(),
                                      static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane)) +
                                          y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane),
                                      row.size()),
                          0)
                    << format << " plane " << plane << " row " << y;
            }
        }
        gst_video_frame_unmap(&frame);
    }
}

TEST_F(CudaPipeline, ThePrimaryContextIsOneObject) {
    const CudaContext first = primary();
    EXPECT_EQ(first, primary());
    EXPECT_EQ(gst_cuda_context_get_handle(first.get()), driver().use_primary_context(0));
    driver().primary_release(0);
}

// The plugin does not need this library, nor the library the plugin; elements compare the objects all the same.
TEST_F(CudaPipeline, ThePluginUsesTheSameObject) {
    const TempDir directory;
    const std::string line =
        "videotestsrc num-buffers=1 ! cudaupload ! cuframessink memory=cuda key=context directory=" +
        directory.path().string();
    GError* error = nullptr;
    GstElement* pipeline = gst_parse_launch_full(line.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    ASSERT_TRUE(pipeline) << error->message;
    const CudaContext ours = primary();
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    // The pipeline keeps for its elements what the sink has made.
    GstContext* context = nullptr;
    EXPECT_TRUE(
        eventually([&] { return (context = gst_element_get_context(pipeline, GST_CUDA_CONTEXT_TYPE)) != nullptr; }));
    GstCudaContext* theirs = nullptr;
    if (context) {
        gst_structure_get(gst_context_get_structure(context), GST_CUDA_CONTEXT_TYPE, GST_TYPE_CUDA_CONTEXT, &theirs,
                          nullptr);
    }
    EXPECT_EQ(theirs, ours.get());
    gst_clear_object(&theirs);
    gst_clear_context(&context);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
}

TEST_F(CudaPipeline, AnUnknownGpuIsRefused) {
    EXPECT_FALSE(Context(cuframes_gst_context_new_primary(63, failure.out())));
    EXPECT_TRUE(failure.is(CUFRAMES_GST_ERROR_NO_DEVICE)) << failure.text();
    EXPECT_NE(failure.text().find("63"), std::string::npos) << failure.text();
}

} // namespace
} // namespace cuframes::test
