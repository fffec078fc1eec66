// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"

// Loaders refuse a libcuda that lacks these symbols; nothing that this driver is for uses them.
// There is no device code here, no graphics API and no legacy IPC.
using namespace fake_cuda;

#define FAKE_CUDA_UNSUPPORTED(name, ...)                                                                               \
    CUresult CUDAAPI name(__VA_ARGS__) {                                                                               \
        return guarded(__func__, [] { return CUDA_ERROR_NOT_SUPPORTED; });                                             \
    }

extern "C" {

FAKE_CUDA_UNSUPPORTED(cuModuleLoadData, CUmodule*, const void*)
FAKE_CUDA_UNSUPPORTED(cuModuleLoadDataEx, CUmodule*, const void*, unsigned int, CUjit_option*, void**)
FAKE_CUDA_UNSUPPORTED(cuModuleUnload, CUmodule)
FAKE_CUDA_UNSUPPORTED(cuModuleGetFunction, CUfunction*, CUmodule, const char*)
FAKE_CUDA_UNSUPPORTED(cuLaunchKernel, CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                      unsigned int, unsigned int, CUstream, void**, void**)

FAKE_CUDA_UNSUPPORTED(cuTexObjectCreate, CUtexObject*, const CUDA_RESOURCE_DESC*, const CUDA_TEXTURE_DESC*,
                      const CUDA_RESOURCE_VIEW_DESC*)
FAKE_CUDA_UNSUPPORTED(cuTexObjectDestroy, CUtexObject)

FAKE_CUDA_UNSUPPORTED(cuGraphicsMapResources, unsigned int, CUgraphicsResource*, CUstream)
FAKE_CUDA_UNSUPPORTED(cuGraphicsUnmapResources, unsigned int, CUgraphicsResource*, CUstream)
FAKE_CUDA_UNSUPPORTED(cuGraphicsUnregisterResource, CUgraphicsResource)
FAKE_CUDA_UNSUPPORTED(cuGraphicsResourceSetMapFlags_v2, CUgraphicsResource, unsigned int)
FAKE_CUDA_UNSUPPORTED(cuGraphicsSubResourceGetMappedArray, CUarray*, CUgraphicsResource, unsigned int, unsigned int)
FAKE_CUDA_UNSUPPORTED(cuGraphicsResourceGetMappedPointer_v2, CUdeviceptr*, size_t*, CUgraphicsResource)
FAKE_CUDA_UNSUPPORTED(cuGraphicsGLRegisterBuffer, CUgraphicsResource*, unsigned int, unsigned int)
FAKE_CUDA_UNSUPPORTED(cuGraphicsGLRegisterImage, CUgraphicsResource*, unsigned int, unsigned int, unsigned int)
FAKE_CUDA_UNSUPPORTED(cuGLGetDevices_v2, unsigned int*, CUdevice*, unsigned int, unsigned int)

FAKE_CUDA_UNSUPPORTED(cuIpcGetEventHandle, CUipcEventHandle*, CUevent)
FAKE_CUDA_UNSUPPORTED(cuIpcOpenEventHandle, CUevent*, CUipcEventHandle)
FAKE_CUDA_UNSUPPORTED(cuIpcGetMemHandle, CUipcMemHandle*, CUdeviceptr)
FAKE_CUDA_UNSUPPORTED(cuIpcOpenMemHandle, CUdeviceptr*, CUipcMemHandle, unsigned int)
FAKE_CUDA_UNSUPPORTED(cuIpcOpenMemHandle_v2, CUdeviceptr*, CUipcMemHandle, unsigned int)
FAKE_CUDA_UNSUPPORTED(cuIpcCloseMemHandle, CUdeviceptr)

FAKE_CUDA_UNSUPPORTED(cuImportExternalMemory, CUexternalMemory*, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC*)
FAKE_CUDA_UNSUPPORTED(cuDestroyExternalMemory, CUexternalMemory)
FAKE_CUDA_UNSUPPORTED(cuExternalMemoryGetMappedBuffer, CUdeviceptr*, CUexternalMemory,
                      const CUDA_EXTERNAL_MEMORY_BUFFER_DESC*)
FAKE_CUDA_UNSUPPORTED(cuExternalMemoryGetMappedMipmappedArray, CUmipmappedArray*, CUexternalMemory,
                      const CUDA_EXTERNAL_MEMORY_MIPMAPPED_ARRAY_DESC*)
FAKE_CUDA_UNSUPPORTED(cuImportExternalSemaphore, CUexternalSemaphore*, const CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC*)
FAKE_CUDA_UNSUPPORTED(cuDestroyExternalSemaphore, CUexternalSemaphore)
FAKE_CUDA_UNSUPPORTED(cuSignalExternalSemaphoresAsync, const CUexternalSemaphore*,
                      const CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS*, unsigned int, CUstream)
FAKE_CUDA_UNSUPPORTED(cuWaitExternalSemaphoresAsync, const CUexternalSemaphore*,
                      const CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS*, unsigned int, CUstream)
}
