// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "driver_api.h"
#include "knobs.h"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

// The objects of the driver. One mutex, Driver::mutex, guards every member here that is not atomic;
// the memory of the process has its own lock (address_map.h) and the two are never held together.
namespace fake_cuda {

struct Stream;
struct GraphCapture;

// Progress of one stream: operation n is finished once completed >= n. Kept apart from the stream,
// so that an event outlives the stream that it was recorded in.
struct Timeline {
    uint64_t submitted = 0;
    uint64_t completed = 0;
};

struct Point {
    std::shared_ptr<Timeline> timeline;
    uint64_t position = 0;

    bool reached() const { return timeline->completed >= position; }
};

using Points = std::vector<Point>;

bool all_reached(const Points& points);

// What one recording of an event captured. A later recording makes a new one, so that those who
// already wait keep waiting for what they saw.
struct Capture {
    Points points;
    std::chrono::steady_clock::time_point time;
};

struct Event {
    CUcontext context = nullptr;
    unsigned int flags = 0;
    std::shared_ptr<Capture> capture; // empty until first recorded
    // Last recorded in a stream that captured a graph: an event of that graph, and none to ask or to wait for outside.
    std::shared_ptr<GraphCapture> graph;
    const Stream* graph_stream = nullptr;
};

struct Context {
    CUcontext handle = nullptr;
    int device = 0;
    unsigned int flags = 0;
    bool primary = false;
    bool alive = true;
    // A GPU fault is sticky: every later call in the context returns it.
    CUresult fault = CUDA_SUCCESS;
    std::shared_ptr<Stream> legacy;
    std::map<std::thread::id, std::shared_ptr<Stream>> per_thread;
    // All of the above and the created ones; a destroyed stream stays until it has drained.
    std::vector<std::shared_ptr<Stream>> streams;
    Points barriers; // from cuCtxWaitEvent: what every later operation waits for
    std::set<CUcontext> peers;
    std::map<CUlimit, size_t> limits;
};

using ContextRef = std::shared_ptr<Context>;

// The primary context keeps its handle between two lives, as the real one does.
struct PrimaryContext {
    CUcontext handle = nullptr;
    unsigned int flags = 0;
    unsigned int retained = 0;
};

struct Driver {
    std::mutex mutex;
    std::condition_variable progressed; // a timeline moved on, or the process is exiting
    std::atomic<bool> initialised = false;
    std::atomic<bool> forked = false;
    std::atomic<bool> stopping = false;
    unsigned int running_effects = 0;
    uintptr_t next_handle = 0x10000;
    unsigned long long last_stream_id = 0;

    std::unordered_map<CUcontext, ContextRef> contexts;
    std::array<PrimaryContext, max_devices> primaries;
    std::unordered_map<CUstream, std::shared_ptr<Stream>> streams;
    std::unordered_map<CUevent, std::shared_ptr<Event>> events;
};

// Never destroyed: workers and late callers use it until the process is gone.
Driver& driver();

// Whether the process exits and nothing is written any more; with the mutex held. Who is told that the driver is gone
// may take down what the last effect still writes to.
inline bool is_over(const Driver& d) { return d.stopping && d.running_effects == 0; }
// Until then, but not for ever.
void await_last_effect();

// Handles are numbers that are never dereferenced and never reused, so that a stale one is always
// recognised. Call with Driver::mutex held.
template <typename Handle>
Handle new_handle(Driver& d) {
    d.next_handle += 0x10;
    return reinterpret_cast<Handle>(d.next_handle); // NOLINT(performance-no-int-to-ptr)
}

} // namespace fake_cuda
