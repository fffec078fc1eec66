// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"
#include "graph.h"
#include "transfer.h"

#include <cstring>
#include <limits>
#include <mutex>

namespace fake_cuda {

CUresult check_side(const Side& side, const Extent& extent, int device, Access access) {
    const bool known = find_range(side.start) != nullptr;
    // A reservation without memory behind it is an address that only the driver could have given.
    if (!known && !side.must_be_known && !in_reservation(side.start)) {
        return CUDA_SUCCESS;
    }
    const size_t span = extent.span(side.pitch);
    return accessible(side.start, span, device, access) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

namespace {

struct Copy {
    Side to;
    Side from;
    Extent extent;
};

enum class Mode { synchronous, asynchronous };

CUresult check(const Copy& copy, int device) {
    const CUresult from = check_side(copy.from, copy.extent, device, Access::read);
    return from != CUDA_SUCCESS ? from : check_side(copy.to, copy.extent, device, Access::write);
}

// Checked again when its turn comes: memory that went away in between is a GPU fault.
CUresult perform(const Copy& copy, int device) {
    std::shared_lock lock(address_map().mutex);
    if (check(copy, device) != CUDA_SUCCESS) {
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
    for (size_t row = 0; row < copy.extent.height; ++row) {
        std::memmove(bytes_at(copy.to.start + row * copy.to.pitch), bytes_at(copy.from.start + row * copy.from.pitch),
                     copy.extent.width);
    }
    return CUDA_SUCCESS;
}

struct Plan {
    CUresult refused = CUDA_SUCCESS;
    bool from_device = false;
    bool to_device = false;
    bool pageable = false; // one side is host memory that the driver has not pinned
};

Plan plan(Copy& copy, int device) {
    std::shared_lock lock(address_map().mutex);
    Plan p;
    p.refused = check(copy, device);
    p.from_device = find_device_range(copy.from.start) != nullptr;
    p.to_device = find_device_range(copy.to.start) != nullptr;
    const bool from_known = find_range(copy.from.start) != nullptr;
    const bool to_known = find_range(copy.to.start) != nullptr;
    p.pageable = !from_known || !to_known;
    // A side that is known now must still be so when the copy runs.
    copy.from.must_be_known |= from_known;
    copy.to.must_be_known |= to_known;
    return p;
}

CUresult launch(const ContextRef& context, CUstream handle, Copy copy, Mode mode) {
    if (copy.extent.empty()) {
        return CUDA_SUCCESS;
    }
    const StreamRef stream = find_stream(handle, context);
    if (!stream) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
        return conflict;
    }
    const int device = stream->context->device;
    const Plan p = plan(copy, device);
    if (p.refused != CUDA_SUCCESS) {
        return p.refused;
    }
    count_copy(p.from_device, p.to_device, copy.extent.bytes());
    const Point done = submit(stream, {[copy, device] { return perform(copy, device); }, {}, {}});
    // As documented ("API synchronization behavior"): pageable memory is staged before the call
    // returns, and a device-to-device copy does not wait for its end even in the synchronous form.
    const bool waits = p.pageable || (mode == Mode::synchronous && !(p.from_device && p.to_device));
    return waits ? wait_for(context, {done}) : CUDA_SUCCESS;
}

Copy linear(Side to, Side from, size_t size) {
    to.pitch = from.pitch = size;
    return {to, from, {size, size == 0 ? size_t{0} : size_t{1}}};
}

Side device_side(CUdeviceptr pointer) { return {static_cast<uintptr_t>(pointer), 0, true}; }

Side host_side(const void* pointer) { return {reinterpret_cast<uintptr_t>(pointer), 0, false}; }

struct Half {
    CUmemorytype type;
    const void* host;
    CUdeviceptr device;
    size_t x;
    size_t y;
    size_t pitch;
};

CUresult side_of(const Half& half, const Extent& extent, Side& out) {
    if (half.type == CU_MEMORYTYPE_ARRAY) {
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    if (half.type == CU_MEMORYTYPE_HOST) {
        out = host_side(half.host);
    } else if (half.type == CU_MEMORYTYPE_DEVICE) {
        out = device_side(half.device);
    } else if (half.type == CU_MEMORYTYPE_UNIFIED) {
        out = {static_cast<uintptr_t>(half.device), 0, false};
    } else {
        return CUDA_ERROR_INVALID_VALUE;
    }
    out.pitch = half.pitch != 0 ? half.pitch : half.x + extent.width;
    constexpr size_t max_pitch = std::numeric_limits<int>::max();
    if (out.start == 0 || out.pitch < half.x + extent.width || out.pitch > max_pitch) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    out.start += half.y * out.pitch + half.x;
    return CUDA_SUCCESS;
}

CUresult launch_2d(const ContextRef& context, CUstream stream, const CUDA_MEMCPY2D* c, Mode mode) {
    if (c == nullptr) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    Copy copy;
    copy.extent = {c->WidthInBytes, c->Height};
    if (copy.extent.empty()) {
        return CUDA_SUCCESS;
    }
    const Half from = {c->srcMemoryType, c->srcHost, c->srcDevice, c->srcXInBytes, c->srcY, c->srcPitch};
    const Half to = {c->dstMemoryType, c->dstHost, c->dstDevice, c->dstXInBytes, c->dstY, c->dstPitch};
    CUresult refused = side_of(from, copy.extent, copy.from);
    if (refused == CUDA_SUCCESS) {
        refused = side_of(to, copy.extent, copy.to);
    }
    return refused != CUDA_SUCCESS ? refused : launch(context, stream, copy, mode);
}

CUresult copy_call(const char* call, const Copy& copy, CUstream stream, Mode mode) {
    return in_context(call, [&](const ContextRef& context) { return launch(context, stream, copy, mode); });
}

} // namespace
} // namespace fake_cuda

using namespace fake_cuda;

extern "C" {

CUresult CUDAAPI cuMemcpy2D_v2(const CUDA_MEMCPY2D* copy) {
    return in_context(__func__,
                      [&](const ContextRef& context) { return launch_2d(context, nullptr, copy, Mode::synchronous); });
}

CUresult CUDAAPI cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* copy) {
    return in_context(__func__,
                      [&](const ContextRef& context) { return launch_2d(context, nullptr, copy, Mode::synchronous); });
}

CUresult CUDAAPI cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* copy, CUstream stream) {
    return in_context(__func__,
                      [&](const ContextRef& context) { return launch_2d(context, stream, copy, Mode::asynchronous); });
}

CUresult CUDAAPI cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t size) {
    const Copy copy = linear(device_side(to), host_side(from), size);
    return copy_call(__func__, copy, nullptr, Mode::synchronous);
}

CUresult CUDAAPI cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t size, CUstream stream) {
    const Copy copy = linear(device_side(to), host_side(from), size);
    return copy_call(__func__, copy, stream, Mode::asynchronous);
}

CUresult CUDAAPI cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t size) {
    const Copy copy = linear(host_side(to), device_side(from), size);
    return copy_call(__func__, copy, nullptr, Mode::synchronous);
}

CUresult CUDAAPI cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t size, CUstream stream) {
    const Copy copy = linear(host_side(to), device_side(from), size);
    return copy_call(__func__, copy, stream, Mode::asynchronous);
}

CUresult CUDAAPI cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size) {
    const Copy copy = linear(device_side(to), device_side(from), size);
    return copy_call(__func__, copy, nullptr, Mode::synchronous);
}

CUresult CUDAAPI cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream) {
    const Copy copy = linear(device_side(to), device_side(from), size);
    return copy_call(__func__, copy, stream, Mode::asynchronous);
}

// The driver finds out from the addresses what each side is.
CUresult CUDAAPI cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t size) {
    const Copy copy = linear({static_cast<uintptr_t>(to), 0, false}, {static_cast<uintptr_t>(from), 0, false}, size);
    return copy_call(__func__, copy, nullptr, Mode::synchronous);
}

CUresult CUDAAPI cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream) {
    const Copy copy = linear({static_cast<uintptr_t>(to), 0, false}, {static_cast<uintptr_t>(from), 0, false}, size);
    return copy_call(__func__, copy, stream, Mode::asynchronous);
}

CUresult CUDAAPI cuMemcpyPeer(CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t size) {
    const Copy copy = linear(device_side(to), device_side(from), size);
    return copy_call(__func__, copy, nullptr, Mode::synchronous);
}

CUresult CUDAAPI cuMemcpyPeerAsync(CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t size,
                                   CUstream stream) {
    const Copy copy = linear(device_side(to), device_side(from), size);
    return copy_call(__func__, copy, stream, Mode::asynchronous);
}
}
