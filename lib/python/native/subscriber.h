// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "frame.h"
#include "waiting.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace cuframes::python {

/// A subscriber that any thread may use.
///
/// The library's calls are made without waiting, one thread at a time; who finds nothing sleeps on the subscriber's
/// descriptor, with others if there are, and on `nudge_`: a thread that has taken a frame passes on the wake-up that the
/// publisher sends only once, and close() sends everybody home.
class Subscriber {
public:
    Subscriber(const std::string& key, const std::string& directory, const std::string& name, int mode,
               uint32_t max_held, bool end_when_gone, int32_t cuda_device, int release);
    ~Subscriber();

    void connect(int64_t timeout_ms);
    std::unique_ptr<RingFrame> next(int64_t timeout_ms);
    /// For those who wait by themselves: from then on it is readable whenever there is something to do.
    int fileno();
    /// The same for those who have just found nothing; -1: nobody has yet.
    int descriptor();
    /// Tells that one task more, or one fewer, of an event loop waits for a frame.
    void count_tasks(int more) { tasks_ += more; }
    nb::dict stats();
    void close();
    bool closed();

private:
    /// Calls `step(handle)` until it is no TIMEOUT; sleeps between.
    template <class Step>
    void repeat(int64_t timeout_ms, Step&& step);
    int locked(const std::function<int(cuframes_subscriber*)>& call);
    void look_after_descriptor(int code);
    void let_others_go_first(int self);

    std::mutex mutex_; ///< Held for calls that do not wait.
    cuframes_subscriber* handle_ = nullptr;
    int descriptor_ = -1;        ///< Asked for when nothing was found first: that costs the frames that follow nothing.
    bool watched_ = false;       ///< Somebody waits on it outside of here.
    std::thread::id last_taker_; ///< Who took the last frame.
    std::condition_variable other_took_; ///< That is another one now.
    std::atomic<int> waiting_{0};
    std::atomic<int> tasks_{0};
    Event nudge_;
    const std::string key_;
};

void bind_subscriber(nb::module_& module);

} // namespace cuframes::python
