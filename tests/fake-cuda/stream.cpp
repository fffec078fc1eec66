// SPDX-License-Identifier: LGPL-2.1-or-later
#include "stream.h"

#include "call.h"
#include "graph.h"

using namespace fake_cuda;

namespace {

CUresult create_stream(const ContextRef& context, CUstream* out, unsigned int flags, int priority) {
    if (out == nullptr || (flags & ~static_cast<unsigned int>(CU_STREAM_NON_BLOCKING)) != 0) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    const StreamRef stream = add_stream(d, context, flags);
    stream->handle = new_handle<CUstream>(d);
    stream->priority = priority;
    d.streams.emplace(stream->handle, stream);
    *out = stream->handle;
    return CUDA_SUCCESS;
}

// Resolves the handle and hands the stream to `body`.
template <typename Body>
CUresult with_stream(const char* call, CUstream handle, Body&& body) {
    return in_context(call, [&](const ContextRef& context) -> CUresult {
        const StreamRef stream = find_stream(handle, context);
        return stream ? body(context, stream) : CUDA_ERROR_INVALID_HANDLE;
    });
}

template <typename Out, typename Read>
CUresult read_stream(const char* call, CUstream handle, Out* out, Read&& read) {
    return with_stream(call, handle, [&](const ContextRef&, const StreamRef& stream) -> CUresult {
        if (out == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *out = read(*stream);
        return CUDA_SUCCESS;
    });
}

} // namespace

extern "C" {

CUresult CUDAAPI cuStreamCreate(CUstream* out, unsigned int flags) {
    return in_context(__func__, [&](const ContextRef& c) { return create_stream(c, out, flags, 0); });
}

CUresult CUDAAPI cuStreamCreateWithPriority(CUstream* out, unsigned int flags, int priority) {
    return in_context(__func__, [&](const ContextRef& c) { return create_stream(c, out, flags, priority); });
}

CUresult CUDAAPI cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        if (least != nullptr) {
            *least = 0;
        }
        if (greatest != nullptr) {
            *greatest = -5;
        }
        return CUDA_SUCCESS;
    });
}

// Returns at once; work already submitted still runs to its end.
CUresult CUDAAPI cuStreamDestroy_v2(CUstream handle) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        const auto it = d.streams.find(handle);
        if (it == d.streams.end()) {
            return CUDA_ERROR_INVALID_HANDLE;
        }
        close_stream(d, StreamRef(it->second));
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuStreamSynchronize(CUstream handle) {
    return with_stream(__func__, handle, [](const ContextRef& context, const StreamRef& stream) {
        const CUresult conflict = enter_wait(stream);
        return conflict != CUDA_SUCCESS ? conflict : wait_for(context, pending_work(stream));
    });
}

CUresult CUDAAPI cuStreamQuery(CUstream handle) {
    return with_stream(__func__, handle, [](const ContextRef&, const StreamRef& stream) {
        if (const CUresult conflict = enter_wait(stream); conflict != CUDA_SUCCESS) {
            return conflict;
        }
        return pending_work(stream).empty() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
    });
}

CUresult CUDAAPI cuStreamGetFlags(CUstream handle, unsigned int* flags) {
    return read_stream(__func__, handle, flags, [](const Stream& s) { return s.flags; });
}

CUresult CUDAAPI cuStreamGetPriority(CUstream handle, int* priority) {
    return read_stream(__func__, handle, priority, [](const Stream& s) { return s.priority; });
}

CUresult CUDAAPI cuStreamGetCtx(CUstream handle, CUcontext* out) {
    return read_stream(__func__, handle, out, [](const Stream& s) { return s.context->handle; });
}

CUresult CUDAAPI cuStreamGetId(CUstream handle, unsigned long long* id) {
    return read_stream(__func__, handle, id, [](const Stream& s) { return s.id; });
}

CUresult CUDAAPI cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
    return with_stream(__func__, handle, [&](const ContextRef&, const StreamRef& stream) -> CUresult {
        if (function == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
            return conflict;
        }
        const auto effect = [function, data] {
            const HostCallbackScope scope;
            function(data);
            return CUDA_SUCCESS;
        };
        submit(stream, {effect, {}, {}});
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void* data, unsigned int flags) {
    return with_stream(__func__, handle, [&](const ContextRef&, const StreamRef& stream) -> CUresult {
        if (callback == nullptr || flags != 0) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
            return conflict;
        }
        const auto effect = [handle, callback, data] {
            const HostCallbackScope scope;
            callback(handle, CUDA_SUCCESS, data);
            return CUDA_SUCCESS;
        };
        submit(stream, {effect, {}, {}});
        return CUDA_SUCCESS;
    });
}
}
