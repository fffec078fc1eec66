// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "fake_cuda.h"

#include <cuda.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

// The form with one meaning in every toolkit; the header renames the plain name to its newest one.
extern "C" CUresult CUDAAPI cuCtxCreate_v2(CUcontext* out, unsigned int flags, CUdevice device);
#if CUDA_VERSION < 12050
extern "C" CUresult CUDAAPI cuCtxRecordEvent(CUcontext context, CUevent event);
extern "C" CUresult CUDAAPI cuCtxWaitEvent(CUcontext context, CUevent event);
#endif

namespace fake_cuda_test {

#define OK(call) ASSERT_EQ(call, CUDA_SUCCESS)

// Holds a stream up until it is opened: with it a test decides when an operation may run, and needs
// no sleep to tell "not yet" from "never".
class Gate {
public:
    explicit Gate(CUstream stream) { EXPECT_EQ(cuLaunchHostFunc(stream, wait, this), CUDA_SUCCESS); }
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    ~Gate() {
        open();
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return passed_; });
    }

    void open() {
        std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }

private:
    static void wait(void* self) {
        auto* gate = static_cast<Gate*>(self);
        std::unique_lock lock(gate->mutex_);
        gate->changed_.wait(lock, [gate] { return gate->open_; });
        gate->passed_ = true;
        gate->changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
    bool passed_ = false;
};

// That something never happens can only be watched for a while. Right code passes however slow the machine is; wrong code
// has this long to give itself away, with the delay of the driver turned off.
template <typename Condition>
bool stays_false(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
        if (condition()) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

inline FakeCudaStats stats() {
    FakeCudaStats out;
    fake_cuda_stats(&out);
    return out;
}

inline FakeCudaCopies copies() {
    FakeCudaCopies out;
    fake_cuda_copies(&out);
    return out;
}

// A failure prints the counts in the order of FakeCudaStats.
inline void expect_nothing_left() {
    using Counts = std::array<uint64_t, sizeof(FakeCudaStats) / sizeof(uint64_t)>;
    EXPECT_EQ(std::bit_cast<Counts>(stats()), Counts{});
}

// The stand-in's device memory is in the address space of the process.
template <typename T>
T* pointer_to(CUdeviceptr address) {
    return reinterpret_cast<T*>(address); // NOLINT(performance-no-int-to-ptr)
}

// A current context of its own for every test, and the proof that the test left nothing behind.
class WithContext : public testing::Test {
protected:
    void SetUp() override {
        OK(cuInit(0));
        OK(cuCtxCreate_v2(&context_, 0, 0));
    }

    void TearDown() override {
        fake_cuda_clear_faults();
        fake_cuda_set_delay_us(200);
        EXPECT_EQ(cuCtxDestroy(context_), CUDA_SUCCESS);
        expect_nothing_left();
    }

    CUdeviceptr allocate(size_t size) {
        CUdeviceptr pointer = 0;
        EXPECT_EQ(cuMemAlloc(&pointer, size), CUDA_SUCCESS);
        return pointer;
    }

    CUstream stream(unsigned int flags) {
        CUstream out = nullptr;
        EXPECT_EQ(cuStreamCreate(&out, flags), CUDA_SUCCESS);
        return out;
    }

    CUevent event() {
        CUevent out = nullptr;
        EXPECT_EQ(cuEventCreate(&out, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
        return out;
    }

    // The stand-in's device memory can be looked at directly, without an operation that would wait.
    static unsigned char peek(CUdeviceptr pointer) {
        return __atomic_load_n(pointer_to<unsigned char>(pointer), __ATOMIC_ACQUIRE);
    }

    CUcontext context_ = nullptr;
};

constexpr size_t two_mib = size_t{2} << 20;

inline CUmemAllocationProp exportable_on(int device) {
    CUmemAllocationProp prop = {};
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    prop.location.id = device;
    prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    return prop;
}

// Physical memory mapped at an address of its own.
class Mapped {
public:
    explicit Mapped(CUmemGenericAllocationHandle handle, size_t size = two_mib) : handle_(handle), size_(size) {
        EXPECT_EQ(cuMemAddressReserve(&base, size_, 0, 0, 0), CUDA_SUCCESS);
        EXPECT_EQ(cuMemMap(base, size_, 0, handle_, 0), CUDA_SUCCESS);
    }
    Mapped(const Mapped&) = delete;
    Mapped& operator=(const Mapped&) = delete;
    ~Mapped() {
        EXPECT_EQ(cuMemUnmap(base, size_), CUDA_SUCCESS);
        EXPECT_EQ(cuMemAddressFree(base, size_), CUDA_SUCCESS);
        EXPECT_EQ(cuMemRelease(handle_), CUDA_SUCCESS);
    }

    CUresult allow(CUmemAccess_flags flags, int device = 0) {
        CUmemAccessDesc grant = {};
        grant.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
        grant.location.id = device;
        grant.flags = flags;
        return cuMemSetAccess(base, size_, &grant, 1);
    }

    CUdeviceptr base = 0;

private:
    CUmemGenericAllocationHandle handle_;
    size_t size_;
};

inline CUmemGenericAllocationHandle create_exportable(size_t size = two_mib) {
    const CUmemAllocationProp prop = exportable_on(0);
    CUmemGenericAllocationHandle handle = 0;
    EXPECT_EQ(cuMemCreate(&handle, size, &prop, 0), CUDA_SUCCESS);
    return handle;
}

inline int export_of(CUmemGenericAllocationHandle handle) {
    int fd = -1;
    EXPECT_EQ(cuMemExportToShareableHandle(&fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0), CUDA_SUCCESS);
    return fd;
}

inline CUresult import_from(CUmemGenericAllocationHandle* out, int fd) {
    void* handle = pointer_to<void>(static_cast<CUdeviceptr>(fd)); // the driver takes the number itself
    return cuMemImportFromShareableHandle(out, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
}

// Runs the statement in a new process that has not touched the driver yet, so that it sees the
// knobs that the statement sets.
#define IN_FRESH_PROCESS(statement)                                                                                    \
    EXPECT_EXIT(                                                                                                       \
        {                                                                                                              \
            statement;                                                                                                 \
            std::exit(testing::Test::HasFailure() ? 1 : 0);                                                            \
        },                                                                                                             \
        testing::ExitedWithCode(0), "")

} // namespace fake_cuda_test
