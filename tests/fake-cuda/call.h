// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "state.h"

#include <new>

// The frame around every exported call.
namespace fake_cuda {

// What every call checks first: process state, being inside a host callback, injected faults.
CUresult admit(const char* call);

// The calling thread's current context, or why it cannot be used.
CUresult current_context(ContextRef& out);

// While it lives, driver calls of this thread are refused, as CUDA demands of host functions.
class HostCallbackScope {
public:
    HostCallbackScope();
    ~HostCallbackScope();
    HostCallbackScope(const HostCallbackScope&) = delete;
    HostCallbackScope& operator=(const HostCallbackScope&) = delete;
};

// For calls that need no current context. No exception may cross the C interface.
template <typename Body>
CUresult guarded(const char* call, Body&& body) {
    try {
        const CUresult refused = admit(call);
        return refused != CUDA_SUCCESS ? refused : body();
    } catch (const std::bad_alloc&) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    } catch (...) {
        return CUDA_ERROR_OPERATING_SYSTEM;
    }
}

template <typename Body>
CUresult in_context(const char* call, Body&& body) {
    return guarded(call, [&body] {
        ContextRef context;
        const CUresult refused = current_context(context);
        return refused != CUDA_SUCCESS ? refused : body(context);
    });
}

} // namespace fake_cuda
