// SPDX-License-Identifier: LGPL-2.1-or-later
#include "state.h"

#include <pthread.h>

#include <algorithm>

namespace fake_cuda {
namespace {

// A host function that never returns must not keep the process from exiting.
constexpr auto exit_patience = std::chrono::seconds(2);

// The real driver does not survive fork() either: every call in the child fails from then on.
// Nothing else may be touched here, for another thread may have held any lock at the fork.
void mark_forked() {
    if (driver().initialised) {
        driver().forked = true;
    }
}

// Runs at exit(), after main's own destructors: queued work is dropped, an effect that is being
// applied is let finish, so that no worker writes into memory that is being torn down.
__attribute__((destructor)) void stop_workers() {
    Driver& d = driver();
    if (d.forked || !d.initialised) {
        return;
    }
    {
        const std::lock_guard lock(d.mutex);
        d.stopping = true;
        d.progressed.notify_all();
    }
    await_last_effect();
}

} // namespace

void await_last_effect() {
    Driver& d = driver();
    std::unique_lock lock(d.mutex);
    d.progressed.wait_for(lock, exit_patience, [&d] { return d.running_effects == 0; });
}

Driver& driver() {
    static Driver* const instance = [] {
        pthread_atfork(nullptr, nullptr, mark_forked);
        return new Driver;
    }();
    return *instance;
}

bool all_reached(const Points& points) {
    return std::all_of(points.begin(), points.end(), [](const Point& p) { return p.reached(); });
}

} // namespace fake_cuda
