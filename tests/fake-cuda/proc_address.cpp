// SPDX-License-Identifier: LGPL-2.1-or-later
#include "driver_api.h"
#include "faults.h"
#include "knobs.h"

#include <string_view>

namespace fake_cuda {
namespace {

struct Entry {
    std::string_view name;
    int since; // the driver version that brought this form of the call
    void* function;
};

// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define ENTRY(name, since) {#name, (since), reinterpret_cast<void*>(&name)}

// Sorted by base name, older forms first.
const Entry entries[] = {
    ENTRY(cuCtxCreate_v2, 3020),
    ENTRY(cuCtxCreate_v3, 11040),
#if CUDA_VERSION >= 12050
    ENTRY(cuCtxCreate_v4, 12050),
#endif
    ENTRY(cuCtxDestroy_v2, 3020),
    ENTRY(cuCtxDisablePeerAccess, 3020),
    ENTRY(cuCtxEnablePeerAccess, 3020),
    ENTRY(cuCtxGetApiVersion, 3020),
    ENTRY(cuCtxGetCurrent, 3020),
    ENTRY(cuCtxGetDevice, 3020),
    ENTRY(cuCtxGetFlags, 3020),
    ENTRY(cuCtxGetLimit, 3020),
    ENTRY(cuCtxGetStreamPriorityRange, 3020),
    ENTRY(cuCtxPopCurrent_v2, 3020),
    ENTRY(cuCtxPushCurrent_v2, 3020),
    ENTRY(cuCtxRecordEvent, 12050),
    ENTRY(cuCtxSetCurrent, 3020),
    ENTRY(cuCtxSetLimit, 3020),
    ENTRY(cuCtxSynchronize, 3020),
    ENTRY(cuCtxWaitEvent, 12050),
    ENTRY(cuDestroyExternalMemory, 10000),
    ENTRY(cuDestroyExternalSemaphore, 10000),
    ENTRY(cuDeviceCanAccessPeer, 3020),
    ENTRY(cuDeviceGet, 3020),
    ENTRY(cuDeviceGetAttribute, 3020),
    ENTRY(cuDeviceGetCount, 3020),
    ENTRY(cuDeviceGetDefaultMemPool, 11020),
    ENTRY(cuDeviceGetMemPool, 11020),
    ENTRY(cuDeviceGetName, 3020),
    ENTRY(cuDeviceGetPCIBusId, 3020),
    ENTRY(cuDeviceGetUuid, 9020),
    ENTRY(cuDeviceGetUuid_v2, 11040),
    ENTRY(cuDevicePrimaryCtxGetState, 7000),
    ENTRY(cuDevicePrimaryCtxRelease_v2, 11000),
    ENTRY(cuDevicePrimaryCtxRetain, 7000),
    ENTRY(cuDevicePrimaryCtxSetFlags_v2, 11000),
    ENTRY(cuDeviceTotalMem_v2, 3020),
    ENTRY(cuDriverGetVersion, 3020),
    ENTRY(cuEventCreate, 3020),
    ENTRY(cuEventDestroy_v2, 3020),
    ENTRY(cuEventElapsedTime, 3020),
    ENTRY(cuEventElapsedTime_v2, 12080),
    ENTRY(cuEventQuery, 3020),
    ENTRY(cuEventRecord, 3020),
    ENTRY(cuEventRecordWithFlags, 11010),
    ENTRY(cuEventSynchronize, 3020),
    ENTRY(cuExternalMemoryGetMappedBuffer, 10000),
    ENTRY(cuExternalMemoryGetMappedMipmappedArray, 10000),
    ENTRY(cuGLGetDevices_v2, 3020),
    ENTRY(cuGetErrorName, 3020),
    ENTRY(cuGetErrorString, 3020),
    ENTRY(cuGetProcAddress, 11030),
    ENTRY(cuGetProcAddress_v2, 12000),
    ENTRY(cuGraphicsGLRegisterBuffer, 3020),
    ENTRY(cuGraphicsGLRegisterImage, 3020),
    ENTRY(cuGraphicsMapResources, 3020),
    ENTRY(cuGraphicsResourceGetMappedPointer_v2, 3020),
    ENTRY(cuGraphicsResourceSetMapFlags_v2, 3020),
    ENTRY(cuGraphicsSubResourceGetMappedArray, 3020),
    ENTRY(cuGraphicsUnmapResources, 3020),
    ENTRY(cuGraphicsUnregisterResource, 3020),
    ENTRY(cuGraphDestroy, 10000),
    ENTRY(cuGraphExecDestroy, 10000),
    ENTRY(cuGraphInstantiateWithFlags, 11040),
    ENTRY(cuGraphLaunch, 10000),
    ENTRY(cuImportExternalMemory, 10000),
    ENTRY(cuImportExternalSemaphore, 10000),
    ENTRY(cuInit, 3020),
    ENTRY(cuIpcCloseMemHandle, 3020),
    ENTRY(cuIpcGetEventHandle, 3020),
    ENTRY(cuIpcGetMemHandle, 3020),
    ENTRY(cuIpcOpenEventHandle, 3020),
    ENTRY(cuIpcOpenMemHandle, 3020),
    ENTRY(cuIpcOpenMemHandle_v2, 11000),
    ENTRY(cuLaunchHostFunc, 10000),
    ENTRY(cuLaunchKernel, 3020),
    ENTRY(cuMemAddressFree, 10020),
    ENTRY(cuMemAddressReserve, 10020),
    ENTRY(cuMemAlloc_v2, 3020),
    ENTRY(cuMemAllocAsync, 11020),
    ENTRY(cuMemAllocFromPoolAsync, 11020),
    ENTRY(cuMemAllocHost_v2, 3020),
    ENTRY(cuMemAllocPitch_v2, 3020),
    ENTRY(cuMemCreate, 10020),
    ENTRY(cuMemExportToShareableHandle, 10020),
    ENTRY(cuMemFree_v2, 3020),
    ENTRY(cuMemFreeAsync, 11020),
    ENTRY(cuMemFreeHost, 3020),
    ENTRY(cuMemGetAccess, 10020),
    ENTRY(cuMemGetAddressRange_v2, 3020),
    ENTRY(cuMemGetAllocationGranularity, 10020),
    ENTRY(cuMemGetAllocationPropertiesFromHandle, 10020),
    ENTRY(cuMemGetInfo_v2, 3020),
    ENTRY(cuMemHostAlloc, 3020),
    ENTRY(cuMemHostGetDevicePointer_v2, 3020),
    ENTRY(cuMemHostGetFlags, 3020),
    ENTRY(cuMemHostRegister_v2, 6050),
    ENTRY(cuMemHostUnregister, 3020),
    ENTRY(cuMemImportFromShareableHandle, 10020),
    ENTRY(cuMemMap, 10020),
    ENTRY(cuMemPoolCreate, 11020),
    ENTRY(cuMemPoolDestroy, 11020),
    ENTRY(cuMemPoolGetAttribute, 11020),
    ENTRY(cuMemPoolSetAttribute, 11020),
    ENTRY(cuMemPoolTrimTo, 11020),
    ENTRY(cuMemRelease, 10020),
    ENTRY(cuMemRetainAllocationHandle, 11000),
    ENTRY(cuMemSetAccess, 10020),
    ENTRY(cuMemUnmap, 10020),
    ENTRY(cuMemcpy, 3020),
    ENTRY(cuMemcpy2D_v2, 3020),
    ENTRY(cuMemcpy2DAsync_v2, 3020),
    ENTRY(cuMemcpy2DUnaligned_v2, 3020),
    ENTRY(cuMemcpyAsync, 3020),
    ENTRY(cuMemcpyDtoD_v2, 3020),
    ENTRY(cuMemcpyDtoDAsync_v2, 3020),
    ENTRY(cuMemcpyDtoH_v2, 3020),
    ENTRY(cuMemcpyDtoHAsync_v2, 3020),
    ENTRY(cuMemcpyHtoD_v2, 3020),
    ENTRY(cuMemcpyHtoDAsync_v2, 3020),
    ENTRY(cuMemcpyPeer, 3020),
    ENTRY(cuMemcpyPeerAsync, 3020),
    ENTRY(cuMemsetD16_v2, 3020),
    ENTRY(cuMemsetD16Async, 3020),
    ENTRY(cuMemsetD2D16_v2, 3020),
    ENTRY(cuMemsetD2D16Async, 3020),
    ENTRY(cuMemsetD2D32_v2, 3020),
    ENTRY(cuMemsetD2D32Async, 3020),
    ENTRY(cuMemsetD2D8_v2, 3020),
    ENTRY(cuMemsetD2D8Async, 3020),
    ENTRY(cuMemsetD32_v2, 3020),
    ENTRY(cuMemsetD32Async, 3020),
    ENTRY(cuMemsetD8_v2, 3020),
    ENTRY(cuMemsetD8Async, 3020),
    ENTRY(cuModuleGetFunction, 3020),
    ENTRY(cuModuleLoadData, 3020),
    ENTRY(cuModuleLoadDataEx, 3020),
    ENTRY(cuModuleUnload, 3020),
    ENTRY(cuPointerGetAttribute, 3020),
    ENTRY(cuPointerGetAttributes, 7000),
    ENTRY(cuSignalExternalSemaphoresAsync, 10000),
    ENTRY(cuStreamAddCallback, 3020),
    ENTRY(cuStreamBeginCapture_v2, 10010),
    ENTRY(cuStreamCreate, 3020),
    ENTRY(cuStreamCreateWithPriority, 3020),
    ENTRY(cuStreamDestroy_v2, 3020),
    ENTRY(cuStreamEndCapture, 10000),
    ENTRY(cuStreamGetCtx, 9020),
    ENTRY(cuStreamGetFlags, 3020),
    ENTRY(cuStreamGetId, 12000),
    ENTRY(cuStreamGetPriority, 3020),
    ENTRY(cuStreamIsCapturing, 10000),
    ENTRY(cuStreamQuery, 3020),
    ENTRY(cuStreamSynchronize, 3020),
    ENTRY(cuStreamWaitEvent, 3020),
    ENTRY(cuStreamWaitValue32, 8000),
    ENTRY(cuStreamWaitValue32_v2, 11070),
    ENTRY(cuStreamWaitValue64, 9000),
    ENTRY(cuStreamWaitValue64_v2, 11070),
    ENTRY(cuStreamWriteValue32, 8000),
    ENTRY(cuStreamWriteValue32_v2, 11070),
    ENTRY(cuStreamWriteValue64, 9000),
    ENTRY(cuStreamWriteValue64_v2, 11070),
    ENTRY(cuTexObjectCreate, 3020),
    ENTRY(cuTexObjectDestroy, 3020),
    ENTRY(cuThreadExchangeStreamCaptureMode, 10010),
    ENTRY(cuWaitExternalSemaphoresAsync, 10000),
};

struct Found {
    void* function = nullptr;
    bool known = false; // in some version, if not in the one asked for
};

// Callers name the call without its suffix and get the newest form that their version knows. The
// driver's own version is a limit too: what it does not have yet, it has never heard of.
Found look_up(std::string_view symbol, int version) {
    Found found;
    for (const Entry& entry : entries) {
        if (base_name(entry.name) != symbol || entry.since > config().driver_version) {
            continue;
        }
        found.known = true;
        if (entry.since <= version) {
            found.function = entry.function;
        }
    }
    return found;
}

} // namespace
} // namespace fake_cuda

using namespace fake_cuda;

extern "C" CUresult CUDAAPI cuGetProcAddress_v2(const char* symbol, void** function, int version, cuuint64_t,
                                                CUdriverProcAddressQueryResult* status) {
    if (symbol == nullptr || function == nullptr || version > config().driver_version) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    const Found found = look_up(symbol, version);
    *function = found.function;
    if (status != nullptr) {
        *status = found.function != nullptr ? CU_GET_PROC_ADDRESS_SUCCESS
                  : found.known             ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                                            : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    }
    return CUDA_SUCCESS;
}

// The form of CUDA 11.3 has no status and reports a missing symbol as an error.
extern "C" CUresult CUDAAPI cuGetProcAddress(const char* symbol, void** function, int version, cuuint64_t) {
    if (symbol == nullptr || function == nullptr) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    *function = look_up(symbol, version).function;
    return *function != nullptr ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
