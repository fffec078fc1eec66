// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fixture.h"

#include <functional>

// What is captured, and what breaks a capture. The table is that of a GPU: README.md.
namespace fake_cuda_test {
namespace {

class Graphs : public WithContext {
protected:
    void SetUp() override {
        WithContext::SetUp();
        fake_cuda_set_delay_us(0);
        memory_ = allocate(256);
        other_ = stream(CU_STREAM_NON_BLOCKING);
        event_ = event();
    }

    void TearDown() override {
        EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
        EXPECT_EQ(cuMemFree(memory_), CUDA_SUCCESS);
        EXPECT_EQ(cuEventDestroy(event_), CUDA_SUCCESS);
        EXPECT_EQ(cuStreamDestroy(other_), CUDA_SUCCESS);
        WithContext::TearDown();
    }

    /// Captures a fill while another thread makes `call`. Returns what the end of the capture says.
    CUresult capture_beside(unsigned int flags, CUstreamCaptureMode mode, CUstreamCaptureMode other_mode,
                            const std::function<void(CUstream)>& call) {
        const CUstream capturing = stream(flags);
        EXPECT_EQ(cuStreamBeginCapture(capturing, mode), CUDA_SUCCESS);
        EXPECT_EQ(cuMemsetD8Async(memory_, 7, 256, capturing), CUDA_SUCCESS);
        std::thread([&] {
            EXPECT_EQ(cuThreadExchangeStreamCaptureMode(&other_mode), CUDA_SUCCESS);
            EXPECT_EQ(cuCtxPushCurrent(context_), CUDA_SUCCESS);
            call(capturing);
        }).join();
        CUgraph graph = nullptr;
        const CUresult ended = cuStreamEndCapture(capturing, &graph);
        EXPECT_EQ(graph != nullptr, ended == CUDA_SUCCESS);
        if (graph) {
            EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
        }
        EXPECT_EQ(cuStreamDestroy(capturing), CUDA_SUCCESS);
        return ended;
    }

    CUresult beside(const std::function<void(CUstream)>& call,
                    CUstreamCaptureMode other_mode = CU_STREAM_CAPTURE_MODE_RELAXED,
                    unsigned int flags = CU_STREAM_NON_BLOCKING) {
        return capture_beside(flags, CU_STREAM_CAPTURE_MODE_GLOBAL, other_mode, call);
    }

    CUdeviceptr memory_ = 0;
    CUstream other_ = nullptr;
    CUevent event_ = nullptr;
};

TEST_F(Graphs, captured_work_runs_when_the_graph_is_launched) {
    const CUstream capturing = stream(CU_STREAM_NON_BLOCKING);
    OK(cuStreamBeginCapture(capturing, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    OK(cuMemsetD8Async(memory_, 7, 256, capturing));
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    OK(cuStreamIsCapturing(capturing, &status));
    EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
    CUgraph graph = nullptr;
    CUgraphExec executable = nullptr;
    OK(cuStreamEndCapture(capturing, &graph));
    OK(cuStreamSynchronize(capturing));
    EXPECT_EQ(peek(memory_), 0);
    OK(cuGraphInstantiateWithFlags(&executable, graph, 0));
    OK(cuGraphLaunch(executable, capturing));
    OK(cuStreamSynchronize(capturing));
    EXPECT_EQ(peek(memory_), 7);
    OK(cuGraphExecDestroy(executable));
    OK(cuGraphDestroy(graph));
    OK(cuStreamDestroy(capturing));
}

TEST_F(Graphs, queries_and_waits_of_other_streams_break_global_captures_from_global_threads) {
    const auto query = [this](CUstream) { EXPECT_EQ(cuStreamQuery(other_), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); };
    const auto wait = [this](CUstream) {
        EXPECT_EQ(cuEventSynchronize(event_), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    };
    EXPECT_EQ(beside(query, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    EXPECT_EQ(beside(wait, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

TEST_F(Graphs, relaxed_threads_and_other_captures_are_not_concerned) {
    const auto query = [this](CUstream) { EXPECT_EQ(cuStreamQuery(other_), CUDA_SUCCESS); };
    EXPECT_EQ(beside(query, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_SUCCESS);
    for (const CUstreamCaptureMode mode : {CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, CU_STREAM_CAPTURE_MODE_RELAXED}) {
        EXPECT_EQ(capture_beside(CU_STREAM_NON_BLOCKING, mode, CU_STREAM_CAPTURE_MODE_GLOBAL, query), CUDA_SUCCESS);
    }
}

TEST_F(Graphs, whole_contexts_cannot_be_meant_beside_a_capture_in_any_mode) {
    EXPECT_EQ(beside([this](CUstream) {
                  EXPECT_EQ(cuCtxRecordEvent(context_, event_), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
              }),
              CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    EXPECT_EQ(beside([](CUstream) { EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); }),
              CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

TEST_F(Graphs, asking_the_capturing_stream_breaks_its_capture_but_for_whether_it_captures) {
    EXPECT_EQ(
        beside([](CUstream capturing) { EXPECT_EQ(cuStreamQuery(capturing), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); }),
        CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    EXPECT_EQ(beside([](CUstream capturing) {
                  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
                  EXPECT_EQ(cuStreamIsCapturing(capturing, &status), CUDA_SUCCESS);
                  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
              }),
              CUDA_SUCCESS);
}

TEST_F(Graphs, legacy_stream_breaks_captures_of_blocking_streams_alone) {
    const auto record = [this](CUstream) { cuEventRecord(event_, CU_STREAM_LEGACY); };
    EXPECT_EQ(beside(record), CUDA_SUCCESS);
    EXPECT_EQ(beside(record, CU_STREAM_CAPTURE_MODE_RELAXED, CU_STREAM_DEFAULT), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    const auto ask = [](CUstream) {
        CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
        EXPECT_EQ(cuStreamIsCapturing(CU_STREAM_LEGACY, &status), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    };
    EXPECT_EQ(beside(ask, CU_STREAM_CAPTURE_MODE_RELAXED, CU_STREAM_DEFAULT), CUDA_SUCCESS);
}

TEST_F(Graphs, waiting_for_an_event_of_a_capture_draws_the_stream_in) {
    EXPECT_EQ(beside([this](CUstream capturing) {
                  EXPECT_EQ(cuEventRecord(event_, capturing), CUDA_SUCCESS);
                  EXPECT_EQ(cuStreamWaitEvent(other_, event_, 0), CUDA_SUCCESS);
                  EXPECT_EQ(cuMemsetD8Async(memory_, 1, 1, other_), CUDA_SUCCESS);
              }),
              CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    // And afterwards it is none to wait for.
    EXPECT_EQ(cuStreamWaitEvent(other_, event_, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuEventRecord(event_, other_), CUDA_SUCCESS);
    EXPECT_EQ(cuStreamWaitEvent(other_, event_, 0), CUDA_SUCCESS);
}

TEST_F(Graphs, calls_without_relaxed_mode_are_counted) {
    const uint64_t before = fake_cuda_unguarded_calls();
    const auto harmless = [this](CUstream) { EXPECT_EQ(cuEventRecord(event_, other_), CUDA_SUCCESS); };
    EXPECT_EQ(beside(harmless, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_SUCCESS);
    EXPECT_EQ(fake_cuda_unguarded_calls(), before);
    EXPECT_EQ(beside(harmless, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
    EXPECT_EQ(fake_cuda_unguarded_calls(), before + 2) << "the one that makes the context current, and the one";
}

} // namespace
} // namespace fake_cuda_test
