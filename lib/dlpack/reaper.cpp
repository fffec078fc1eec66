// SPDX-License-Identifier: LGPL-2.1-or-later
#include "reaper.h"

#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include "in_flight.h"

namespace cuframes::dlpack {
namespace {

struct Ending {
    WaitList wait;
    void (*action)(void*);
    void* object;
};

class Reaper {
public:
    /** Never destroyed: deleters may come while static objects go. */
    static Reaper& get() {
        static auto* const reaper = new Reaper;
        return *reaper;
    }

    void add(Ending ending) {
        const std::lock_guard lock(mutex_);
        if (leaving_ || process_ != ::getpid()) {
            return;
        }
        if (!running_) {
            std::thread([this] { run(); }).detach();
            running_ = true;
        }
        endings_.push_back(std::move(ending));
        ++added_;
        changed_.notify_all();
    }

    void drain() {
        std::unique_lock lock(mutex_);
        const uint64_t until = added_;
        changed_.wait(lock, [&] { return done_ >= until || leaving_ || process_ != ::getpid(); });
    }

private:
    Reaper() {
        std::atexit([] { get().leave(); });
    }

    void leave() {
        const std::lock_guard lock(mutex_);
        leaving_ = true;
        changed_.notify_all();
    }

    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return leaving_ || !endings_.empty(); });
            if (leaving_) {
                return;
            }
            Ending ending = std::move(endings_.front());
            endings_.pop_front();
            lock.unlock();
            ending.wait.finish();
            ending.action(ending.object);
            lock.lock();
            ++done_;
            changed_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Ending> endings_;
    uint64_t added_ = 0;
    uint64_t done_ = 0;
    bool running_ = false;
    bool leaving_ = false;
    const pid_t process_ = ::getpid();
};

void hand_over(WaitList wait, void (*action)(void*), void* object) noexcept {
    try {
        Reaper::get().add({std::move(wait), action, object});
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // No memory, or no thread to be had: what cannot be ended safely is left as it is.
    }
}

} // namespace

void reap(void (*action)(void*), void* object) noexcept { hand_over({}, action, object); }

void reap_after(std::span<const InFlight> work, void (*action)(void*), void* object) noexcept {
    try {
        hand_over(WaitList::record(work), action, object);
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // As above.
    }
}

void drain_reaper() { Reaper::get().drain(); }

} // namespace cuframes::dlpack
