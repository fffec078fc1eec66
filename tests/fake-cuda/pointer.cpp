// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"
#include "vmm.h"

#include <mutex>

using namespace fake_cuda;

namespace {

template <typename Value>
CUresult put(void* out, Value value) {
    *static_cast<Value*>(out) = value;
    return CUDA_SUCCESS;
}

unsigned int handle_types(const Range& range) {
    const bool exportable = range.backing && range.backing->exportable;
    return exportable ? CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR : CU_MEM_HANDLE_TYPE_NONE;
}

CUresult attribute_of(void* out, CUpointer_attribute attribute, const Range& range, CUdeviceptr pointer) {
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
        return put<CUcontext>(out, range.owner);
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        return put<unsigned int>(out, range.on_device() ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST);
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
        return put<CUdeviceptr>(out, pointer);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        if (range.on_device()) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        return put<CUdeviceptr>(out, pointer);
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
        return put<bool>(out, false);
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
        return put<unsigned long long>(out, range.id);
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        return put<int>(out, range.device);
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        return put<CUdeviceptr>(out, range.base);
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
        return put<size_t>(out, range.size);
    case CU_POINTER_ATTRIBUTE_MAPPED:
        return put<bool>(out, true);
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
        return put<unsigned int>(out, handle_types(range));
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
        return put<unsigned int>(out, range.access[static_cast<size_t>(range.device)]);
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
        return put<CUmemoryPool>(out, range.pool);
    default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
}

} // namespace

extern "C" {

// A pointer that the driver does not know is an error here…
CUresult CUDAAPI cuPointerGetAttribute(void* out, CUpointer_attribute attribute, CUdeviceptr pointer) {
    return guarded(__func__, [&]() -> CUresult {
        std::shared_lock lock(address_map().mutex);
        const Range* range = find_range(pointer);
        if (out == nullptr || range == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        return attribute_of(out, attribute, *range, pointer);
    });
}

// …and all zeroes here, which is how one asks about a pointer that may be plain host memory.
CUresult CUDAAPI cuPointerGetAttributes(unsigned int count, CUpointer_attribute* attributes, void** out,
                                        CUdeviceptr pointer) {
    return guarded(__func__, [&]() -> CUresult {
        if (attributes == nullptr || out == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        Range unknown;
        unknown.kind = RangeKind::pinned;
        unknown.device = -2; // as documented for an unregistered pointer
        std::shared_lock lock(address_map().mutex);
        const Range* range = find_range(pointer);
        for (unsigned int i = 0; i < count; ++i) {
            if (range != nullptr) {
                attribute_of(out[i], attributes[i], *range, pointer);
            } else if (attributes[i] == CU_POINTER_ATTRIBUTE_MEMORY_TYPE) {
                put<unsigned int>(out[i], 0);
            } else if (attributes[i] == CU_POINTER_ATTRIBUTE_MAPPED) {
                put<bool>(out[i], false);
            } else if (attributes[i] != CU_POINTER_ATTRIBUTE_ACCESS_FLAGS) {
                attribute_of(out[i], attributes[i], unknown, 0);
            }
        }
        return CUDA_SUCCESS;
    });
}
}
