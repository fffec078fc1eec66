// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device_memory.h"

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "cuda/driver.h"
#include "reaper.h"

namespace cuframes::dlpack {
namespace {

using cuda::Current;
using cuda::Driver;
using cuda::driver_error;

/** Freed memory that is kept for the next frames: a few of 8K, so that a stream of copies allocates nothing. */
constexpr uint64_t kept_bytes = 256U << 20;

Result<CUcontext> primary_context(const Driver& driver, int32_t device) {
    auto context = cuda::Context::open(driver, device, nullptr);
    if (!context) {
        return context.error();
    }
    return context->get();
}

/** One pool for each device, kept for the process. */
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

/** What DeviceBlock gives to the reaper. */
struct Remains {
    CUdeviceptr data;
    CUcontext context;
    CUevent ready;
};

void bury(void* object) {
    const std::unique_ptr<Remains> remains(static_cast<Remains*>(object));
    auto driver = cuda::driver();
    Current current(**driver, remains->context);
    if (remains->ready) {
        (*driver)->cuEventDestroy(remains->ready);
    }
    (*driver)->cuMemFreeAsync(remains->data, CU_STREAM_LEGACY);
}

CUDA_MEMCPY2D plane_copy(const CopySide& to, const CopySide& from, uint32_t index, const cuframes_plane& plane) {
    auto is_device = [](const CopySide& side) {
        return side.device.device_type == kDLCUDA || side.device.device_type == kDLCUDAManaged;
    };
    CUDA_MEMCPY2D copy = {};
    const SourcePlane& source = from.planes[index];
    const SourcePlane& target = to.planes[index];
    copy.srcMemoryType = is_device(from) ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
    copy.srcHost = source.data;
    copy.srcDevice = reinterpret_cast<CUdeviceptr>(source.data);
    copy.srcPitch = source.pitch;
    copy.dstMemoryType = is_device(to) ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
    copy.dstHost = target.data;
    copy.dstDevice = reinterpret_cast<CUdeviceptr>(target.data);
    copy.dstPitch = target.pitch;
    copy.WidthInBytes = plane.row_bytes;
    copy.Height = plane.rows;
    return copy;
}

bool is_host(const DLDevice& device) { return device.device_type == kDLCPU || device.device_type == kDLCUDAHost; }

} // namespace

Result<Stream> resolve_stream(int32_t device, int64_t name) {
    auto driver = cuda::driver();
    if (!driver) {
        return driver.error();
    }
    auto context = primary_context(**driver, device);
    if (!context) {
        return context.error();
    }
    switch (name) {
    case stream_no_sync:
        return Stream{nullptr, *context};
    case stream_ambiguous:
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     "stream 0 is ambiguous; 1 is the legacy default stream, 2 the per-thread one"};
    case stream_none:
    case stream_legacy:
        return Stream{CU_STREAM_LEGACY, *context};
    case stream_per_thread:
        return Stream{CU_STREAM_PER_THREAD, *context};
    default:
        break;
    }
    if (name < 0) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("stream ", name, " is no stream; -1 asks for no wait")};
    }
    return Stream{reinterpret_cast<void*>(static_cast<uintptr_t>(name)), *context};
}

Result<> order_after(const Stream& later, const Stream& earlier) {
    auto driver = cuda::driver();
    if (!driver) {
        return driver.error();
    }
    Current current(**driver, static_cast<CUcontext>(later.context));
    CUevent event = nullptr;
    CUresult result = (*driver)->cuEventCreate(&event, CU_EVENT_DISABLE_TIMING);
    if (result == CUDA_SUCCESS) {
        result = (*driver)->cuEventRecord(event, static_cast<CUstream>(earlier.stream));
    }
    if (result == CUDA_SUCCESS) {
        result = (*driver)->cuStreamWaitEvent(static_cast<CUstream>(later.stream), event, 0);
    }
    if (event) {
        (*driver)->cuEventDestroy(event); // The wait keeps what it needs of it.
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("ordering two streams", result);
    }
    return {};
}

Result<DeviceBlock> DeviceBlock::allocate(int32_t device, uint64_t size, const Stream& stream) {
    auto driver = cuda::driver();
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
    return block;
}

DeviceBlock::DeviceBlock(DeviceBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      context_(other.context_),
      ready_(std::exchange(other.ready_, nullptr)) {}

DeviceBlock& DeviceBlock::operator=(DeviceBlock&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(context_, other.context_);
    std::swap(ready_, other.ready_);
    return *this;
}

DeviceBlock::~DeviceBlock() {
    if (!data_) {
        return;
    }
    // Whoever read it may have queued work on any stream of the context a moment ago.
    auto* remains = new (std::nothrow)
        Remains{reinterpret_cast<CUdeviceptr>(data_), static_cast<CUcontext>(context_), static_cast<CUevent>(ready_)};
    if (remains) {
        const InFlight work{context_};
        reap_after({&work, 1}, bury, remains);
    }
}

Result<> DeviceBlock::made_on(const Stream& stream) {
    auto driver = cuda::driver();
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

Result<> DeviceBlock::order(const Stream& stream) const {
    if (!ready_) {
        return {};
    }
    auto driver = cuda::driver();
    Current current(**driver, static_cast<CUcontext>(stream.context));
    const CUresult result =
        (*driver)->cuStreamWaitEvent(static_cast<CUstream>(stream.stream), static_cast<CUevent>(ready_), 0);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuStreamWaitEvent", result);
    }
    return {};
}

Result<> copy_with_gpu(const CopySide& to, const CopySide& from, const cuframes_geometry& geometry,
                       const Stream& stream) {
    auto driver = cuda::driver();
    if (!driver) {
        return driver.error();
    }
    Current current(**driver, static_cast<CUcontext>(stream.context));
    auto* queue = static_cast<CUstream>(stream.stream);
    CUresult result = CUDA_SUCCESS;
    for (uint32_t i = 0; result == CUDA_SUCCESS && i < geometry.plane_count; ++i) {
        const CUDA_MEMCPY2D copy = plane_copy(to, from, i, geometry.planes[i]);
        result = (*driver)->cuMemcpy2DAsync(&copy, queue);
    }
    // Host memory may be changed or freed by its owner as soon as we return.
    if (result == CUDA_SUCCESS && (is_host(to.device) || is_host(from.device))) {
        result = (*driver)->cuStreamSynchronize(queue);
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuMemcpy2DAsync", result);
    }
    return {};
}

} // namespace cuframes::dlpack
