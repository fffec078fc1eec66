// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device.h"

#include "address_map.h"
#include "call.h"
#include "faults.h"
#include "knobs.h"

#include <cstdio>
#include <cstring>

namespace fake_cuda {
namespace {

int memops() { return config().no_memops ? 0 : 1; }

// What the code under test looks at, with the values of a current data-centre GPU. All others
// read as zero: "not supported".
int attribute_value(CUdevice_attribute attribute, CUdevice device) {
    switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
        return 9;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        return 1024;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
        return 32;
    case CU_DEVICE_ATTRIBUTE_MAX_PITCH:
        return 0x7fffffff;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
        return 132;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
    case CU_DEVICE_ATTRIBUTE_SURFACE_ALIGNMENT:
        return 512;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT:
        return 32;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
        return device + 1;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
        return 3;
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM:
    case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
        return 1;
    case CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_MEM_OPS_V1:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS_V1:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR_V1:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR:
        return memops();
    default:
        return 0;
    }
}

template <typename Out, typename Compute>
CUresult query(const char* call, Out* out, CUdevice device, Compute&& compute) {
    return guarded(call, [&]() -> CUresult {
        if (out == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (!is_device(device)) {
            return CUDA_ERROR_INVALID_DEVICE;
        }
        *out = compute();
        return CUDA_SUCCESS;
    });
}

} // namespace

bool is_device(CUdevice device) { return device >= 0 && device < config().devices; }

bool can_access(CUdevice from, CUdevice to) { return from == to || config().peer_access; }

CUuuid device_uuid(CUdevice device) {
    CUuuid uuid = {};
    std::memcpy(uuid.bytes, "FAKE-CUDA-DEV-", 14);
    uuid.bytes[15] = static_cast<char>(device + 1);
    return uuid;
}

CUdevice device_by_uuid(const CUuuid& uuid) {
    for (CUdevice device = 0; device < config().devices; ++device) {
        const CUuuid candidate = device_uuid(device);
        if (std::memcmp(candidate.bytes, uuid.bytes, sizeof uuid.bytes) == 0) {
            return device;
        }
    }
    return -1;
}

} // namespace fake_cuda

using namespace fake_cuda;

extern "C" {

CUresult CUDAAPI cuInit(unsigned int flags) {
    Driver& d = driver();
    if (d.forked) {
        return CUDA_ERROR_NOT_INITIALIZED;
    }
    if (d.stopping) {
        return CUDA_ERROR_DEINITIALIZED;
    }
    const CUresult injected = count_and_fault(__func__);
    if (injected != CUDA_SUCCESS) {
        return injected;
    }
    if (flags != 0) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (config().no_device) {
        return CUDA_ERROR_NO_DEVICE;
    }
    d.initialised = true;
    return CUDA_SUCCESS;
}

// Works without cuInit(), as the real one does.
CUresult CUDAAPI cuDriverGetVersion(int* version) {
    if (version == nullptr) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    *version = config().driver_version;
    return count_and_fault(__func__);
}

CUresult CUDAAPI cuDeviceGet(CUdevice* device, int ordinal) {
    return query(__func__, device, ordinal, [&] { return ordinal; });
}

CUresult CUDAAPI cuDeviceGetCount(int* count) {
    return query(__func__, count, 0, [] { return config().devices; });
}

CUresult CUDAAPI cuDeviceGetName(char* name, int length, CUdevice device) {
    return guarded(__func__, [&]() -> CUresult {
        if (name == nullptr || length <= 0) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (!is_device(device)) {
            return CUDA_ERROR_INVALID_DEVICE;
        }
        std::snprintf(name, static_cast<size_t>(length), "Fake CUDA device %d (test double)", device);
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
    return query(__func__, uuid, device, [&] { return device_uuid(device); });
}

CUresult CUDAAPI cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
    return query(__func__, uuid, device, [&] { return device_uuid(device); });
}

CUresult CUDAAPI cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
    if (attribute <= 0 || attribute >= CU_DEVICE_ATTRIBUTE_MAX) {
        return guarded(__func__, [] { return CUDA_ERROR_INVALID_VALUE; });
    }
    return query(__func__, value, device, [&] { return attribute_value(attribute, device); });
}

CUresult CUDAAPI cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
    return query(__func__, bytes, device, [] { return device_memory; });
}

CUresult CUDAAPI cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
    return guarded(__func__, [&]() -> CUresult {
        if (id == nullptr || length < 13) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (!is_device(device)) {
            return CUDA_ERROR_INVALID_DEVICE;
        }
        std::snprintf(id, static_cast<size_t>(length), "0000:%02x:00.0", device + 1);
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
    if (!is_device(peer)) {
        return guarded(__func__, [] { return CUDA_ERROR_INVALID_DEVICE; });
    }
    return query(__func__, can, device, [&] { return device != peer && can_access(device, peer) ? 1 : 0; });
}

CUresult CUDAAPI cuMemGetInfo_v2(size_t* free, size_t* total) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        if (free == nullptr || total == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        const size_t used = device_bytes_in_use();
        *total = device_memory;
        *free = used < device_memory ? device_memory - used : 0;
        return CUDA_SUCCESS;
    });
}
}
