// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"
#include "ipc/unique_fd.h"

#include <sys/eventfd.h>

namespace cuframes::core {

/// An eventfd: one process or thread sleeps on it, another wakes it.
class Waker {
public:
    Waker() = default;
    explicit Waker(UniqueFd fd) : fd_(std::move(fd)) {}

    static Result<Waker> create() {
        UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!fd) {
            return system_error("create an eventfd");
        }
        return Waker(std::move(fd));
    }

    int fd() const { return fd_.get(); }

    /// Async-signal-safe. A full counter (EAGAIN) has woken the sleeper already.
    void wake() const { (void)!::eventfd_write(fd_.get(), 1); }

    void clear() const {
        eventfd_t count = 0;
        (void)!::eventfd_read(fd_.get(), &count);
    }

private:
    UniqueFd fd_;
};

} // namespace cuframes::core
