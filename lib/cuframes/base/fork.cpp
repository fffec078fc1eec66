// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/fork.h"

#include <pthread.h>

#include <atomic>

namespace cuframes {

namespace {

std::atomic<uint32_t> forks{0};

struct CountForks {
    CountForks() {
        ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
    }
};
const CountForks count_forks;

} // namespace

uint32_t fork_count() { return forks.load(std::memory_order_relaxed); }

} // namespace cuframes
