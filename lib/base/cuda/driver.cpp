// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/cuda/driver.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace cuframes::core::cuda {

namespace {

Error no_driver(const std::string& why) {
    return {CUFRAMES_ERROR_NO_DRIVER,
            text(why, "; install the NVIDIA driver (in a container: run it with the GPU, for example --gpus all), or "
                      "use host memory (memory=system)")};
}

/// Not in the table, whose functions are called through it.
decltype(&::cuThreadExchangeStreamCaptureMode) exchange_capture_mode = nullptr;

/// Of the calling thread: scopes that it is in, and in which of them the mode was changed, 0: in none.
struct CaptureScopes {
    int depth = 0;
    int changed_at = 0;
    CUstreamCaptureMode before = CU_STREAM_CAPTURE_MODE_GLOBAL;
};
thread_local CaptureScopes scopes;

// NOLINTNEXTLINE(readability-function-size): a table, with one entry for each function of the driver
Result<const Driver*> load() {
    // Never closed: the driver keeps threads and exit handlers of its own.
    void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        return no_driver(text("cannot load the CUDA driver: ", ::dlerror()));
    }
    static Driver driver;
    exchange_capture_mode =
        reinterpret_cast<decltype(exchange_capture_mode)>(::dlsym(library, "cuThreadExchangeStreamCaptureMode"));
    if (!exchange_capture_mode) {
        return no_driver(
            "the CUDA driver is too old: it has no cuThreadExchangeStreamCaptureMode (CUDA 11.7 or later is "
            "needed)");
    }
#define CUFRAMES_LOAD(function, symbol)                                                                                \
    driver.function.set(::dlsym(library, symbol));                                                                     \
    if (!driver.function) {                                                                                            \
        return no_driver("the CUDA driver is too old: it has no " symbol " (CUDA 11.7 or later is needed)");           \
    }
    CUFRAMES_CUDA_FUNCTIONS(CUFRAMES_LOAD)
#undef CUFRAMES_LOAD
    if (const CUresult result = driver.cuInit(0); result != CUDA_SUCCESS) {
        const char* name = nullptr;
        driver.cuGetErrorName(result, &name);
        return no_driver(text("the CUDA driver does not start: cuInit: ", name ? name : "unknown error"));
    }
    driver.cuDriverGetVersion(&driver.version);
    constexpr int cuda_12_5 = 12050;
    if (driver.version >= cuda_12_5) {
        driver.cuCtxRecordEvent.set(::dlsym(library, "cuCtxRecordEvent"));
    }
    return &driver;
}

} // namespace

void RelaxedCapture::enter() noexcept {
    ++scopes.depth;
    if (scopes.changed_at != 0 || !exchange_capture_mode) {
        return;
    }
    scopes.before = CU_STREAM_CAPTURE_MODE_RELAXED;
    // Refused before cuInit(), in host functions and when the process ends: what is called then is refused too.
    if (exchange_capture_mode(&scopes.before) == CUDA_SUCCESS) {
        scopes.changed_at = scopes.depth;
    }
}

void RelaxedCapture::leave() noexcept {
    if (scopes.changed_at == scopes.depth) {
        scopes.changed_at = 0;
        exchange_capture_mode(&scopes.before);
    }
    --scopes.depth;
}

Result<const Driver*> driver() noexcept try {
    static Result<const Driver*> loaded = load();
    return loaded;
} catch (const std::bad_alloc&) {
    return out_of_memory();
}

Error driver_error(const char* call, CUresult result) noexcept try {
    auto loaded = driver();
    const char* name = nullptr;
    if (loaded) {
        (*loaded)->cuGetErrorName(result, &name);
    }
    const std::string message =
        text(call, " failed: ", name ? name : "unknown CUDA error", " (", static_cast<int>(result), ")");
    if (result == CUDA_ERROR_OUT_OF_MEMORY) {
        return {CUFRAMES_ERROR_NO_MEMORY, message + "; free GPU memory, or use fewer slots"};
    }
    return {CUFRAMES_ERROR_CUDA, message};
} catch (const std::bad_alloc&) {
    return out_of_memory();
}

Result<> check_device(const Driver& driver, int32_t device) {
    int count = 0;
    driver.cuDeviceGetCount(&count);
    if (device >= 0 && device < count) {
        return {};
    }
    return Error{CUFRAMES_ERROR_UNKNOWN_DEVICE, text("there is no GPU ", device, " here: ", count,
                                                     " visible, numbered from 0 (CUDA_VISIBLE_DEVICES "
                                                     "hides some)")};
}

Result<Uuid> device_uuid(const Driver& driver, int32_t device) {
    CUdevice handle = 0;
    CUuuid uuid = {};
    CUresult result = driver.cuDeviceGet(&handle, device);
    if (result == CUDA_SUCCESS) {
        result = driver.cuDeviceGetUuid(&uuid, handle);
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuDeviceGetUuid", result);
    }
    Uuid out = {};
    std::memcpy(out.data(), uuid.bytes, out.size());
    return out;
}

Result<int32_t> find_device(const Driver& driver, const Uuid& uuid) {
    int count = 0;
    driver.cuDeviceGetCount(&count);
    for (int32_t device = 0; device < count; ++device) {
        auto found = device_uuid(driver, device);
        if (found && *found == uuid) {
            return device;
        }
    }
    return Error{CUFRAMES_ERROR_UNKNOWN_DEVICE, text("GPU ", uuid_text(uuid), " is not among the ", count,
                                                     " visible in this process (see "
                                                     "CUDA_VISIBLE_DEVICES, or docker --gpus)")};
}

std::string uuid_text(const Uuid& uuid) {
    std::string out = "GPU-";
    for (size_t i = 0; i < uuid.size(); ++i) {
        char digits[4];
        std::snprintf(digits, sizeof(digits), "%02x", uuid[i]);
        out += digits;
        out += i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "";
    }
    return out;
}

namespace {

Result<int32_t> device_of(const Driver& driver, CUcontext context) {
    Current current(driver, context);
    CUdevice handle = 0;
    if (current.result() != CUDA_SUCCESS) {
        return driver_error("cuCtxPushCurrent", current.result());
    }
    if (const CUresult result = driver.cuCtxGetDevice(&handle); result != CUDA_SUCCESS) {
        return driver_error("cuCtxGetDevice", result);
    }
    // Handles have been ordinals in every version, but only a search is promised to work.
    for (int32_t ordinal = 0;; ++ordinal) {
        CUdevice candidate = 0;
        if (const CUresult result = driver.cuDeviceGet(&candidate, ordinal); result != CUDA_SUCCESS) {
            return driver_error("cuDeviceGet", result);
        }
        if (candidate == handle) {
            return ordinal;
        }
    }
}

Result<CUcontext> primary_context(const Driver& driver, int32_t device) {
    static std::mutex mutex;
    static std::map<int32_t, CUcontext> retained;
    std::lock_guard lock(mutex);
    if (const auto known = retained.find(device); known != retained.end()) {
        return known->second;
    }
    CUdevice handle = 0;
    CUcontext context = nullptr;
    CUresult result = driver.cuDeviceGet(&handle, device);
    if (result == CUDA_SUCCESS) {
        result = driver.cuDevicePrimaryCtxRetain(&context, handle);
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuDevicePrimaryCtxRetain", result);
    }
    retained.emplace(device, context);
    return context;
}

} // namespace

Result<Context> Context::open(const Driver& driver, int32_t device, void* borrowed) noexcept try {
    if (borrowed) {
        auto* context = static_cast<CUcontext>(borrowed);
        auto of = device_of(driver, context);
        if (!of) {
            return of.error();
        }
        return Context(driver, *of, context);
    }
    if (auto known = check_device(driver, device); !known) {
        return known.error();
    }
    auto context = primary_context(driver, device);
    if (!context) {
        return context.error();
    }
    return Context(driver, device, *context);
} catch (const std::bad_alloc&) {
    return out_of_memory();
}

} // namespace cuframes::core::cuda
