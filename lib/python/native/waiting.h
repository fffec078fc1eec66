// SPDX-License-Identifier: LGPL-2.1-or-later
/// Waiting as Python programs expect it: without the interpreter lock, ended by Ctrl-C, and to the millisecond.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <functional>
#include <optional>

namespace cuframes::python {

namespace nb = nanobind;

/// An eventfd.
class Event {
public:
    Event();
    Event(const Event&) = delete;
    ~Event();

    int fd() const { return fd_; }
    void set() const noexcept;
    void clear() const noexcept;

private:
    int fd_;
};

/// When a wait of `timeout_ms` (-1: for ever) ends.
class Deadline {
public:
    explicit Deadline(int64_t timeout_ms);

    /// Milliseconds left, rounded up; -1: for ever.
    int left_ms() const;
    bool passed() const { return left_ms() == 0; }

private:
    std::optional<std::chrono::steady_clock::time_point> end_;
};

/// Sleeps until one of two descriptors can be read, the deadline passes or a signal comes; runs Python's signal handlers,
/// whose exception (KeyboardInterrupt) it passes on. True: the second can be read. Call with the interpreter lock held.
bool wait_readable(int first, int second, const Deadline& deadline);

/// Does what takes long in a thread, while this one runs signal handlers. On an exception of theirs it calls `give_up`,
/// which is to end the work soon, waits for that, and returns with Python's exception set: what the work reads is its
/// caller's.
void run_for_signals(const std::function<void()>& work, const std::function<void()>& give_up);

} // namespace cuframes::python
