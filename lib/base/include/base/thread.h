// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>
#include <thread>
#include <utility>

namespace cuframes::core {

/// While it lives, the calling thread takes no signals but those of its own faults.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
            ::sigdelset(&all, fault);
        }
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

/// Starts a thread that leaves the application's signals to the application's threads. `name` has up to 15 characters. An
/// error where there is no thread to be had.
template <class Body>
Result<std::thread> start_thread(const char* name, Body&& body) {
    const SignalsBlocked blocked; // A thread begins with the mask of the one that starts it.
    try {
        std::thread thread(std::forward<Body>(body));
        ::pthread_setname_np(thread.native_handle(), name);
        return Result<std::thread>(std::move(thread));
    } catch (const std::system_error& problem) {
        return system_error(
            text("start the thread ", name,
                 " (their number is limited for the user: ulimit -u, and for the control group: pids.max)"),
            problem.code().value());
    }
}

} // namespace cuframes::core
