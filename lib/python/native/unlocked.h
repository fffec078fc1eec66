// SPDX-License-Identifier: LGPL-2.1-or-later
/// The interpreter lock, given away for what takes time and taken back, in a way that survives the interpreter's end.
///
/// Until Python 3.14 a thread that takes the lock while the interpreter ends is ended by it with pthread_exit(), which
/// unwinds the C++ frames on its stack: it meets a destructor or one of nanobind's noexcept functions, and the process
/// aborts. A thread of Python's that does not take the lock at all any more harms nobody: the process is about to end. So
/// such threads stay where they are for ever, as Python 3.14 has them do by itself.
///
/// Every place of this module that takes the lock, or calls what may (Python code, its signal handlers), is in here and in
/// lock.c.
#pragma once

#include <nanobind/nanobind.h>

#include <utility>

namespace cuframes::python {

namespace nb = nanobind;

/// Gives the lock away until the end of the scope.
class Unlocked {
public:
    Unlocked();
    Unlocked(const Unlocked&) = delete;
    ~Unlocked();

private:
    const bool ending_; ///< This thread is the one that ends the interpreter, and may take the lock until the last.
    PyThreadState* const state_;
};

/// Calls `work` without the lock; no mutex may be held around it, since the thread may not come back.
template <class Work>
auto unlocked(Work&& work) {
    const Unlocked scope;
    return std::forward<Work>(work)();
}

/// Runs Python's signal handlers, whose exception it passes on.
void check_signals();

} // namespace cuframes::python
