// SPDX-License-Identifier: LGPL-2.1-or-later
#include "waiting.h"

#include "errors.h"
#include "unlocked.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>
#include <thread>

namespace cuframes::python {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Event::Event() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) {
        raise(core::system_error("create an eventfd"));
    }
}

Event::~Event() { ::close(fd_); }

void Event::set() const noexcept {
    const uint64_t one = 1;
    // It can only fail because it is set already.
    [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof(one));
}

void Event::clear() const noexcept {
    uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(fd_, &count, sizeof(count));
}

Deadline::Deadline(int64_t timeout_ms) {
    // More than this and the clock's own numbers overflow; a century is for ever.
    constexpr int64_t century_ms = int64_t{100} * 365 * 24 * 3600 * 1000;
    if (timeout_ms >= 0 && timeout_ms < century_ms) {
        end_ = Clock::now() + milliseconds(timeout_ms);
    }
}

int Deadline::left_ms() const {
    if (!end_) {
        return -1;
    }
    const int64_t left = std::chrono::ceil<milliseconds>(*end_ - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
}

bool wait_readable(int first, int second, const Deadline& deadline) {
    pollfd fds[] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
    // A signal that comes between the look for signals and poll() wakes nobody: it is looked for again.
    constexpr int pause_ms = 250;
    const int left = deadline.left_ms();
    unlocked([&] { ::poll(fds, std::size(fds), left < 0 ? pause_ms : std::min(left, pause_ms)); });
    check_signals();
    return fds[1].revents != 0;
}

void run_for_signals(const std::function<void()>& work, const std::function<void()>& give_up) {
    const Event done;
    std::thread thread;
    try {
        thread = std::thread([&] {
            work();
            done.set();
        });
    } catch (const std::system_error& error) {
        raise(core::system_error("start a thread to wait in", error.code().value()));
    }
    try {
        // A signal whose handler does nothing wakes it too.
        while (!wait_readable(done.fd(), done.fd(), Deadline(-1))) {
        }
        unlocked([&thread] { thread.join(); });
    } catch (nb::python_error& error) {
        give_up();
        unlocked([&thread] { thread.join(); });
        error.restore();
    }
}

} // namespace cuframes::python
