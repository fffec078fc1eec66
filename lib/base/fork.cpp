// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/fork.h"

#include "base/log.h"
#include "base/result.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace cuframes::core {

namespace {

std::atomic<uint32_t> forks{0};

/// A descriptor that children do not keep, or -1. The list only grows: a child cannot wait for a lock of its parent's.
struct Closed {
    std::atomic<int> fd;
    Closed* next;
};
std::atomic<Closed*> closed_in_children{nullptr};

void in_child() {
    forks.fetch_add(1, std::memory_order_relaxed);
    for (Closed* entry = closed_in_children.load(); entry; entry = entry->next) {
        if (const int fd = entry->fd.exchange(-1); fd >= 0) {
            ::close(fd);
        }
    }
}

struct WatchForks {
    WatchForks() {
        if (const int number = ::pthread_atfork(nullptr, nullptr, in_child); number != 0) {
            log(CUFRAMES_LOG_WARNING, system_error("watch for forks; use no handle in a forked child", number).message);
        }
    }
};
const WatchForks watch_forks;

} // namespace

uint32_t fork_count() { return forks.load(std::memory_order_relaxed); }

void close_in_children(int fd) {
    for (Closed* entry = closed_in_children.load(); entry; entry = entry->next) {
        int none = -1;
        if (entry->fd.compare_exchange_strong(none, fd)) {
            return;
        }
    }
    auto* entry = new Closed{fd, closed_in_children.load()};
    while (!closed_in_children.compare_exchange_weak(entry->next, entry)) {
    }
}

void leave_to_children(int fd) {
    for (Closed* entry = closed_in_children.load(); entry; entry = entry->next) {
        int there = fd;
        if (entry->fd.compare_exchange_strong(there, -1)) {
            return;
        }
    }
}

} // namespace cuframes::core
