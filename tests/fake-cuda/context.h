// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "state.h"

namespace fake_cuda {

// Null if the handle names no context that is alive. Call with Driver::mutex held.
ContextRef find_context(const Driver& d, CUcontext handle);

// Call with Driver::mutex held.
ContextRef make_context(Driver& d, CUcontext handle, int device, unsigned int flags);

// Waits for the work in flight, then takes everything that belongs to the context with it.
void destroy_context(const ContextRef& context);

} // namespace fake_cuda
