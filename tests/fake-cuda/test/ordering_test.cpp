// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fixture.h"

// What runs after what. Every test closes a gate in one stream and looks at whether an operation of
// another got past it.
namespace fake_cuda_test {
namespace {

class Ordering : public WithContext {
protected:
    void SetUp() override {
        WithContext::SetUp();
        fake_cuda_set_delay_us(0);
        memory_ = allocate(256);
        blocking_ = stream(CU_STREAM_DEFAULT);
        other_blocking_ = stream(CU_STREAM_DEFAULT);
        free_ = stream(CU_STREAM_NON_BLOCKING);
    }

    void fill_on(CUstream where, unsigned char value = 7) {
        EXPECT_EQ(cuMemsetD8Async(memory_, value, 256, where), CUDA_SUCCESS);
    }

    void expect_held(CUstream where) {
        EXPECT_EQ(cuStreamQuery(where), CUDA_ERROR_NOT_READY);
        EXPECT_TRUE(stays_false([this] { return peek(memory_) != 0; })) << "not held";
    }

    // Would never return if the operation were held by a gate that is still closed.
    void expect_done(CUstream where, unsigned char value = 7) {
        EXPECT_EQ(cuStreamSynchronize(where), CUDA_SUCCESS);
        EXPECT_EQ(peek(memory_), value);
    }

    void TearDown() override {
        EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
        EXPECT_EQ(cuMemFree(memory_), CUDA_SUCCESS);
        for (CUstream s : {blocking_, other_blocking_, free_}) {
            EXPECT_EQ(cuStreamDestroy(s), CUDA_SUCCESS);
        }
        WithContext::TearDown();
    }

    CUdeviceptr memory_ = 0;
    CUstream blocking_ = nullptr;
    CUstream other_blocking_ = nullptr;
    CUstream free_ = nullptr;
};

TEST_F(Ordering, operations_of_one_stream_run_in_order) {
    Gate gate(free_);
    fill_on(free_, 7);
    fill_on(free_, 9);
    expect_held(free_);
    gate.open();
    expect_done(free_, 9);
}

TEST_F(Ordering, two_blocking_streams_do_not_wait_for_each_other) {
    Gate gate(blocking_);
    fill_on(other_blocking_);
    expect_done(other_blocking_);
}

TEST_F(Ordering, the_null_stream_waits_for_every_blocking_stream) {
    Gate gate(blocking_);
    fill_on(nullptr);
    expect_held(nullptr);
    gate.open();
    expect_done(nullptr);
}

TEST_F(Ordering, a_blocking_stream_waits_for_the_null_stream) {
    Gate gate(nullptr);
    fill_on(blocking_);
    expect_held(blocking_);
    gate.open();
    expect_done(blocking_);
}

TEST_F(Ordering, the_null_stream_carries_an_order_from_one_blocking_stream_to_another) {
    Gate gate(blocking_);
    OK(cuMemsetD8Async(memory_ + 128, 1, 1, nullptr));
    fill_on(other_blocking_);
    expect_held(other_blocking_);
    gate.open();
    expect_done(other_blocking_);
}

TEST_F(Ordering, the_null_stream_does_not_wait_for_a_non_blocking_stream) {
    Gate gate(free_);
    fill_on(nullptr);
    expect_done(nullptr);
}

TEST_F(Ordering, a_non_blocking_stream_does_not_wait_for_the_null_stream) {
    Gate gate(nullptr);
    fill_on(free_);
    expect_done(free_);
}

TEST_F(Ordering, the_legacy_handle_is_the_null_stream) {
    Gate gate(CU_STREAM_LEGACY);
    fill_on(nullptr);
    expect_held(nullptr);
    gate.open();
    expect_done(CU_STREAM_LEGACY);
}

TEST_F(Ordering, the_per_thread_stream_is_a_blocking_stream_of_the_calling_thread) {
    Gate gate(CU_STREAM_PER_THREAD);
    std::thread([this] {
        OK(cuCtxPushCurrent(context_));
        EXPECT_EQ(cuStreamQuery(CU_STREAM_PER_THREAD), CUDA_SUCCESS);
        EXPECT_EQ(cuCtxPopCurrent(nullptr), CUDA_SUCCESS);
    }).join();
    fill_on(nullptr);
    expect_held(nullptr);
    gate.open();
    expect_done(nullptr);
}

TEST_F(Ordering, contexts_have_null_streams_of_their_own) {
    Gate gate(nullptr);
    CUcontext second = nullptr;
    OK(cuCtxCreate_v2(&second, 0, 0));
    fill_on(nullptr);
    expect_done(nullptr);
    OK(cuCtxDestroy(second));
}

TEST_F(Ordering, work_of_a_destroyed_stream_still_runs_and_is_still_waited_for) {
    Gate gate(blocking_);
    fill_on(blocking_);
    OK(cuStreamDestroy(blocking_));
    EXPECT_EQ(cuStreamQuery(blocking_), CUDA_ERROR_INVALID_HANDLE);
    OK(cuMemsetD8Async(memory_ + 128, 1, 1, nullptr));
    expect_held(nullptr);
    gate.open();
    expect_done(nullptr);
    blocking_ = stream(CU_STREAM_DEFAULT);
}

TEST_F(Ordering, an_event_is_ready_when_what_came_before_it_is_done) {
    const CUevent e = event();
    EXPECT_EQ(cuEventQuery(e), CUDA_SUCCESS) << "never recorded";
    {
        Gate gate(free_);
        OK(cuEventRecord(e, free_));
        EXPECT_EQ(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    }
    OK(cuEventSynchronize(e));
    EXPECT_EQ(cuEventQuery(e), CUDA_SUCCESS);
    OK(cuEventDestroy(e));
    EXPECT_EQ(cuEventQuery(e), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(Ordering, a_stream_waits_for_an_event_even_if_that_is_destroyed) {
    const CUevent e = event();
    Gate gate(free_);
    OK(cuEventRecord(e, free_));
    OK(cuStreamWaitEvent(blocking_, e, 0));
    OK(cuEventDestroy(e));
    fill_on(blocking_);
    expect_held(blocking_);
    gate.open();
    expect_done(blocking_);
}

TEST_F(Ordering, a_wait_is_for_the_recording_it_saw_not_for_a_later_one) {
    const CUevent e = event();
    OK(cuEventRecord(e, free_));
    OK(cuStreamWaitEvent(blocking_, e, 0));
    Gate gate(free_);
    OK(cuEventRecord(e, free_));
    fill_on(blocking_);
    expect_done(blocking_);
    OK(cuEventDestroy(e));
}

TEST_F(Ordering, an_event_of_another_context_can_be_waited_for_but_not_recorded) {
    const CUevent e = event();
    Gate gate(free_);
    OK(cuEventRecord(e, free_));
    CUcontext second = nullptr;
    OK(cuCtxCreate_v2(&second, 0, 0));
    EXPECT_EQ(cuEventRecord(e, nullptr), CUDA_ERROR_INVALID_HANDLE);
    OK(cuStreamWaitEvent(nullptr, e, 0));
    fill_on(nullptr);
    expect_held(nullptr);
    gate.open();
    expect_done(nullptr);
    OK(cuCtxDestroy(second));
    OK(cuEventDestroy(e));
}

// An event on the NULL stream misses a non-blocking stream; that is why cuCtxRecordEvent exists.
TEST_F(Ordering, a_context_event_covers_non_blocking_streams) {
    const CUevent on_null = event();
    const CUevent on_context = event();
    Gate gate(free_);
    OK(cuEventRecord(on_null, nullptr));
    OK(cuCtxRecordEvent(context_, on_context));
    OK(cuEventSynchronize(on_null));
    EXPECT_EQ(cuEventQuery(on_context), CUDA_ERROR_NOT_READY);
    gate.open();
    OK(cuEventSynchronize(on_context));
    OK(cuEventDestroy(on_null));
    OK(cuEventDestroy(on_context));
}

TEST_F(Ordering, a_context_waits_for_an_event_in_all_its_streams) {
    const CUevent e = event();
    CUcontext second = nullptr;
    Gate gate(free_);
    OK(cuEventRecord(e, free_));
    OK(cuCtxCreate_v2(&second, 0, 0));
    const CUstream late = stream(CU_STREAM_NON_BLOCKING);
    OK(cuCtxWaitEvent(second, e));
    fill_on(late);
    expect_held(late);
    gate.open();
    expect_done(late);
    OK(cuStreamDestroy(late));
    OK(cuCtxDestroy(second));
    OK(cuEventDestroy(e));
}

TEST_F(Ordering, elapsed_time_needs_two_finished_events_with_timing) {
    CUevent start = nullptr, end = nullptr;
    float milliseconds = -1;
    OK(cuEventCreate(&start, CU_EVENT_DEFAULT));
    OK(cuEventCreate(&end, CU_EVENT_DEFAULT));
    EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, end), CUDA_ERROR_INVALID_HANDLE);
    OK(cuEventRecord(start, free_));
    {
        Gate gate(free_);
        OK(cuEventRecord(end, free_));
        EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, end), CUDA_ERROR_NOT_READY);
    }
    OK(cuEventSynchronize(end));
    OK(cuEventElapsedTime(&milliseconds, start, end));
    EXPECT_GE(milliseconds, 0);
    OK(cuEventDestroy(start));
    OK(cuEventDestroy(end));
}

TEST_F(Ordering, host_functions_may_not_call_the_driver) {
    CUresult inside = CUDA_SUCCESS;
    OK(cuLaunchHostFunc(free_, [](void* out) { *static_cast<CUresult*>(out) = cuCtxSynchronize(); }, &inside));
    OK(cuStreamSynchronize(free_));
    EXPECT_EQ(inside, CUDA_ERROR_NOT_PERMITTED);
}

// The promise in the library's name for "asynchronous": with an hour's delay nothing has happened
// when the call returns, nor when the process ends, which it does at once.
TEST(Lateness, an_operation_takes_effect_late_and_does_not_keep_the_process_from_exiting) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_DELAY_US", "3600000000", 1);
        CUcontext context = nullptr;
        CUdeviceptr memory = 0;
        CUstream stream = nullptr;
        OK(cuInit(0));
        OK(cuCtxCreate_v2(&context, 0, 0));
        OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
        OK(cuMemAlloc(&memory, 16));
        OK(cuMemsetD8Async(memory, 7, 16, stream));
        EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
        EXPECT_EQ(*pointer_to<volatile unsigned char>(memory), 0);
    });
}

} // namespace
} // namespace fake_cuda_test
