// SPDX-License-Identifier: LGPL-2.1-or-later
#include "graph.h"

#include "call.h"
#include "context.h"
#include "fake_cuda.h"
#include "faults.h"

#include <algorithm>
#include <map>

namespace fake_cuda {
namespace {

thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

// Captures under way, and what became of those that ended.
struct GraphBook {
    std::vector<std::shared_ptr<GraphCapture>> captures;
    std::atomic<size_t> under_way = 0; // of the above, for calls that come by
    std::atomic<uint64_t> unguarded = 0;
    std::map<CUgraph, std::vector<Effect>> graphs;
    std::map<CUgraphExec, std::vector<Effect>> executables;
};

GraphBook& book() {
    static auto* const instance = new GraphBook;
    return *instance;
}

// As documented, those "that may implicitly synchronise": of them the ones that a GPU was seen to refuse, and their kin.
bool is_unsafe(std::string_view call) {
    static constexpr std::string_view unsafe[] = {
        "cuCtxSynchronize",    "cuEventQuery",  "cuEventSynchronize", "cuMemAlloc",     "cuMemAllocHost",
        "cuMemAllocPitch",     "cuMemFree",     "cuMemFreeHost",      "cuMemHostAlloc", "cuMemHostRegister",
        "cuMemHostUnregister", "cuStreamQuery", "cuStreamSynchronize"};
    return std::find(std::begin(unsafe), std::end(unsafe), call) != std::end(unsafe);
}

// Calls that are about captures, or come before there is anything to break.
bool is_exempt(std::string_view call) {
    static constexpr std::string_view exempt[] = {"cuThreadExchangeStreamCaptureMode", "cuStreamBeginCapture",
                                                  "cuStreamEndCapture", "cuInit", "cuDriverGetVersion"};
    return std::find(std::begin(exempt), std::end(exempt), call) != std::end(exempt);
}

// Whether the capture keeps this thread from unsafe calls.
bool restrains(const GraphCapture& capture) {
    if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED || capture.mode == CU_STREAM_CAPTURE_MODE_RELAXED) {
        return false;
    }
    return capture.thread == std::this_thread::get_id() ||
           (thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL && capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL);
}

// Breaks those that `applies` to, and says whether there was one. With Driver::mutex held.
template <typename Applies>
bool invalidate(Applies&& applies) {
    bool any = false;
    for (const auto& capture : book().captures) {
        if (applies(*capture)) {
            capture->invalidated = true;
            any = true;
        }
    }
    return any;
}

CUresult begin(const StreamRef& stream, CUstreamCaptureMode mode) {
    if (stream->legacy) {
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    std::lock_guard lock(driver().mutex);
    if (stream->graph) {
        return CUDA_ERROR_ILLEGAL_STATE;
    }
    auto capture = std::make_shared<GraphCapture>();
    capture->origin = stream;
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    stream->graph = capture;
    book().captures.push_back(std::move(capture));
    book().under_way = book().captures.size();
    return CUDA_SUCCESS;
}

CUresult end(const ContextRef& context, const StreamRef& stream, CUgraph* out) {
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    const std::shared_ptr<GraphCapture> capture = stream->graph;
    if (out == nullptr || !capture) {
        return out == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_ILLEGAL_STATE;
    }
    *out = nullptr;
    if (capture->origin != stream) {
        return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    }
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
        return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    }
    capture->ended = true;
    for (const StreamRef& other : context->streams) {
        if (other->graph == capture) {
            other->graph.reset();
        }
    }
    std::erase(book().captures, capture);
    book().under_way = book().captures.size();
    if (capture->invalidated) {
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    }
    if (!capture->forked.empty()) {
        return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    }
    *out = new_handle<CUgraph>(d);
    book().graphs.emplace(*out, std::move(capture->nodes));
    return CUDA_SUCCESS;
}

CUresult status_of(const StreamRef& stream, CUstreamCaptureStatus* out) {
    if (out == nullptr) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    std::lock_guard lock(driver().mutex);
    if (stream->legacy) {
        for (const StreamRef& other : stream->context->streams) {
            if (other->blocking && other->graph) {
                return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT; // which breaks nothing
            }
        }
    }
    *out = !stream->graph               ? CU_STREAM_CAPTURE_STATUS_NONE
           : stream->graph->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                        : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
}

template <typename Body>
CUresult on_stream(const char* call, CUstream handle, Body&& body) {
    return in_context(call, [&](const ContextRef& context) -> CUresult {
        const StreamRef stream = find_stream(handle, context);
        return stream ? body(context, stream) : CUDA_ERROR_INVALID_HANDLE;
    });
}

} // namespace

CUresult check_capture_mode(std::string_view call) {
    if (book().under_way == 0) {
        return CUDA_SUCCESS;
    }
    std::lock_guard lock(driver().mutex);
    const auto restrained = [](const GraphCapture& capture) { return restrains(capture); };
    if (!is_exempt(call) && std::any_of(book().captures.begin(), book().captures.end(), [](const auto& capture) {
            return restrains(*capture) && capture->thread != std::this_thread::get_id();
        })) {
        ++book().unguarded;
    }
    return is_unsafe(call) && invalidate(restrained) ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult enter_stream(const StreamRef& stream) {
    if (!stream->legacy || book().under_way == 0) {
        return CUDA_SUCCESS;
    }
    std::lock_guard lock(driver().mutex);
    return invalidate([&](const GraphCapture& capture) {
        const auto& streams = stream->context->streams;
        return std::any_of(streams.begin(), streams.end(),
                           [&](const StreamRef& other) { return other->blocking && other->graph.get() == &capture; });
    })
               ? CUDA_ERROR_STREAM_CAPTURE_IMPLICIT
               : CUDA_SUCCESS;
}

CUresult enter_wait(const StreamRef& stream) {
    {
        std::lock_guard lock(driver().mutex);
        if (stream->graph) {
            stream->graph->invalidated = true;
            return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        }
    }
    return enter_stream(stream);
}

CUresult enter_context(const ContextRef& context) {
    std::lock_guard lock(driver().mutex);
    return invalidate([&](const GraphCapture& capture) { return capture.origin->context == context; })
               ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
               : CUDA_SUCCESS;
}

bool capture_operation(const StreamRef& stream, const Operation& operation) {
    if (!stream->graph) {
        return false;
    }
    if (operation.effect) {
        stream->graph->nodes.push_back(operation.effect);
        if (stream->graph->origin != stream) {
            stream->graph->forked.insert(stream.get());
        }
    }
    return true;
}

bool capture_record(const StreamRef& stream, Event& event) {
    event.graph = stream->graph;
    event.graph_stream = stream.get();
    return stream->graph != nullptr;
}

std::optional<CUresult> capture_wait(const StreamRef& stream, const Event& event) {
    if (event.graph) {
        if (event.graph->ended) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        stream->graph = event.graph;
        event.graph->forked.erase(event.graph_stream);
        return CUDA_SUCCESS;
    }
    if (stream->graph && event.capture) {
        stream->graph->invalidated = true;
        return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    return {};
}

CUresult check_captured_event(const Event& event) {
    if (!event.graph) {
        return CUDA_SUCCESS;
    }
    if (event.graph->ended) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    event.graph->invalidated = true;
    return CUDA_ERROR_CAPTURED_EVENT;
}

uint64_t live_graphs() { return book().graphs.size() + book().executables.size(); }

} // namespace fake_cuda

using namespace fake_cuda;

extern "C" {

uint64_t fake_cuda_unguarded_calls(void) { return book().unguarded; }

CUresult CUDAAPI cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
    return on_stream(__func__, handle, [&](const ContextRef&, const StreamRef& stream) { return begin(stream, mode); });
}

CUresult CUDAAPI cuStreamEndCapture(CUstream handle, CUgraph* graph) {
    return on_stream(__func__, handle,
                     [&](const ContextRef& context, const StreamRef& stream) { return end(context, stream, graph); });
}

CUresult CUDAAPI cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
    return on_stream(__func__, handle,
                     [&](const ContextRef&, const StreamRef& stream) { return status_of(stream, status); });
}

CUresult CUDAAPI cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
    return guarded(__func__, [&]() -> CUresult {
        if (mode == nullptr) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        std::swap(*mode, thread_mode);
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec* out, CUgraph graph, unsigned long long) {
    return guarded(__func__, [&]() -> CUresult {
        Driver& d = driver();
        std::lock_guard lock(d.mutex);
        const auto known = book().graphs.find(graph);
        if (out == nullptr || known == book().graphs.end()) {
            return CUDA_ERROR_INVALID_VALUE;
        }
        *out = new_handle<CUgraphExec>(d);
        book().executables.emplace(*out, known->second);
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuGraphLaunch(CUgraphExec executable, CUstream handle) {
    return on_stream(__func__, handle, [&](const ContextRef&, const StreamRef& stream) -> CUresult {
        if (const CUresult conflict = enter_stream(stream); conflict != CUDA_SUCCESS) {
            return conflict;
        }
        std::vector<Effect> nodes;
        {
            std::lock_guard lock(driver().mutex);
            const auto known = book().executables.find(executable);
            if (known == book().executables.end()) {
                return CUDA_ERROR_INVALID_VALUE;
            }
            nodes = known->second;
        }
        for (Effect& node : nodes) {
            submit(stream, {std::move(node), {}, {}});
        }
        return CUDA_SUCCESS;
    });
}

CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec executable) {
    return guarded(__func__, [&] {
        std::lock_guard lock(driver().mutex);
        return book().executables.erase(executable) == 1 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    });
}

CUresult CUDAAPI cuGraphDestroy(CUgraph graph) {
    return guarded(__func__, [&] {
        std::lock_guard lock(driver().mutex);
        return book().graphs.erase(graph) == 1 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    });
}
}
