// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensors/device_memory.h"

#include "base/cuda/driver.h"
#include "base/cuda/planes.h"
#include "base/cuda/streams.h"
#include "base/log.h"
#include "tensors/device.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace cuframes::tensors {
namespace {

using core::cuda::Current;
using core::cuda::Driver;
using core::cuda::driver_error;

/// Freed memory that is kept for the next frames: a few of 8K, so that a stream of copies allocates nothing.
constexpr uint64_t kept_bytes = 256U << 20;

Result<CUcontext> primary_context(const Driver& driver, int32_t device) {
    auto context = core::cuda::Context::open(driver, device, nullptr);
    if (!context) {
        return context.error();
    }
    return context->get();
}

/// One pool for each device, kept for the process.
Result<CUmemoryPool> pool_of(const Driver& driver, int32_t device) {
    static std::mutex mutex;
    static std::map<int32_t, CUmemoryPool> pools;
    const std::lock_guard lock(mutex);
    auto [entry, is_new] = pools.try_emplace(device, nullptr);
    if (!entry->second) {
        CUmemPoolProps props = {};
        props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
        props.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
        if (const CUresult result = driver.cuMemPoolCreate(&entry->second, &props); result != CUDA_SUCCESS) {
            entry->second = nullptr;
            return driver_error("cuMemPoolCreate", result);
        }
        uint64_t threshold = kept_bytes;
        driver.cuMemPoolSetAttribute(entry->second, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold);
    }
    return entry->second;
}

/// What DeviceBlock gives to the reaper.
struct Remains {
    CUdeviceptr data;
    CUcontext context;
    CUevent ready;
};

void bury(void* object) {
    const std::unique_ptr<Remains> remains(static_cast<Remains*>(object));
    auto driver = core::cuda::driver();
    Current current(**driver, remains->context);
    if (remains->ready) {
        (*driver)->cuEventDestroy(remains->ready);
    }
    // All work on it is done. Not on the legacy stream: that would break captures on streams that wait for it.
    const CUresult result = (*driver)->cuMemFreeAsync(remains->data, CU_STREAM_PER_THREAD);
    // When a process ends the driver goes first, and the memory with it.
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_DEINITIALIZED) {
        core::log(CUFRAMES_LOG_WARNING,
                  text("memory of a copy stays allocated: ", driver_error("cuMemFreeAsync", result).message));
    }
}

CUmemorytype memory_type(const DLDevice& device) {
    return is_on_gpu(device) ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
}

} // namespace

Result<StreamRef> resolve_stream(int32_t device, int64_t name) noexcept try {
    auto driver = core::cuda::driver();
    if (!driver) {
        return driver.error();
    }
    auto context = primary_context(**driver, device);
    if (!context) {
        return context.error();
    }
    switch (name) {
    case stream_no_sync:
        return StreamRef{nullptr, *context};
    case stream_ambiguous:
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     "stream 0 is ambiguous; 1 is the legacy default stream, 2 the per-thread one"};
    case stream_none:
    case stream_legacy:
        return StreamRef{CU_STREAM_LEGACY, *context};
    case stream_per_thread:
        return StreamRef{CU_STREAM_PER_THREAD, *context};
    default:
        break;
    }
    if (name < 0) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("stream ", name, " is no stream; -1 asks for no wait")};
    }
    auto* stream = reinterpret_cast<CUstream>(static_cast<uintptr_t>(name));
    auto own = core::cuda::context_of_stream(**driver, stream, *context);
    if (!own) {
        return own.error();
    }
    return StreamRef{stream, *own};
} catch (const std::bad_alloc&) {
    return core::out_of_memory();
}

Result<> check_runs(const StreamRef& stream) noexcept try {
    auto driver = core::cuda::driver();
    if (!driver) {
        return driver.error();
    }
    Current current(**driver, static_cast<CUcontext>(stream.context));
    const CUresult result = core::cuda::check_not_capturing(**driver, static_cast<CUstream>(stream.stream));
    if (result == CUDA_SUCCESS) {
        return {};
    }
    if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED || result == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT) {
        return Error{CUFRAMES_ERROR_CUDA,
                     "a frame cannot be copied on a stream that captures a CUDA graph, nor on the legacy "
                     "default stream while one that waits for it captures; name another stream"};
    }
    return driver_error("cuStreamIsCapturing", result);
} catch (const std::bad_alloc&) {
    return core::out_of_memory();
}

Result<DeviceBlock> DeviceBlock::allocate(int32_t device, uint64_t size, const StreamRef& stream) {
    auto driver = core::cuda::driver();
    if (!driver) {
        return driver.error();
    }
    auto pool = pool_of(**driver, device);
    if (!pool) {
        return pool.error();
    }
    Current current(**driver, static_cast<CUcontext>(stream.context));
    CUdeviceptr data = 0;
    const CUresult result =
        (*driver)->cuMemAllocFromPoolAsync(&data, size, *pool, static_cast<CUstream>(stream.stream));
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemAllocFromPoolAsync", result);
    }
    DeviceBlock block;
    block.data_ = reinterpret_cast<void*>(data);
    block.context_ = stream.context;
    block.users_ = std::make_unique<Users>();
    block.users_->add(stream);
    return block;
}

void DeviceBlock::Users::add(const StreamRef& stream) {
    const std::lock_guard lock(mutex);
    if (std::find(streams.begin(), streams.end(), stream) == streams.end()) {
        streams.push_back(stream);
    }
}

DeviceBlock::DeviceBlock(DeviceBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      context_(other.context_),
      ready_(std::exchange(other.ready_, nullptr)),
      users_(std::move(other.users_)) {}

DeviceBlock& DeviceBlock::operator=(DeviceBlock&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(context_, other.context_);
    std::swap(ready_, other.ready_);
    std::swap(users_, other.users_);
    return *this;
}

DeviceBlock::~DeviceBlock() {
    if (!data_) {
        return;
    }
    // Whoever uses it may have queued work a moment ago.
    auto* remains = new (std::nothrow)
        Remains{reinterpret_cast<CUdeviceptr>(data_), static_cast<CUcontext>(context_), static_cast<CUevent>(ready_)};
    if (remains) {
        reap_after(users_->streams, bury, remains);
    }
}

Result<> DeviceBlock::made_on(const StreamRef& stream) {
    auto driver = core::cuda::driver();
    Current current(**driver, static_cast<CUcontext>(context_));
    CUevent event = nullptr;
    CUresult result = (*driver)->cuEventCreate(&event, CU_EVENT_DISABLE_TIMING);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuEventCreate", result);
    }
    ready_ = event;
    result = (*driver)->cuEventRecord(event, static_cast<CUstream>(stream.stream));
    if (result != CUDA_SUCCESS) {
        return driver_error("cuEventRecord", result);
    }
    return {};
}

Result<> DeviceBlock::order(const StreamRef& stream) const {
    if (!ready_) {
        return {};
    }
    if (auto runs = check_runs(stream); !runs) {
        return runs;
    }
    users_->add(stream);
    auto driver = core::cuda::driver();
    Current current(**driver, static_cast<CUcontext>(stream.context));
    const CUresult result =
        (*driver)->cuStreamWaitEvent(static_cast<CUstream>(stream.stream), static_cast<CUevent>(ready_), 0);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuStreamWaitEvent", result);
    }
    return {};
}

Result<> copy_with_gpu(const CopySide& to, const CopySide& from, const cuframes_geometry& geometry,
                       const StreamRef& stream) noexcept try {
    auto driver = core::cuda::driver();
    if (!driver) {
        return driver.error();
    }
    Current current(**driver, static_cast<CUcontext>(stream.context));
    auto* queue = static_cast<CUstream>(stream.stream);
    CUresult result = core::cuda::copy_planes(**driver, to.planes, memory_type(to.device), from.planes,
                                              memory_type(from.device), geometry, queue);
    // Host memory may be changed or freed by its owner as soon as we return.
    if (result == CUDA_SUCCESS && (is_on_host(to.device) || is_on_host(from.device))) {
        result = (*driver)->cuStreamSynchronize(queue);
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemcpy2DAsync", result);
    }
    return {};
} catch (const std::bad_alloc&) {
    return core::out_of_memory();
}

} // namespace cuframes::tensors
