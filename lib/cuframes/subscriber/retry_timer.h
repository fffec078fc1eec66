// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"
#include "ipc/unique_fd.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>

namespace cuframes::core {

/// When to knock at a publisher again that has turned us away. A descriptor, because a caller that polls ours sleeps in
/// its own loop, where no time-out of next() would wake it.
class RetryTimer {
public:
    static Result<RetryTimer> create() {
        RetryTimer out;
        out.fd_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
        if (!out.fd_) {
            return system_error("create a timer");
        }
        return out;
    }

    int fd() const { return fd_.get(); }

    void fire_in(std::chrono::milliseconds delay) const {
        itimerspec due = {};
        due.it_value.tv_sec = static_cast<time_t>(delay.count() / 1000);
        due.it_value.tv_nsec = static_cast<long>(delay.count() % 1000 * 1'000'000);
        ::timerfd_settime(fd_.get(), 0, &due, nullptr);
    }

    /// Not at all.
    void stop() const { fire_in(std::chrono::milliseconds(0)); }

    void clear() const {
        uint64_t expirations;
        (void)!::read(fd_.get(), &expirations, sizeof(expirations));
    }

private:
    UniqueFd fd_;
};

} // namespace cuframes::core
