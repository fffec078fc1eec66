// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cuda_driver.h"
#include "deadline.h"
#include "fake_cuda.h"
#include "foreign.h"
#include "objects.h"

#include <gst/cuda/gstcuda.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace cuframes::test {

/// What the stand-in driver tells beyond CUDA.
struct StandIn {
    explicit StandIn(const CudaDriver& driver);

    explicit operator bool() const { return stats != nullptr; }
    FakeCudaStats alive() const;
    FakeCudaCopies copied() const;

    void (*stats)(FakeCudaStats*) = nullptr;
    void (*copies)(FakeCudaCopies*) = nullptr;
    void (*reset_copies)() = nullptr;
};

/// Holds up a stream until it is opened, so that what is queued behind it is late for certain. Nothing that waits for the
/// stream may be called meanwhile.
class Gate {
public:
    Gate(const CudaDriver& driver, void* stream, GstCudaContext* context = nullptr);
    Gate(const Gate&) = delete;
    ~Gate() { open(); }

    void open();

private:
    /// Outlives the gate: the stream may come to it later.
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        bool is_open = false;
    };
    static void hold(void* state);

    std::shared_ptr<State> state_ = std::make_shared<State>();
};

struct UnrefCuda {
    void operator()(GstCudaContext* context) const { gst_object_unref(context); }
    void operator()(GstCudaStream* stream) const { gst_cuda_stream_unref(stream); }
    void operator()(GstBufferPool* pool) const {
        gst_buffer_pool_set_active(pool, FALSE);
        gst_object_unref(pool);
    }
};
using CudaContext = std::unique_ptr<GstCudaContext, UnrefCuda>;
using CudaStream = std::unique_ptr<GstCudaStream, UnrefCuda>;
using Pool = std::unique_ptr<GstBufferPool, UnrefCuda>;

/// The primary context is current on the test's thread, as it is in a program of the CUDA runtime.
class CudaTest : public testing::Test {
public:
    void SetUp() override;
    void TearDown() override;

    const CudaDriver& driver() const { return *CudaDriver::get(); }
    StandIn stand_in() const { return StandIn(driver()); }

    /// Returns when another stream has done a copy that was queued now. By then a copy without a reason to wait is done.
    void let_others_work() const;

    static CudaContext primary();
    static CudaContext own() { return CudaContext(gst_cuda_context_new(0)); }

    /// Buffers of `caps` whose work is on `stream`.
    static Pool make_pool(GstCudaContext* context, GstCudaStream* stream, const Caps& caps, guint most);
    /// NULL: none is free now.
    static Buffer try_acquire(const Pool& pool);
    static Buffer acquire(const Pool& pool);

    /// Queues a fill of the whole memory where its elements would queue it.
    void fill(GstBuffer* buffer, guint8 value) const;
    /// Waits for what elements have queued.
    static void finish(GstBuffer* buffer);

    std::vector<guint8> download(CudaDevicePointer from, size_t size) const;

    Failure failure;

private:
    std::unique_ptr<DeviceBuffer> scratch_;
};

inline gint64 name_of(const DeviceStream& stream) { return reinterpret_cast<gintptr>(stream.get()); }
inline CudaDevicePointer address_of(const DLTensor& tensor) {
    return reinterpret_cast<CudaDevicePointer>(tensor.data) + tensor.byte_offset;
}
CudaDevicePointer address_of(GstBuffer* buffer);

} // namespace cuframes::test
