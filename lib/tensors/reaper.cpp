// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensors/reaper.h"

#include "base/log.h"
#include "base/thread.h"
#include "in_flight.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <list>
#include <mutex>

namespace cuframes::tensors {
namespace {

using std::chrono::microseconds;

struct Ending {
    WaitList wait;
    void (*action)(void*);
    void* object;
    uint64_t number = 0;
};

class Reaper {
public:
    /// Never destroyed: deleters may come while static objects go.
    static Reaper& get() {
        static auto* const reaper = new Reaper;
        return *reaper;
    }

    void add(Ending ending) {
        core::LogLater later;
        const std::lock_guard lock(mutex_);
        if (leaving_ || process_ != ::getpid()) {
            return;
        }
        if (!running_) {
            auto thread = core::start_thread("cuframes-reaper", [this] { run(); });
            if (!thread) {
                // What cannot be ended safely is left as it is.
                later.add(CUFRAMES_LOG_WARNING,
                          core::text("a frame or tensor that was let go stays in memory: ", thread.error().message));
                return;
            }
            thread->detach();
            running_ = true;
        }
        ending.number = ++added_;
        endings_.push_back(std::move(ending));
        changed_.notify_all();
    }

    void drain() {
        std::unique_lock lock(mutex_);
        const uint64_t until = added_;
        changed_.wait(lock, [&] { return all_done(until) || leaving_ || process_ != ::getpid(); });
    }

private:
    // How often the GPU is asked: soon at first, as most work is short, and seldom where a kernel takes its time.
    static constexpr microseconds shortest_pause{100};
    static constexpr microseconds longest_pause{2000};

    Reaper() {
        std::atexit([] { get().leave(); });
    }

    void leave() {
        const std::lock_guard lock(mutex_);
        leaving_ = true;
        changed_.notify_all();
    }

    /// Of those that were handed in up to that number, in whatever order they came to their end.
    bool all_done(uint64_t until) const {
        return std::none_of(endings_.begin(), endings_.end(), [&](const Ending& one) { return one.number <= until; }) &&
               (running_number_ == 0 || running_number_ > until);
    }

    /// The GPU is asked about each, instead of waiting for the first: work that takes long holds up nobody else's end.
    void run() {
        std::unique_lock lock(mutex_);
        microseconds pause = shortest_pause;
        uint64_t seen = 0;
        for (;;) {
            changed_.wait(lock, [this] { return leaving_ || !endings_.empty(); });
            if (leaving_) {
                return;
            }
            const bool any = end_what_is_done(lock);
            if (any || added_ != seen) {
                pause = shortest_pause;
                seen = added_;
            }
            if (!endings_.empty() && !any) {
                changed_.wait_for(lock, pause, [&] { return leaving_ || added_ != seen; });
                pause = std::min(pause * 2, longest_pause);
            }
        }
    }

    /// One round. Whether there was one.
    bool end_what_is_done(std::unique_lock<std::mutex>& lock) {
        bool any = false;
        for (auto next = endings_.begin(); next != endings_.end() && !leaving_;) {
            // Nobody else takes any out, and what is put in meanwhile comes behind.
            lock.unlock();
            const bool done = next->wait.passed();
            lock.lock();
            if (!done) {
                ++next;
                continue;
            }
            Ending ending = std::move(*next);
            next = endings_.erase(next);
            running_number_ = ending.number;
            lock.unlock();
            ending.wait.run(ending.action, ending.object);
            lock.lock();
            running_number_ = 0;
            any = true;
            changed_.notify_all();
        }
        return any;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::list<Ending> endings_;
    uint64_t added_ = 0;
    uint64_t running_number_ = 0; ///< Of the ending whose action runs now; 0: none.
    bool running_ = false;
    bool leaving_ = false;
    const pid_t process_ = ::getpid();
};

void hand_over(WaitList wait, void (*action)(void*), void* object) noexcept {
    try {
        Reaper::get().add({std::move(wait), action, object});
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // No memory to be had: what cannot be ended safely is left as it is.
    }
}

} // namespace

void reap(void (*action)(void*), void* object) noexcept { hand_over({}, action, object); }

void reap_after(std::span<const StreamRef> work, void (*action)(void*), void* object) noexcept {
    try {
        hand_over(WaitList::record(work), action, object);
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // As above.
    }
}

void drain_reaper() noexcept { Reaper::get().drain(); }

} // namespace cuframes::tensors
