// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace fake_cuda_test {
namespace {

class Contexts : public testing::Test {
protected:
    void SetUp() override {
        OK(cuInit(0));
        CUcontext current = nullptr;
        ASSERT_EQ(cuCtxGetCurrent(&current), CUDA_SUCCESS);
        ASSERT_EQ(current, nullptr);
    }
    void TearDown() override { expect_nothing_left(); }
};

TEST_F(Contexts, calls_without_a_current_context_say_so) {
    CUdeviceptr memory = 0;
    CUstream stream = nullptr;
    CUevent event = nullptr;
    EXPECT_EQ(cuMemAlloc(&memory, 16), CUDA_ERROR_INVALID_CONTEXT);
    EXPECT_EQ(cuStreamCreate(&stream, 0), CUDA_ERROR_INVALID_CONTEXT);
    EXPECT_EQ(cuEventCreate(&event, 0), CUDA_ERROR_INVALID_CONTEXT);
    EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_INVALID_CONTEXT);
    EXPECT_EQ(cuMemsetD8(0x1000, 0, 1), CUDA_ERROR_INVALID_CONTEXT);
    EXPECT_EQ(cuCtxPopCurrent(nullptr), CUDA_ERROR_INVALID_CONTEXT);
}

TEST_F(Contexts, every_thread_has_a_stack_of_its_own) {
    CUcontext first = nullptr, second = nullptr, seen = nullptr;
    OK(cuCtxCreate_v2(&first, 0, 0));
    OK(cuCtxCreate_v2(&second, 0, 0));
    OK(cuCtxGetCurrent(&seen));
    EXPECT_EQ(seen, second);
    std::thread([&] {
        CUcontext other = first;
        EXPECT_EQ(cuCtxGetCurrent(&other), CUDA_SUCCESS);
        EXPECT_EQ(other, nullptr);
    }).join();
    OK(cuCtxPopCurrent(&seen));
    EXPECT_EQ(seen, second);
    OK(cuCtxSetCurrent(second));
    OK(cuCtxPopCurrent(&seen));
    EXPECT_EQ(seen, second) << "set replaces the top";
    EXPECT_EQ(cuCtxPopCurrent(&seen), CUDA_ERROR_INVALID_CONTEXT);
    OK(cuCtxDestroy(first));
    OK(cuCtxDestroy(second));
}

TEST_F(Contexts, a_destroyed_context_takes_its_objects_with_it_and_is_recognised) {
    CUcontext context = nullptr, keeper = nullptr;
    CUstream stream = nullptr;
    CUevent event = nullptr;
    CUdeviceptr memory = 0;
    OK(cuCtxCreate_v2(&keeper, 0, 0));
    OK(cuCtxCreate_v2(&context, 0, 0));
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&event, 0));
    OK(cuMemAlloc(&memory, 16));
    OK(cuMemsetD8Async(memory, 1, 16, stream));
    std::thread([&] {
        OK(cuCtxPushCurrent(context));
        std::thread([&] { EXPECT_EQ(cuCtxDestroy(context), CUDA_SUCCESS); }).join();
        EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
    }).join();
    EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
    EXPECT_EQ(cuCtxDestroy(context), CUDA_ERROR_INVALID_CONTEXT);
    OK(cuCtxPopCurrent(nullptr));
    EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(cuEventQuery(event), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(cuMemFree(memory), CUDA_ERROR_INVALID_VALUE);
    OK(cuCtxDestroy(keeper));
}

TEST_F(Contexts, the_primary_context_is_shared_and_ends_with_its_last_release) {
    CUcontext first = nullptr, second = nullptr;
    unsigned int flags = 0;
    int active = 0;
    OK(cuDevicePrimaryCtxRetain(&first, 0));
    OK(cuDevicePrimaryCtxRetain(&second, 0));
    EXPECT_EQ(first, second);
    EXPECT_EQ(cuCtxDestroy(first), CUDA_ERROR_INVALID_CONTEXT);
    OK(cuDevicePrimaryCtxRelease(0));
    OK(cuCtxPushCurrent(first));
    OK(cuCtxSynchronize());
    OK(cuDevicePrimaryCtxRelease(0));
    OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
    EXPECT_EQ(active, 0);
    EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
    OK(cuDevicePrimaryCtxRetain(&second, 0));
    EXPECT_EQ(second, first);
    OK(cuCtxSynchronize());
    OK(cuDevicePrimaryCtxRelease(0));
    OK(cuCtxPopCurrent(nullptr));
    EXPECT_EQ(cuDevicePrimaryCtxRelease(0), CUDA_ERROR_INVALID_CONTEXT);
}

TEST_F(Contexts, faults_are_injected_into_the_nth_call_and_calls_are_counted) {
    CUcontext context = nullptr;
    CUdeviceptr memory = 0;
    OK(cuCtxCreate_v2(&context, 0, 0));
    const uint64_t before = fake_cuda_calls("cuMemAlloc");
    fake_cuda_fail("cuMemAlloc", 2, CUDA_ERROR_OUT_OF_MEMORY);
    OK(cuMemAlloc(&memory, 16));
    OK(cuMemFree(memory));
    EXPECT_EQ(cuMemAlloc(&memory, 16), CUDA_ERROR_OUT_OF_MEMORY);
    OK(cuMemAlloc(&memory, 16));
    OK(cuMemFree(memory));
    EXPECT_EQ(fake_cuda_calls("cuMemAlloc_v2"), before + 3);
    fake_cuda_fail("cuMemAlloc", 0, CUDA_ERROR_UNKNOWN);
    EXPECT_EQ(cuMemAlloc(&memory, 16), CUDA_ERROR_UNKNOWN);
    EXPECT_EQ(cuMemAlloc(&memory, 16), CUDA_ERROR_UNKNOWN);
    fake_cuda_clear_faults();
    OK(cuCtxDestroy(context));
}

// CUDA does not survive fork(): a child that goes on without exec() has to be told.
TEST_F(Contexts, a_forked_child_is_refused) {
    CUcontext context = nullptr;
    OK(cuCtxCreate_v2(&context, 0, 0));
    const pid_t child = fork();
    if (child == 0) {
        const bool refused = cuCtxSynchronize() == CUDA_ERROR_NOT_INITIALIZED &&
                             cuInit(0) == CUDA_ERROR_NOT_INITIALIZED &&
                             cuCtxPopCurrent(nullptr) == CUDA_ERROR_NOT_INITIALIZED;
        _exit(refused ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    OK(cuCtxDestroy(context));
}

} // namespace
} // namespace fake_cuda_test
