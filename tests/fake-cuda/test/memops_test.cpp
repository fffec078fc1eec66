// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fixture.h"

#include <sys/mman.h>

// Stream memory operations: how a reader's lease is cleared by the GPU itself.
namespace fake_cuda_test {
namespace {

class MemoryOperations : public WithContext {
protected:
    void SetUp() override {
        WithContext::SetUp();
        fake_cuda_set_delay_us(0);
        page_ =
            static_cast<uint32_t*>(mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        ASSERT_NE(page_, MAP_FAILED);
        *page_ = 5;
        OK(cuMemHostRegister(page_, page_size, CU_MEMHOSTREGISTER_DEVICEMAP));
        OK(cuMemHostGetDevicePointer(&word_, page_, 0));
        work_ = stream(CU_STREAM_NON_BLOCKING);
    }

    void TearDown() override {
        EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
        EXPECT_EQ(cuStreamDestroy(work_), CUDA_SUCCESS);
        EXPECT_EQ(cuMemHostUnregister(page_), CUDA_SUCCESS);
        munmap(page_, page_size);
        WithContext::TearDown();
    }

    uint32_t word() const { return __atomic_load_n(page_, __ATOMIC_ACQUIRE); }

    static constexpr size_t page_size = 4096;
    uint32_t* page_ = nullptr;
    CUdeviceptr word_ = 0;
    CUstream work_ = nullptr;
};

TEST_F(MemoryOperations, a_word_is_written_after_the_work_before_it_and_not_earlier) {
    const CUdeviceptr memory = allocate(64);
    Gate gate(work_);
    OK(cuMemsetD8Async(memory, 7, 64, work_));
    OK(cuStreamWriteValue32(work_, word_, 0, CU_STREAM_WRITE_VALUE_DEFAULT));
    EXPECT_TRUE(stays_false([this] { return word() != 5; })) << "written too early";
    gate.open();
    while (word() != 0) {
    }
    EXPECT_EQ(peek(memory), 7) << "seen without any wait: the word itself orders it";
    OK(cuMemFree(memory));
}

// As measured on a GPU: the NULL stream is no barrier for torch's non-blocking streams.
TEST_F(MemoryOperations, a_word_on_the_null_stream_overtakes_a_non_blocking_stream) {
    Gate gate(work_);
    OK(cuStreamWriteValue32(nullptr, word_, 0, 0));
    OK(cuStreamSynchronize(nullptr));
    EXPECT_EQ(word(), 0U);
}

TEST_F(MemoryOperations, behind_a_context_event_the_word_waits_for_non_blocking_streams_too) {
    const CUstream release = stream(CU_STREAM_NON_BLOCKING);
    const CUevent reads = event();
    Gate gate(work_);
    OK(cuCtxRecordEvent(context_, reads));
    OK(cuStreamWaitEvent(release, reads, 0));
    OK(cuStreamWriteValue32(release, word_, 0, 0));
    EXPECT_EQ(cuStreamQuery(release), CUDA_ERROR_NOT_READY);
    EXPECT_TRUE(stays_false([this] { return word() != 5; })) << "written too early";
    gate.open();
    OK(cuStreamSynchronize(release));
    EXPECT_EQ(word(), 0U);
    OK(cuEventDestroy(reads));
    OK(cuStreamDestroy(release));
}

TEST_F(MemoryOperations, a_stream_waits_for_a_word) {
    OK(cuStreamWaitValue32(work_, word_, 9, CU_STREAM_WAIT_VALUE_EQ));
    EXPECT_TRUE(stays_false([this] { return cuStreamQuery(work_) == CUDA_SUCCESS; }));
    __atomic_store_n(page_, 9, __ATOMIC_RELEASE);
    OK(cuStreamSynchronize(work_));
}

TEST_F(MemoryOperations, sixty_four_bit_words_work_too) {
    OK(cuStreamWriteValue64(work_, word_ + 8, ~0ULL, 0));
    OK(cuStreamSynchronize(work_));
    EXPECT_EQ(page_[2], ~0U);
    EXPECT_EQ(page_[3], ~0U);
    EXPECT_EQ(page_[4], 0U);
}

TEST_F(MemoryOperations, addresses_that_the_device_cannot_write_are_refused) {
    uint32_t stranger = 0;
    const auto unknown = reinterpret_cast<CUdeviceptr>(&stranger);
    EXPECT_EQ(cuStreamWriteValue32(work_, unknown, 0, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuStreamWriteValue32(work_, word_ + 2, 0, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuStreamWriteValue32(work_, word_ + page_size, 0, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuStreamWriteValue32(work_, 0, 0, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuStreamWriteValue32(work_, word_, 0, 0x80), CUDA_ERROR_INVALID_VALUE);
}

// Taking the page away under a pending write is the classic use after free of a lease page. On a
// GPU it kills the context, and so it does here: the bug is reported, not written through.
TEST_F(MemoryOperations, a_page_unregistered_too_early_is_a_gpu_fault) {
    CUcontext doomed = nullptr;
    OK(cuCtxCreate_v2(&doomed, 0, 0));
    {
        Gate gate(nullptr);
        OK(cuStreamWriteValue32(nullptr, word_, 0, 0));
        OK(cuMemHostUnregister(page_));
    }
    EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_EQ(cuStreamQuery(nullptr), CUDA_ERROR_ILLEGAL_ADDRESS) << "the fault is sticky";
    EXPECT_EQ(word(), 5U);
    OK(cuCtxDestroy(doomed));
    OK(cuMemHostRegister(page_, page_size, 0));
}

} // namespace
} // namespace fake_cuda_test
