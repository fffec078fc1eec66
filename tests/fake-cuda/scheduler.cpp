// SPDX-License-Identifier: LGPL-2.1-or-later
#include "graph.h"
#include "stream.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>

// How operations are ordered and executed: everything here runs under Driver::mutex except the
// effects themselves. A dependency always points at something submitted earlier, so that the
// workers can never wait for each other in a circle.
namespace fake_cuda {
namespace {

using Lock = std::unique_lock<std::mutex>;

void append_unreached(Points& points, const Point& point) {
    if (!point.reached()) {
        points.push_back(point);
    }
}

void append_blocking_streams(Points& points, const Context& context) {
    for (const StreamRef& stream : context.streams) {
        if (stream->blocking && !stream->legacy) {
            append_unreached(points, stream->end());
        }
    }
}

// The legacy stream waits for the blocking streams and they wait for it; non-blocking streams take
// part in neither.
Points implicit_order(const Stream& stream) {
    Context& context = *stream.context;
    std::erase_if(context.barriers, [](const Point& p) { return p.reached(); });
    Points points = context.barriers;
    if (stream.legacy) {
        append_blocking_streams(points, context);
    } else if (stream.blocking && context.legacy) {
        append_unreached(points, context.legacy->end());
    }
    return points;
}

void drop_from_context(const Stream& stream) {
    std::erase_if(stream.context->streams, [&stream](const StreamRef& s) { return s.get() == &stream; });
}

std::chrono::microseconds next_delay(Stream& stream) {
    const uint64_t base = config().delay_us;
    std::uniform_int_distribution<uint64_t> around(base / 2, base + base / 2);
    return std::chrono::microseconds(around(stream.jitter));
}

void complete(Driver& d, Stream& stream, Operation& operation) {
    ++stream.timeline->completed;
    if (operation.stamp) {
        operation.stamp->time = std::chrono::steady_clock::now();
    }
    d.progressed.notify_all();
}

// Finishing late is the point of this driver: code that forgot a wait must get to read old bytes.
void apply_late(Driver& d, Stream& stream, Operation& operation, Lock& lock) {
    const auto due = std::chrono::steady_clock::now() + next_delay(stream);
    lock.unlock();
    std::this_thread::sleep_until(due);
    lock.lock();
    if (d.stopping || stream.context->fault != CUDA_SUCCESS) {
        return;
    }
    ++d.running_effects;
    lock.unlock();
    const CUresult result = operation.effect();
    operation.effect = nullptr;
    lock.lock();
    --d.running_effects;
    if (result != CUDA_SUCCESS && stream.context->fault == CUDA_SUCCESS) {
        stream.context->fault = result;
    }
}

void run_front(Driver& d, Stream& stream, Lock& lock) {
    Operation operation = std::move(stream.queue.front());
    stream.queue.pop_front();
    d.progressed.wait(lock, [&] { return d.stopping || all_reached(operation.after); });
    if (!d.stopping && operation.effect) {
        apply_late(d, stream, operation, lock);
    }
    if (!d.stopping) {
        complete(d, stream, operation);
    } else {
        d.progressed.notify_all();
    }
}

void work(const StreamRef& stream) {
    Driver& d = driver();
    Lock lock(d.mutex);
    while (!d.stopping) {
        stream->work.wait(lock, [&] { return !stream->queue.empty() || stream->closed; });
        if (stream->queue.empty()) {
            drop_from_context(*stream);
            return;
        }
        run_front(d, *stream, lock);
    }
}

// Signals are the application's: none may land on a thread that it does not know of.
void start_worker(const StreamRef& stream) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([stream] { work(stream); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    stream->worker_started = true;
}

} // namespace

StreamRef add_stream(Driver& d, const ContextRef& context, unsigned int flags) {
    auto stream = std::make_shared<Stream>();
    stream->context = context;
    stream->flags = flags;
    stream->blocking = (flags & CU_STREAM_NON_BLOCKING) == 0;
    stream->id = ++d.last_stream_id;
    stream->jitter.seed(config().seed ^ stream->id);
    context->streams.push_back(stream);
    return stream;
}

void close_stream(Driver& d, const StreamRef& stream) {
    stream->closed = true;
    if (stream->handle != nullptr) {
        d.streams.erase(stream->handle);
    }
    if (stream->worker_started) {
        stream->work.notify_all();
    } else {
        drop_from_context(*stream);
    }
}

StreamRef find_stream(CUstream handle, const ContextRef& current) {
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    if (!current->alive) {
        return nullptr;
    }
    if (handle == nullptr || handle == CU_STREAM_LEGACY) {
        return current->legacy;
    }
    if (handle == CU_STREAM_PER_THREAD) {
        StreamRef& mine = current->per_thread[std::this_thread::get_id()];
        if (!mine) {
            mine = add_stream(d, current, CU_STREAM_DEFAULT);
        }
        return mine;
    }
    const auto it = d.streams.find(handle);
    return it == d.streams.end() ? nullptr : it->second;
}

Point submit(const StreamRef& stream, Operation operation) {
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    if (capture_operation(stream, operation)) {
        return {stream->timeline, stream->timeline->completed};
    }
    std::erase_if(operation.after, [](const Point& p) { return p.reached(); });
    const Points order = implicit_order(*stream);
    operation.after.insert(operation.after.end(), order.begin(), order.end());

    if (!operation.effect && operation.after.empty() && stream->idle()) {
        ++stream->timeline->submitted;
        complete(d, *stream, operation);
        return stream->end();
    }
    if (!stream->worker_started) {
        start_worker(stream);
    }
    ++stream->timeline->submitted;
    stream->queue.push_back(std::move(operation));
    stream->work.notify_all();
    return stream->end();
}

CUresult wait_for(const ContextRef& context, const Points& points) {
    Driver& d = driver();
    std::unique_lock lock(d.mutex);
    d.progressed.wait(lock, [&] { return is_over(d) || all_reached(points); });
    return all_reached(points) ? context->fault : CUDA_ERROR_DEINITIALIZED;
}

Points pending_work(const StreamRef& stream) {
    std::lock_guard lock(driver().mutex);
    Points points;
    append_unreached(points, stream->end());
    if (stream->legacy) {
        append_blocking_streams(points, *stream->context);
    }
    return points;
}

Points pending_work(const Context& context) {
    Points points;
    for (const StreamRef& stream : context.streams) {
        append_unreached(points, stream->end());
    }
    return points;
}

} // namespace fake_cuda
