// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/close_elsewhere.h"

#include "base/fork.h"
#include "base/thread.h"

#include <fcntl.h>

#include <atomic>
#include <deque>
#include <mutex>

#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#endif

namespace cuframes::core {

namespace {

/// Threads that are there while there is something to close, and more than one so that one that is stuck does not hold
/// up the others.
class Closer {
public:
    /// A forked child has its own: it has none of its parent's threads. Never destroyed, as they outlive exit handlers.
    static Closer& instance() {
        static std::atomic<Closer*> current{nullptr};
        Closer* closer = current.load();
        while (!closer || closer->forks_ != fork_count()) {
            auto* made = new Closer;
            if (current.compare_exchange_strong(closer, made)) {
                return *made;
            }
            delete made;
        }
        return *closer;
    }

    void close(UniqueFd fd) {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(fd));
        if (threads_ == most_threads) {
            return;
        }
        if (auto thread = start_thread("cuframes-close", [this] { run(); })) {
            threads_ += 1;
            thread->detach();
        } else if (threads_ == 0) {
            waiting_.clear(); // No thread to be had: here, then.
        }
    }

private:
    static constexpr int most_threads = 4;

    void run() {
        std::unique_lock lock(mutex_);
        while (!waiting_.empty()) {
            UniqueFd fd = std::move(waiting_.front());
            waiting_.pop_front();
            lock.unlock();
            fd.reset();
            lock.lock();
        }
        threads_ -= 1;
    }

    std::mutex mutex_;
    std::deque<UniqueFd> waiting_;
    int threads_ = 0;
    const uint32_t forks_ = fork_count();
};

} // namespace

void close_elsewhere(UniqueFd fd) {
    if (fd) {
        Closer::instance().close(std::move(fd));
    }
}

void ForeignFd::reset() {
    // Nobody can make closing a memfd wait, and that is what nearly all are.
    if (fd_ && ::fcntl(fd_.get(), F_GET_SEALS) < 0) {
        close_elsewhere(std::move(fd_));
    }
    fd_.reset();
}

} // namespace cuframes::core
