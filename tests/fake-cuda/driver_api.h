// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

// cuda.h shows the versioned names (cuMemAlloc_v2, cuCtxCreate_v2, …) only to the driver itself.
// Claiming to be the driver makes the compiler check every signature we export against NVIDIA's,
// and keeps the header's "#define cuMemAlloc cuMemAlloc_v2" renames away from our definitions.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
#define __CUDA_API_VERSION_INTERNAL

// The library is built with hidden visibility: what cuda.h declares is exactly what it exports.
#pragma GCC visibility push(default)
#include <cuda.h>

extern "C" {
// cudaGL.h would pull in the OpenGL headers for these three; GLuint and GLenum are unsigned int.
CUresult CUDAAPI cuGraphicsGLRegisterBuffer(CUgraphicsResource* resource, unsigned int buffer, unsigned int flags);
CUresult CUDAAPI cuGraphicsGLRegisterImage(CUgraphicsResource* resource, unsigned int image, unsigned int target,
                                           unsigned int flags);
CUresult CUDAAPI cuGLGetDevices_v2(unsigned int* count, CUdevice* devices, unsigned int capacity,
                                   unsigned int device_list);

// Newer than the oldest toolkit that this builds with.
#if CUDA_VERSION < 12050
CUresult CUDAAPI cuCtxRecordEvent(CUcontext ctx, CUevent event);
CUresult CUDAAPI cuCtxWaitEvent(CUcontext ctx, CUevent event);
#endif
#if CUDA_VERSION < 12080
CUresult CUDAAPI cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end);
#endif
}
#pragma GCC visibility pop
