// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "state.h"

#include <deque>
#include <functional>
#include <random>

namespace fake_cuda {

// What an operation does when its turn comes. Anything but CUDA_SUCCESS is a GPU fault.
using Effect = std::function<CUresult()>;

struct Operation {
    Effect effect; // empty for a marker, which only takes a place in the order
    Points after;
    std::shared_ptr<Capture> stamp; // gets the time of completion
};

// A FIFO with one worker thread, started by the first operation that cannot complete at once.
struct Stream : std::enable_shared_from_this<Stream> {
    unsigned long long id = 0;
    CUstream handle = nullptr; // null for the implicit streams of a context
    ContextRef context;
    bool legacy = false;
    bool blocking = true; // ordered with the legacy stream of its context
    unsigned int flags = CU_STREAM_DEFAULT;
    int priority = 0;
    std::shared_ptr<Timeline> timeline = std::make_shared<Timeline>();

    std::shared_ptr<GraphCapture> graph; // that the stream captures now

    std::deque<Operation> queue;
    std::condition_variable work;
    bool worker_started = false;
    bool closed = false;
    std::mt19937_64 jitter;

    bool idle() const { return timeline->completed == timeline->submitted; }
    Point end() const { return {timeline, timeline->submitted}; }
};

using StreamRef = std::shared_ptr<Stream>;

// Makes an implicit or explicit stream of `context`. Call with Driver::mutex held.
StreamRef add_stream(Driver& d, const ContextRef& context, unsigned int flags);

// Lets the worker leave once the queue is empty. Call with Driver::mutex held.
void close_stream(Driver& d, const StreamRef& stream);

// Resolves a handle, CU_STREAM_LEGACY and CU_STREAM_PER_THREAD included, null if it is stale.
StreamRef find_stream(CUstream handle, const ContextRef& current);

// Appends to the stream; returns the point at which the operation will be complete.
Point submit(const StreamRef& stream, Operation operation);

// Blocks the calling thread until all points are reached; reports a fault of the context.
CUresult wait_for(const ContextRef& context, const Points& points);

// What a CPU wait for the stream has to wait for: for the legacy stream that includes every
// blocking stream of the context.
Points pending_work(const StreamRef& stream);

// Everything in flight in the context. Call with Driver::mutex held.
Points pending_work(const Context& context);

} // namespace fake_cuda
