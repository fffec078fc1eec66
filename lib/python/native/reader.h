// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "waiting.h"

#include <cuframes/cuframes.h>
#include <nanobind/nanobind.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace cuframes::python {

namespace nb = nanobind;

/// What subscribers of any content are: a handle of the library that any thread may use.
///
/// The library's calls are made without waiting, one thread at a time; who finds nothing sleeps on the subscriber's
/// descriptor, with others if there are, and on `nudge_`: a thread that has taken a frame passes on the wake-up that the
/// publisher sends only once, and close() sends everybody home.
class Reader {
public:
    explicit Reader(const cuframes_subscriber_options& options);
    Reader(const Reader&) = delete;
    ~Reader();

    void connect(int64_t timeout_ms);
    /// For those who wait by themselves: from then on it is readable whenever there is something to do.
    int fileno();
    /// The same for those who have just found nothing; -1: nobody has yet, or it is closed.
    int descriptor();
    /// Tells that one task more, or one fewer, of an event loop waits for one.
    void count_tasks(int more) { tasks_ += more; }
    nb::dict stats();
    /// From now on all calls say that it is closed, those that wait too; descriptors are still ours.
    void shut();
    void close();
    bool closed();

protected:
    using Call = std::function<int(cuframes_subscriber*)>;
    /// Takes what comes next with `call`, which does not wait.
    void take(int64_t timeout_ms, const Call& call);
    /// Asks for something that is there at once.
    void ask(const Call& call);

private:
    /// Calls `step(handle)` until it is no TIMEOUT; sleeps between.
    void repeat(int64_t timeout_ms, const Call& step);
    int locked(const Call& call);
    void look_after_descriptor(int code);
    void let_others_go_first(int self);

    std::mutex mutex_; ///< Held for calls that do not wait.
    cuframes_subscriber* handle_ = nullptr;
    cuframes_subscriber* shut_ = nullptr; ///< What it was before shut().
    int descriptor_ = -1;        ///< Asked for when nothing was found first: that costs the frames that follow nothing.
    bool watched_ = false;       ///< Somebody waits on it outside of here.
    std::thread::id last_taker_; ///< Who took the last one.
    std::condition_variable other_took_; ///< That is another one now.
    std::atomic<int> waiting_{0};
    std::atomic<int> tasks_{0};
    Event nudge_;
    const std::string key_;
};

void bind_reader(nb::module_& module);

} // namespace cuframes::python
