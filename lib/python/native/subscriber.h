// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "frame.h"
#include "waiting.h"

namespace cuframes::python {

/**
 * A subscriber that any thread may use.
 *
 * The library's calls are made without waiting, one thread at a time; who finds nothing sleeps on the subscriber's
 * descriptor, with others if there are, and on `nudge_`: a thread that has taken a frame passes on the wake-up that the
 * publisher sends only once, and close() sends everybody home.
 */
class Subscriber {
public:
    Subscriber(const std::string& key, const std::string& directory, const std::string& name, int mode,
               uint32_t max_held, bool end_when_gone, int32_t cuda_device, int release);
    ~Subscriber();

    void connect(int64_t timeout_ms);
    std::unique_ptr<RingFrame> next(int64_t timeout_ms);
    int fileno();
    nb::dict stats();
    void close();
    bool closed();

private:
    /** Calls `step(handle)` until it is no TIMEOUT; sleeps between. */
    template <class Step>
    void repeat(int64_t timeout_ms, Step&& step);
    int locked(const std::function<int(cuframes_subscriber*)>& call);

    std::mutex mutex_; ///< Held for calls that do not wait.
    cuframes_subscriber* handle_ = nullptr;
    std::atomic<int> waiting_{0};
    Event nudge_;
    const std::string key_;
};

void bind_subscriber(nb::module_& module);

} // namespace cuframes::python
