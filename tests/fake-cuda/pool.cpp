// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pool.h"

#include "call.h"
#include "device.h"
#include "graph.h"
#include "memory.h"

#include <map>
#include <mutex>

// Stream-ordered allocation. Memory is there from the call on and leaves at its place in the
// stream, which is all that an ordered user can tell from the real thing.
namespace fake_cuda {
namespace {

struct Pool {
    int device = 0;
    bool is_default = false;
    std::map<CUmemPool_attribute, cuuint64_t> attributes;
};

struct Pools {
    std::mutex mutex;
    std::map<CUmemoryPool, Pool> live;
    std::map<int, CUmemoryPool> defaults;
};

Pools& pools() {
    static Pools* const instance = new Pools;
    return *instance;
}

CUmemoryPool fresh_handle() {
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    return new_handle<CUmemoryPool>(d);
}

CUmemoryPool default_pool(int device) {
    const CUmemoryPool fresh = fresh_handle();
    Pools& all = pools();
    std::lock_guard lock(all.mutex);
    const auto [it, added] = all.defaults.emplace(device, fresh);
    if (added) {
        all.live[fresh] = {device, true, {}};
    }
    return it->second;
}

bool is_live(CUmemoryPool pool) {
    Pools& all = pools();
    std::lock_guard lock(all.mutex);
    return all.live.count(pool) == 1;
}

cuuint64_t bytes_from(CUmemoryPool pool) {
    AddressMap& map = address_map();
    std::shared_lock lock(map.mutex);
    cuuint64_t bytes = 0;
    for (const auto& [base, range] : map.ranges) {
        if (range.pool == pool) {
            bytes += range.size;
        }
    }
    return bytes;
}

CUresult allocate_async(const ContextRef& context, CUdeviceptr* out, size_t size, CUmemoryPool pool, CUstream stream) {
    const StreamRef queue = find_stream(stream, context);
    if (!queue) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    if (const CUresult conflict = enter_stream(queue); conflict != CUDA_SUCCESS) {
        return conflict;
    }
    if (!is_live(pool)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    return allocate(out, size, RangeKind::device, *context, pool);
}

CUresult free_async(const ContextRef& context, CUdeviceptr pointer, CUstream handle) {
    const StreamRef stream = find_stream(handle, context);
    if (!stream) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
        return conflict;
    }
    {
        AddressMap& map = address_map();
        std::unique_lock lock(map.mutex);
        const auto it = map.ranges.find(pointer);
        if (it == map.ranges.end() || it->second.kind != RangeKind::device || it->second.freed) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        it->second.freed = true;
    }
    const auto effect = [pointer] { return release(pointer, RangeKind::device); };
    submit(stream, {effect, {}, {}});
    return CUDA_SUCCESS;
}

// Byte counts and thresholds are 64 bits wide, the reuse switches are ints.
bool is_wide(CUmemPool_attribute attribute) { return attribute >= CU_MEMPOOL_ATTR_RELEASE_THRESHOLD; }

} // namespace

size_t created_pools() {
    Pools& all = pools();
    std::lock_guard lock(all.mutex);
    return all.live.size() - all.defaults.size();
}

} // namespace fake_cuda

using namespace fake_cuda;

extern "C" {

CUresult CUDAAPI cuMemAllocAsync(CUdeviceptr* out, size_t size, CUstream stream) {
    return in_context(__func__, [&](const ContextRef& context) {
        return allocate_async(context, out, size, default_pool(context->device), stream);
    });
}

CUresult CUDAAPI cuMemAllocFromPoolAsync(CUdeviceptr* out, size_t size, CUmemoryPool pool, CUstream stream) {
    return in_context(__func__,
                      [&](const ContextRef& context) { return allocate_async(context, out, size, pool, stream); });
}

CUresult CUDAAPI cuMemFreeAsync(CUdeviceptr pointer, CUstream stream) {
    return in_context(__func__, [&](const ContextRef& c) { return free_async(c, pointer, stream); });
}

CUresult CUDAAPI cuDeviceGetDefaultMemPool(CUmemoryPool* out, CUdevice device) {
    return guarded(__func__, [&]() -> CUresult {
        if (out == nullptr || !is_device(device)) {
            return out == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_DEVICE;
        }
        *out = default_pool(device);
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuDeviceGetMemPool(CUmemoryPool* out, CUdevice device) {
    return cuDeviceGetDefaultMemPool(out, device);
}

CUresult CUDAAPI cuMemPoolCreate(CUmemoryPool* out, const CUmemPoolProps* props) {
    return guarded(__func__, [&]() -> CUresult {
        if (out == nullptr || props == nullptr || props->location.type != CU_MEM_LOCATION_TYPE_DEVICE ||
            !is_device(props->location.id)) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (props->handleTypes != CU_MEM_HANDLE_TYPE_NONE) {
            return CUDA_ERROR_NOT_SUPPORTED;
        }
        *out = fresh_handle();
        Pools& all = pools();
        std::lock_guard lock(all.mutex);
        all.live[*out] = {props->location.id, false, {}};
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuMemPoolDestroy(CUmemoryPool pool) {
    return guarded(__func__, [&]() -> CUresult {
        Pools& all = pools();
        std::lock_guard lock(all.mutex);
        const auto it = all.live.find(pool);
        if (it == all.live.end() || it->second.is_default) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        all.live.erase(it);
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
    return guarded(__func__, [&] { return is_live(pool) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; });
}

CUresult CUDAAPI cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
    return guarded(__func__, [&]() -> CUresult {
        Pools& all = pools();
        std::lock_guard lock(all.mutex);
        const auto it = all.live.find(pool);
        if (it == all.live.end() || value == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        it->second.attributes[attribute] =
            is_wide(attribute) ? *static_cast<cuuint64_t*>(value) : static_cast<cuuint64_t>(*static_cast<int*>(value));
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
    return guarded(__func__, [&]() -> CUresult {
        const cuuint64_t used = bytes_from(pool);
        Pools& all = pools();
        std::lock_guard lock(all.mutex);
        const auto it = all.live.find(pool);
        if (it == all.live.end() || value == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) {
            *static_cast<cuuint64_t*>(value) = it->second.attributes[attribute];
        } else if (is_wide(attribute)) {
            *static_cast<cuuint64_t*>(value) = used;
        } else {
            *static_cast<int*>(value) = static_cast<int>(it->second.attributes[attribute]);
        }
        return CUDA_SUCCESS;
    });
}
}
