// SPDX-License-Identifier: LGPL-2.1-or-later
/// The CUDA driver, loaded at run time: one build of the library serves hosts with and without a GPU.
#pragma once

#include "base/private_api.h"
#include "base/result.h"

#include <cuda.h>

#include <array>
#include <string>
#include <utility>

namespace cuframes::core::cuda {

// The names the driver exports; cuda.h's macros map the plain ones to the same.
#define CUFRAMES_CUDA_FUNCTIONS(X)                                                                                     \
    X(cuInit, "cuInit")                                                                                                \
    X(cuDriverGetVersion, "cuDriverGetVersion")                                                                        \
    X(cuGetErrorName, "cuGetErrorName")                                                                                \
    X(cuDeviceGet, "cuDeviceGet")                                                                                      \
    X(cuDeviceGetCount, "cuDeviceGetCount")                                                                            \
    X(cuDeviceGetUuid, "cuDeviceGetUuid_v2")                                                                           \
    X(cuDeviceCanAccessPeer, "cuDeviceCanAccessPeer")                                                                  \
    X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain")                                                            \
    X(cuCtxPushCurrent, "cuCtxPushCurrent_v2")                                                                         \
    X(cuCtxPopCurrent, "cuCtxPopCurrent_v2")                                                                           \
    X(cuCtxGetDevice, "cuCtxGetDevice")                                                                                \
    X(cuCtxSynchronize, "cuCtxSynchronize")                                                                            \
    X(cuMemPoolCreate, "cuMemPoolCreate")                                                                              \
    X(cuMemPoolSetAttribute, "cuMemPoolSetAttribute")                                                                  \
    X(cuMemAllocFromPoolAsync, "cuMemAllocFromPoolAsync")                                                              \
    X(cuMemFreeAsync, "cuMemFreeAsync")                                                                                \
    X(cuMemGetAllocationGranularity, "cuMemGetAllocationGranularity")                                                  \
    X(cuMemCreate, "cuMemCreate")                                                                                      \
    X(cuMemRelease, "cuMemRelease")                                                                                    \
    X(cuMemAddressReserve, "cuMemAddressReserve")                                                                      \
    X(cuMemAddressFree, "cuMemAddressFree")                                                                            \
    X(cuMemMap, "cuMemMap")                                                                                            \
    X(cuMemUnmap, "cuMemUnmap")                                                                                        \
    X(cuMemSetAccess, "cuMemSetAccess")                                                                                \
    X(cuMemGetAddressRange, "cuMemGetAddressRange_v2")                                                                 \
    X(cuPointerGetAttribute, "cuPointerGetAttribute")                                                                  \
    X(cuMemExportToShareableHandle, "cuMemExportToShareableHandle")                                                    \
    X(cuMemImportFromShareableHandle, "cuMemImportFromShareableHandle")                                                \
    X(cuMemsetD8Async, "cuMemsetD8Async")                                                                              \
    X(cuMemcpy2DAsync, "cuMemcpy2DAsync_v2")                                                                           \
    X(cuMemHostRegister, "cuMemHostRegister_v2")                                                                       \
    X(cuMemHostUnregister, "cuMemHostUnregister")                                                                      \
    X(cuMemHostGetDevicePointer, "cuMemHostGetDevicePointer_v2")                                                       \
    X(cuStreamCreate, "cuStreamCreate")                                                                                \
    X(cuStreamDestroy, "cuStreamDestroy_v2")                                                                           \
    X(cuStreamGetCtx, "cuStreamGetCtx")                                                                                \
    X(cuStreamIsCapturing, "cuStreamIsCapturing")                                                                      \
    X(cuStreamQuery, "cuStreamQuery")                                                                                  \
    X(cuStreamSynchronize, "cuStreamSynchronize")                                                                      \
    X(cuStreamWaitEvent, "cuStreamWaitEvent")                                                                          \
    X(cuStreamWriteValue32, "cuStreamWriteValue32_v2")                                                                 \
    X(cuLaunchHostFunc, "cuLaunchHostFunc")                                                                            \
    X(cuEventCreate, "cuEventCreate")                                                                                  \
    X(cuEventDestroy, "cuEventDestroy_v2")                                                                             \
    X(cuEventRecord, "cuEventRecord")                                                                                  \
    X(cuEventQuery, "cuEventQuery")                                                                                    \
    X(cuEventSynchronize, "cuEventSynchronize")

/// While one lives, what the calling thread asks of the driver breaks no CUDA graph that somebody in the process captures.
/// A thread that is not in relaxed mode does so by as little as asking whether an event has passed, on whatever stream.
/// Nested ones do nothing.
class RelaxedCapture {
public:
    RelaxedCapture() { enter(); }
    RelaxedCapture(const RelaxedCapture&) = delete;
    ~RelaxedCapture() { leave(); }

private:
    CUFRAMES_PRIVATE static void enter() noexcept;
    CUFRAMES_PRIVATE static void leave() noexcept;
};

/// A function of the driver, which cannot be called but with the thread in relaxed mode.
template <class Function>
class Guarded;

template <class... Arguments>
class Guarded<CUresult (*)(Arguments...)> {
public:
    CUresult operator()(Arguments... arguments) const {
        const RelaxedCapture relaxed;
        return function_(arguments...);
    }
    explicit operator bool() const { return function_ != nullptr; }
    void set(void* symbol) { function_ = reinterpret_cast<CUresult (*)(Arguments...)>(symbol); }

private:
    CUresult (*function_)(Arguments...) = nullptr;
};

struct Driver {
#define CUFRAMES_DECLARE(function, symbol) Guarded<decltype(&::function)> function;
    CUFRAMES_CUDA_FUNCTIONS(CUFRAMES_DECLARE)
#undef CUFRAMES_DECLARE
    /// Absent from drivers before CUDA 12.5.
    Guarded<CUresult (*)(CUcontext, CUevent)> cuCtxRecordEvent;
    int version = 0; ///< 12050 is CUDA 12.5.
};

/// The driver, loaded and initialized once; or why it cannot be (NO_DRIVER).
CUFRAMES_PRIVATE Result<const Driver*> driver() noexcept;

/// "cuMemCreate failed: CUDA_ERROR_OUT_OF_MEMORY", with the code that fits.
CUFRAMES_PRIVATE Error driver_error(const char* call, CUresult result) noexcept;

using Uuid = std::array<uint8_t, 16>;

Result<Uuid> device_uuid(const Driver& driver, int32_t device);

/// Ordinal of the GPU with this UUID in this process; UNKNOWN_DEVICE: it is not visible here.
Result<int32_t> find_device(const Driver& driver, const Uuid& uuid);

Result<> check_device(const Driver& driver, int32_t device);

std::string uuid_text(const Uuid& uuid);

/// A context of the caller, borrowed, or the device's primary one. That is retained once for the process and kept, as the
/// CUDA runtime keeps it: to make it anew takes a tenth of a second, for every reader that comes and goes.
class Context {
public:
    /// `borrowed` NULL: the primary one of `device`.
    CUFRAMES_PRIVATE static Result<Context> open(const Driver& driver, int32_t device, void* borrowed) noexcept;

    CUcontext get() const { return context_; }
    int32_t device() const { return device_; }
    const Driver& driver() const { return *driver_; }

private:
    Context(const Driver& driver, int32_t device, CUcontext context)
        : driver_(&driver), device_(device), context_(context) {}

    const Driver* driver_;
    int32_t device_;
    CUcontext context_;
};

/// Makes a context current on this thread for a scope, in relaxed capture mode.
class Current {
public:
    Current(const Driver& driver, CUcontext context) : driver_(driver), result_(driver.cuCtxPushCurrent(context)) {}
    Current(const Current&) = delete;
    ~Current() {
        if (result_ == CUDA_SUCCESS) {
            CUcontext popped = nullptr;
            driver_.cuCtxPopCurrent(&popped);
        }
    }
    CUresult result() const { return result_; }

private:
    const RelaxedCapture relaxed_; ///< Once for all calls of the scope.
    const Driver& driver_;
    CUresult result_;
};

} // namespace cuframes::core::cuda
