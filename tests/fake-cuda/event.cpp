// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call.h"
#include "context.h"
#include "graph.h"
#include "stream.h"

using namespace fake_cuda;

namespace {

using EventRef = std::shared_ptr<Event>;

EventRef find_event(CUevent handle) {
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    const auto it = d.events.find(handle);
    return it == d.events.end() ? nullptr : it->second;
}

std::shared_ptr<Capture> capture_of(const EventRef& event) {
    std::lock_guard lock(driver().mutex);
    return event->capture;
}

// A marker takes the place in the stream; the worker stamps the time when it gets there.
CUresult record(const ContextRef& context, CUevent handle, CUstream stream_handle) {
    const EventRef event = find_event(handle);
    const StreamRef stream = find_stream(stream_handle, context);
    if (!event || !stream || stream->context->handle != event->context) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
        return conflict;
    }
    {
        std::lock_guard lock(driver().mutex);
        if (capture_record(stream, *event)) {
            return CUDA_SUCCESS;
        }
    }
    const auto capture = std::make_shared<Capture>();
    const Point point = submit(stream, {{}, {}, capture});
    std::lock_guard lock(driver().mutex);
    capture->points = {point};
    event->capture = capture;
    return CUDA_SUCCESS;
}

bool has_context_events() { return config().driver_version >= context_events_version; }

// Captures every stream of the context, non-blocking and per-thread ones included.
CUresult record_context(CUcontext context_handle, CUevent handle) {
    if (!has_context_events()) {
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    const EventRef event = find_event(handle);
    Driver& d = driver();
    ContextRef context;
    {
        std::lock_guard lock(d.mutex);
        context = find_context(d, context_handle);
    }
    if (!context) {
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (const CUresult conflict = enter_context(context); conflict != CUDA_SUCCESS) {
        return conflict;
    }
    std::lock_guard lock(d.mutex);
    if (!event || event->context != context_handle) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    event->graph.reset();
    event->capture = std::make_shared<Capture>();
    event->capture->points = pending_work(*context);
    event->capture->time = std::chrono::steady_clock::now();
    return CUDA_SUCCESS;
}

CUresult wait_context(CUcontext context_handle, CUevent handle) {
    if (!has_context_events()) {
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    const EventRef event = find_event(handle);
    if (!event) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    const ContextRef context = find_context(d, context_handle);
    if (!context) {
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (event->capture) {
        const Points& captured = event->capture->points;
        context->barriers.insert(context->barriers.end(), captured.begin(), captured.end());
    }
    return CUDA_SUCCESS;
}

CUresult elapsed(float* milliseconds, CUevent start_handle, CUevent end_handle) {
    const EventRef start = find_event(start_handle);
    const EventRef end = find_event(end_handle);
    if (milliseconds == nullptr) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (!start || !end || ((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) != 0) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    std::lock_guard lock(driver().mutex);
    if (!start->capture || !end->capture) {
        return CUDA_ERROR_INVALID_HANDLE;
    }
    if (!all_reached(start->capture->points) || !all_reached(end->capture->points)) {
        return CUDA_ERROR_NOT_READY;
    }
    const std::chrono::duration<float, std::milli> span = end->capture->time - start->capture->time;
    *milliseconds = span.count();
    return CUDA_SUCCESS;
}

} // namespace

extern "C" {

CUresult CUDAAPI cuEventCreate(CUevent* out, unsigned int flags) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        constexpr unsigned int known = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
        const bool bad_ipc = (flags & CU_EVENT_INTERPROCESS) != 0 && (flags & CU_EVENT_DISABLE_TIMING) == 0;
        if (out == nullptr || (flags & ~known) != 0 || bad_ipc) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        auto event = std::make_shared<Event>();
        event->context = context->handle;
        event->flags = flags;
        *out = new_handle<CUevent>(d);
        d.events.emplace(*out, std::move(event));
        return CUDA_SUCCESS;
    });
}

// Those who already wait for it go on waiting for what it captured.
CUresult CUDAAPI cuEventDestroy_v2(CUevent handle) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        return d.events.erase(handle) == 1 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
    });
}

CUresult CUDAAPI cuEventRecord(CUevent event, CUstream stream) {
    return in_context(__func__, [&](const ContextRef& c) { return record(c, event, stream); });
}

CUresult CUDAAPI cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int flags) {
    return in_context(__func__, [&](const ContextRef& c) {
        return flags <= CU_EVENT_RECORD_EXTERNAL ? record(c, event, stream) : CUDA_ERROR_INVALID_VALUE;
    });
}

CUresult CUDAAPI cuCtxRecordEvent(CUcontext context, CUevent event) {
    return guarded(__func__, [&] { return record_context(context, event); });
}

CUresult CUDAAPI cuCtxWaitEvent(CUcontext context, CUevent event) {
    return guarded(__func__, [&] { return wait_context(context, event); });
}

// An event that was never recorded counts as complete, here and below.
CUresult CUDAAPI cuEventQuery(CUevent handle) {
    return in_context(__func__, [&](const ContextRef&) -> CUresult {
        const EventRef event = find_event(handle);
        if (!event) {
            return CUDA_ERROR_INVALID_HANDLE;
        }
        std::lock_guard lock(driver().mutex);
        if (const CUresult captured = check_captured_event(*event); captured != CUDA_SUCCESS) {
            return captured;
        }
        const bool done = !event->capture || all_reached(event->capture->points);
        return done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
    });
}

CUresult CUDAAPI cuEventSynchronize(CUevent handle) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        const EventRef event = find_event(handle);
        if (!event) {
            return CUDA_ERROR_INVALID_HANDLE;
        }
        {
            std::lock_guard lock(driver().mutex);
            if (const CUresult captured = check_captured_event(*event); captured != CUDA_SUCCESS) {
                return captured;
            }
        }
        const auto capture = capture_of(event);
        return capture ? wait_for(context, capture->points) : CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned int flags) {
    return in_context(__func__, [&](const ContextRef& context) -> CUresult {
        const EventRef event = find_event(handle);
        const StreamRef stream = find_stream(stream_handle, context);
        if (!event || !stream) {
            return CUDA_ERROR_INVALID_HANDLE;
        }
        if (flags > CU_EVENT_WAIT_EXTERNAL) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
            return conflict;
        }
        {
            std::lock_guard lock(driver().mutex);
            if (const auto captured = capture_wait(stream, *event)) {
                return *captured;
            }
        }
        const auto capture = capture_of(event);
        if (capture) {
            submit(stream, {{}, capture->points, {}});
        }
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
    return guarded(__func__, [&] { return elapsed(milliseconds, start, end); });
}

CUresult CUDAAPI cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
    return guarded(__func__, [&] { return elapsed(milliseconds, start, end); });
}
}
