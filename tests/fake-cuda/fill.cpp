// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"
#include "graph.h"
#include "transfer.h"

#include <algorithm>
#include <limits>
#include <mutex>

using namespace fake_cuda;

namespace {

template <typename Value>
CUresult perform(const Side& to, const Extent& extent, Value value, int device) {
    std::shared_lock lock(address_map().mutex);
    if (check_side(to, extent, device, Access::write) != CUDA_SUCCESS) {
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
    for (size_t row = 0; row < extent.height; ++row) {
        auto* first = reinterpret_cast<Value*>(bytes_at(to.start + row * to.pitch));
        std::fill_n(first, extent.width / sizeof(Value), value);
    }
    return CUDA_SUCCESS;
}

enum class Mode { synchronous, asynchronous };

template <typename Value>
CUresult launch(const ContextRef& context, CUstream handle, const Side& to, const Extent& extent, Value value,
                Mode mode) {
    if (extent.empty()) {
        return CUDA_SUCCESS;
    }
    const bool aligned = to.start % sizeof(Value) == 0 && to.pitch % sizeof(Value) == 0;
    if (!aligned || (extent.height > 1 && to.pitch < extent.width)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    const StreamRef stream = find_stream(handle, context);
    if (!stream) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
        return conflict;
    }
    const int device = stream->context->device;
    bool host_target = false;
    {
        std::shared_lock lock(address_map().mutex);
        const CUresult refused = check_side(to, extent, device, Access::write);
        if (refused != CUDA_SUCCESS) {
            return refused;
        }
        host_target = find_device_range(to.start) == nullptr;
    }
    count_fill(extent.bytes());
    const auto effect = [=] { return perform(to, extent, value, device); };
    const Point done = submit(stream, {effect, {}, {}});
    // As documented: only a fill of host memory waits, the call without "Async" included.
    return mode == Mode::synchronous && host_target ? wait_for(context, {done}) : CUDA_SUCCESS;
}

template <typename Value>
CUresult fill(const char* call, CUdeviceptr to, size_t pitch, Value value, size_t width, size_t height, CUstream stream,
              Mode mode) {
    return in_context(call, [&](const ContextRef& context) -> CUresult {
        if (width > std::numeric_limits<size_t>::max() / sizeof(Value)) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        const Side side = {static_cast<uintptr_t>(to), pitch, true};
        return launch(context, stream, side, {width * sizeof(Value), height}, value, mode);
    });
}

constexpr Mode synchronous = Mode::synchronous;
constexpr Mode asynchronous = Mode::asynchronous;

} // namespace

extern "C" {

CUresult CUDAAPI cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
    return fill(__func__, to, 0, value, count, 1, nullptr, synchronous);
}

CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
    return fill(__func__, to, 0, value, count, 1, stream, asynchronous);
}

CUresult CUDAAPI cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
    return fill(__func__, to, 0, value, count, 1, nullptr, synchronous);
}

CUresult CUDAAPI cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
    return fill(__func__, to, 0, value, count, 1, stream, asynchronous);
}

CUresult CUDAAPI cuMemsetD32_v2(CUdeviceptr to, unsigned int value, size_t count) {
    return fill(__func__, to, 0, value, count, 1, nullptr, synchronous);
}

CUresult CUDAAPI cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t count, CUstream stream) {
    return fill(__func__, to, 0, value, count, 1, stream, asynchronous);
}

CUresult CUDAAPI cuMemsetD2D8_v2(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height) {
    return fill(__func__, to, pitch, value, width, height, nullptr, synchronous);
}

CUresult CUDAAPI cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height,
                                   CUstream stream) {
    return fill(__func__, to, pitch, value, width, height, stream, asynchronous);
}

CUresult CUDAAPI cuMemsetD2D16_v2(CUdeviceptr to, size_t pitch, unsigned short value, size_t width, size_t height) {
    return fill(__func__, to, pitch, value, width, height, nullptr, synchronous);
}

CUresult CUDAAPI cuMemsetD2D16Async(CUdeviceptr to, size_t pitch, unsigned short value, size_t width, size_t height,
                                    CUstream stream) {
    return fill(__func__, to, pitch, value, width, height, stream, asynchronous);
}

CUresult CUDAAPI cuMemsetD2D32_v2(CUdeviceptr to, size_t pitch, unsigned int value, size_t width, size_t height) {
    return fill(__func__, to, pitch, value, width, height, nullptr, synchronous);
}

CUresult CUDAAPI cuMemsetD2D32Async(CUdeviceptr to, size_t pitch, unsigned int value, size_t width, size_t height,
                                    CUstream stream) {
    return fill(__func__, to, pitch, value, width, height, stream, asynchronous);
}
}
