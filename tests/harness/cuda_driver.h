// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace cuframes::test {

using CudaDevicePointer = unsigned long long;

/// The few driver calls with which tests play an application of CUDA: loaded from libcuda.so.1, whichever the process
/// finds, so that the same test runs on a GPU and on the stand-in. Declared here because a build without the CUDA
/// toolkit runs them too.
class CudaDriver {
public:
    /// Loads and initialises the driver once per process. NULL: there is none, or it has no device.
    static const CudaDriver* get();
    /// Why get() returned NULL.
    static std::string absence();

    /// Throws on errors of the driver.
    void check(int result, const char* call) const;

    /// Looks up what only the stand-in has; NULL on a real driver.
    void* extension(const char* symbol) const;

    /// Retains the device's primary context and makes it current on this thread.
    void* use_primary_context(int device) const;

    int (*init)(unsigned) = nullptr;
    int (*driver_version)(int*) = nullptr;
    int (*device_count)(int*) = nullptr;
    int (*device_get)(int*, int) = nullptr;
    int (*primary_retain)(void**, int) = nullptr;
    int (*primary_release)(int) = nullptr;
    int (*context_set_current)(void*) = nullptr;
    int (*context_create)(void**, unsigned, int) = nullptr;
    int (*context_destroy)(void*) = nullptr;
    int (*context_synchronize)() = nullptr;
    int (*memory_alloc)(CudaDevicePointer*, size_t) = nullptr;
    int (*memory_free)(CudaDevicePointer) = nullptr;
    int (*copy_to_device)(CudaDevicePointer, const void*, size_t) = nullptr;
    int (*copy_to_host)(void*, CudaDevicePointer, size_t) = nullptr;
    int (*copy_async)(CudaDevicePointer, CudaDevicePointer, size_t, void*) = nullptr;
    int (*fill)(CudaDevicePointer, unsigned char, size_t) = nullptr;
    int (*fill_async)(CudaDevicePointer, unsigned char, size_t, void*) = nullptr;
    int (*stream_create)(void**, unsigned) = nullptr;
    int (*stream_query)(void*) = nullptr;
    int (*stream_synchronize)(void*) = nullptr;
    int (*stream_destroy)(void*) = nullptr;
    int (*capture_begin)(void*, int) = nullptr;
    int (*capture_end)(void*, void**) = nullptr;
    int (*graph_destroy)(void*) = nullptr;

private:
    struct Attempt {
        std::unique_ptr<CudaDriver> driver;
        std::string problem;
    };
    static const Attempt& attempt();
    bool load(std::string& problem);

    void* library_ = nullptr;
};

/// CU_STREAM_NON_BLOCKING: what torch uses; not ordered with the legacy default stream.
inline constexpr unsigned cuda_stream_non_blocking = 1;
/// CU_STREAM_PER_THREAD.
inline void* const cuda_stream_per_thread = reinterpret_cast<void*>(2);
/// CU_STREAM_CAPTURE_MODE_GLOBAL: torch's default.
inline constexpr int cuda_capture_global = 0;

/// Device memory that frees itself.
class DeviceBuffer {
public:
    DeviceBuffer(const CudaDriver& driver, size_t size) : driver_(&driver), size_(size) {
        driver.check(driver.memory_alloc(&address_, size), "cuMemAlloc");
    }
    DeviceBuffer(DeviceBuffer&& other) noexcept
        : driver_(other.driver_), address_(std::exchange(other.address_, 0)), size_(other.size_) {}
    DeviceBuffer& operator=(DeviceBuffer&&) = delete;
    ~DeviceBuffer() {
        if (address_) {
            driver_->memory_free(address_);
        }
    }

    CudaDevicePointer address() const { return address_; }
    size_t size() const { return size_; }

private:
    const CudaDriver* driver_;
    CudaDevicePointer address_ = 0;
    size_t size_;
};

/// A stream that destroys itself.
class DeviceStream {
public:
    DeviceStream(const CudaDriver& driver, unsigned flags) : driver_(&driver) {
        driver.check(driver.stream_create(&stream_, flags), "cuStreamCreate");
    }
    DeviceStream(DeviceStream&& other) noexcept
        : driver_(other.driver_), stream_(std::exchange(other.stream_, nullptr)) {}
    DeviceStream& operator=(DeviceStream&&) = delete;
    ~DeviceStream() {
        if (stream_) {
            driver_->stream_destroy(stream_);
        }
    }

    void* get() const { return stream_; }
    /// Whether queued work is not done yet.
    bool is_busy() const { return driver_->stream_query(stream_) != 0; }
    void synchronize() const { driver_->check(driver_->stream_synchronize(stream_), "cuStreamSynchronize"); }

private:
    const CudaDriver* driver_;
    void* stream_ = nullptr;
};

} // namespace cuframes::test
