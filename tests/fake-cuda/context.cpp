// SPDX-License-Identifier: LGPL-2.1-or-later
#include "context.h"

#include "call.h"
#include "device.h"
#include "faults.h"
#include "graph.h"
#include "memory.h"
#include "stream.h"

namespace fake_cuda {
namespace {

thread_local bool in_host_callback = false;

// Set when the thread's stack is gone: destructors that run even later may still call us.
thread_local bool thread_is_over = false;

struct ContextStack {
    std::vector<CUcontext> entries;
    ~ContextStack() { thread_is_over = true; }
};

std::vector<CUcontext>& context_stack() {
    static thread_local ContextStack stack;
    return stack.entries;
}

CUresult create_context(CUcontext* out, unsigned int flags, CUdevice device) {
    if (out == nullptr) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (!is_device(device)) {
        return CUDA_ERROR_INVALID_DEVICE;
    }
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    *out = make_context(d, new_handle<CUcontext>(d), device, flags)->handle;
    context_stack().push_back(*out);
    return CUDA_SUCCESS;
}

} // namespace

ContextRef find_context(const Driver& d, CUcontext handle) {
    const auto it = d.contexts.find(handle);
    return it == d.contexts.end() ? nullptr : it->second;
}

ContextRef make_context(Driver& d, CUcontext handle, int device, unsigned int flags) {
    auto context = std::make_shared<Context>();
    context->handle = handle;
    context->device = device;
    context->flags = flags;
    context->legacy = add_stream(d, context, CU_STREAM_DEFAULT);
    context->legacy->legacy = true;
    d.contexts.emplace(handle, context);
    return context;
}

void destroy_context(const ContextRef& context) {
    Driver& d = driver();
    std::unique_lock lock(d.mutex);
    context->alive = false; // ends a wait-value that nobody will satisfy any more
    const Points pending = pending_work(*context);
    d.progressed.wait(lock, [&] { return is_over(d) || all_reached(pending); });
    const std::vector<StreamRef> streams = context->streams;
    for (const StreamRef& stream : streams) {
        close_stream(d, stream);
    }
    std::erase_if(d.events, [&](const auto& e) { return e.second->context == context->handle; });
    context->legacy = nullptr;
    context->per_thread.clear();
    d.contexts.erase(context->handle);
    lock.unlock();
    free_memory_of(context->handle);
}

HostCallbackScope::HostCallbackScope() { in_host_callback = true; }

HostCallbackScope::~HostCallbackScope() { in_host_callback = false; }

CUresult admit(const char* call) {
    const Driver& d = driver();
    if (d.forked) {
        return CUDA_ERROR_NOT_INITIALIZED;
    }
    if (in_host_callback) {
        return CUDA_ERROR_NOT_PERMITTED;
    }
    if (d.stopping) {
        await_last_effect();
    }
    if (d.stopping || thread_is_over) {
        return CUDA_ERROR_DEINITIALIZED;
    }
    const CUresult injected = count_and_fault(call);
    if (injected != CUDA_SUCCESS) {
        return injected;
    }
    return d.initialised ? check_capture_mode(base_name(call)) : CUDA_ERROR_NOT_INITIALIZED;
}

CUresult current_context(ContextRef& out) {
    if (context_stack().empty()) {
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    out = find_context(d, context_stack().back());
    return out && out->alive ? out->fault : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

} // namespace fake_cuda

using namespace fake_cuda;

extern "C" {

CUresult CUDAAPI cuCtxCreate_v2(CUcontext* out, unsigned int flags, CUdevice device) {
    return guarded(__func__, [&] { return create_context(out, flags, device); });
}

CUresult CUDAAPI cuCtxCreate_v3(CUcontext* out, CUexecAffinityParam*, int affinities, unsigned int flags,
                                CUdevice device) {
    return guarded(__func__,
                   [&] { return affinities == 0 ? create_context(out, flags, device) : CUDA_ERROR_NOT_SUPPORTED; });
}

#if CUDA_VERSION >= 12050
CUresult CUDAAPI cuCtxCreate_v4(CUcontext* out, CUctxCreateParams* params, unsigned int flags, CUdevice device) {
    return guarded(__func__,
                   [&] { return params == nullptr ? create_context(out, flags, device) : CUDA_ERROR_NOT_SUPPORTED; });
}
#endif

CUresult CUDAAPI cuCtxDestroy_v2(CUcontext handle) {
    return guarded(__func__, [&]() -> CUresult {
        ContextRef context;
        {
            Driver& d = driver();
            std::lock_guard lock(d.mutex);
            context = find_context(d, handle);
            if (!context || !context->alive || context->primary) {
                return CUDA_ERROR_INVALID_CONTEXT;
            }
        }
        destroy_context(context);
        auto& stack = context_stack();
        if (!stack.empty() && stack.back() == handle) {
            stack.pop_back();
        }
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxPushCurrent_v2(CUcontext handle) {
    return guarded(__func__, [&]() -> CUresult {
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        if (!find_context(d, handle)) {
            return CUDA_ERROR_INVALID_CONTEXT;
        }
        context_stack().push_back(handle);
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxPopCurrent_v2(CUcontext* out) {
    return guarded(__func__, [&]() -> CUresult {
        auto& stack = context_stack();
        if (stack.empty()) {
            return CUDA_ERROR_INVALID_CONTEXT;
        }
        if (out != nullptr) {
            *out = stack.back();
        }
        stack.pop_back();
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxGetCurrent(CUcontext* out) {
    return guarded(__func__, [&]() -> CUresult {
        if (out == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *out = context_stack().empty() ? nullptr : context_stack().back();
        return CUDA_SUCCESS;
    });
}

// Replaces the top of the stack; a null context pops it.
CUresult CUDAAPI cuCtxSetCurrent(CUcontext handle) {
    return guarded(__func__, [&]() -> CUresult {
        auto& stack = context_stack();
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        if (handle != nullptr && !find_context(d, handle)) {
            return CUDA_ERROR_INVALID_CONTEXT;
        }
        if (!stack.empty()) {
            stack.pop_back();
        }
        if (handle != nullptr) {
            stack.push_back(handle);
        }
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxGetDevice(CUdevice* device) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        if (device == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *device = context->device;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxGetFlags(unsigned int* flags) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        if (flags == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *flags = context->flags;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxGetApiVersion(CUcontext, unsigned int* version) {
    return guarded(__func__, [&]() -> CUresult {
        if (version == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *version = 3020;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxSynchronize(void) {
    return in_context(__func__, [](const ContextRef& context) {
        if (const CUresult conflict = enter_context(context); conflict != CUDA_SUCCESS) {
            return conflict;
        }
        Points pending;
        {
            std::lock_guard lock(driver().mutex);
            pending = pending_work(*context);
        }
        return wait_for(context, pending);
    });
}

CUresult CUDAAPI cuCtxGetLimit(size_t* value, CUlimit limit) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        if (value == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        std::lock_guard lock(driver().mutex);
        const auto it = context->limits.find(limit);
        *value = it == context->limits.end() ? 1024 : it->second;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxSetLimit(CUlimit limit, size_t value) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        std::lock_guard lock(driver().mutex);
        context->limits[limit] = value;
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuCtxEnablePeerAccess(CUcontext peer, unsigned int flags) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        const ContextRef other = find_context(d, peer);
        if (!other || other == context) {
            return CUDA_ERROR_INVALID_CONTEXT;
        }
        if (flags != 0) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (!can_access(context->device, other->device)) {
            return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
        }
        const bool added = context->peers.insert(peer).second;
        return added ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
    });
}

CUresult CUDAAPI cuCtxDisablePeerAccess(CUcontext peer) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        std::lock_guard lock(driver().mutex);
        const bool removed = context->peers.erase(peer) == 1;
        return removed ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
    });
}
}
