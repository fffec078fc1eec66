// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fixture.h"

#include <random>
#include <thread>

namespace fake_cuda_test {
namespace {

using Threads = WithContext;

constexpr int rounds = 60;
constexpr size_t frame_size = 4096;

// A producer, a copier and a consumer on a stream each, ordered by events only: a lost or early dependency shows as a
// wrong byte.
class FramePath {
public:
    explicit FramePath(std::mt19937& random) {
        for (CUstream& s : streams_) {
            const unsigned int flags = random() % 2 == 0 ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING;
            EXPECT_EQ(cuStreamCreate(&s, flags), CUDA_SUCCESS);
        }
        for (CUevent* event : {&filled_, &copied_}) {
            EXPECT_EQ(cuEventCreate(event, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
        }
        for (CUdeviceptr* memory : {&from_, &to_}) {
            EXPECT_EQ(cuMemAlloc(memory, frame_size), CUDA_SUCCESS);
        }
        EXPECT_EQ(cuMemAllocHost(&host_, frame_size), CUDA_SUCCESS);
    }
    FramePath(const FramePath&) = delete;
    FramePath& operator=(const FramePath&) = delete;
    ~FramePath() {
        for (CUstream s : streams_) {
            EXPECT_EQ(cuStreamDestroy(s), CUDA_SUCCESS);
        }
        for (CUevent event : {filled_, copied_}) {
            EXPECT_EQ(cuEventDestroy(event), CUDA_SUCCESS);
        }
        for (CUdeviceptr memory : {from_, to_}) {
            EXPECT_EQ(cuMemFree(memory), CUDA_SUCCESS);
        }
        EXPECT_EQ(cuMemFreeHost(host_), CUDA_SUCCESS);
    }

    void pass(unsigned char value) {
        submit(value);
        OK(cuStreamSynchronize(streams_[2]));
        ASSERT_EQ(static_cast<unsigned char*>(host_)[0], value);
        ASSERT_EQ(static_cast<unsigned char*>(host_)[frame_size - 1], value);
    }

private:
    void submit(unsigned char value) {
        OK(cuStreamWaitEvent(streams_[0], copied_, 0));
        OK(cuMemsetD8Async(from_, value, frame_size, streams_[0]));
        OK(cuEventRecord(filled_, streams_[0]));
        OK(cuStreamWaitEvent(streams_[1], filled_, 0));
        OK(cuMemcpyDtoDAsync(to_, from_, frame_size, streams_[1]));
        OK(cuEventRecord(copied_, streams_[1]));
        OK(cuStreamWaitEvent(streams_[2], copied_, 0));
        OK(cuMemcpyDtoHAsync(host_, to_, frame_size, streams_[2]));
    }

    CUstream streams_[3] = {};
    CUevent filled_ = nullptr;
    CUevent copied_ = nullptr;
    CUdeviceptr from_ = 0;
    CUdeviceptr to_ = 0;
    void* host_ = nullptr;
};

void pass_frames_along(CUcontext context, unsigned int seed) {
    std::mt19937 random(seed);
    OK(cuCtxPushCurrent(context));
    {
        FramePath path(random);
        for (int round = 0; round < rounds; ++round) {
            path.pass(static_cast<unsigned char>(random()));
        }
    }
    OK(cuCtxPopCurrent(nullptr));
}

TEST_F(Threads, many_threads_share_a_context_and_each_sees_its_own_frames) {
    fake_cuda_set_delay_us(20);
    std::vector<std::thread> threads;
    for (unsigned int seed = 1; seed <= 6; ++seed) {
        threads.emplace_back(pass_frames_along, context_, seed);
    }
    for (std::thread& t : threads) {
        t.join();
    }
}

TEST_F(Threads, contexts_come_and_go_while_others_work) {
    fake_cuda_set_delay_us(20);
    std::thread steady(pass_frames_along, context_, 1U);
    for (unsigned int round = 0; round < 10; ++round) {
        CUcontext own = nullptr;
        OK(cuCtxCreate_v2(&own, 0, 0));
        allocate(frame_size); // left for the context to take along
        OK(cuCtxDestroy(own));
    }
    steady.join();
}

} // namespace
} // namespace fake_cuda_test
