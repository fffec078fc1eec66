// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "stream.h"

#include <set>
#include <string_view>

// Streams that record what they are given into a graph instead of doing it, and what breaks that. The rules are those that
// a GPU was asked for: README.md has them.
namespace fake_cuda {

// One capture under way, from its begin to its end. All of it is guarded by Driver::mutex.
struct GraphCapture {
    std::shared_ptr<Stream> origin;
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    std::thread::id thread;
    bool invalidated = false;
    bool ended = false;
    std::vector<Effect> nodes;
    std::set<const Stream*> forked; // streams drawn in by events, whose work the origin has not waited for
};

// Whether a call may be made now, by the mode of the calling thread. A refusal has broken the captures in the way.
CUresult check_capture_mode(std::string_view call);

// Before work is queued on the stream, or waited for. The legacy stream would depend on blocking ones that capture.
CUresult enter_stream(const StreamRef& stream);

// Before a wait or a query: such of a capturing stream is refused too, and breaks its capture.
CUresult enter_wait(const StreamRef& stream);

// For calls that mean all streams of a context.
CUresult enter_context(const ContextRef& context);

// Takes the operation into the graph that the stream captures. False: it captures none. With Driver::mutex held.
bool capture_operation(const StreamRef& stream, const Operation& operation);

// The same for events. With Driver::mutex held.
bool capture_record(const StreamRef& stream, Event& event);
// Empty: neither side has to do with a capture.
std::optional<CUresult> capture_wait(const StreamRef& stream, const Event& event);
// Of asking or waiting for an event.
CUresult check_captured_event(const Event& event);

uint64_t live_graphs();

} // namespace fake_cuda
