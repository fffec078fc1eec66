// SPDX-License-Identifier: LGPL-2.1-or-later
#include "unlocked.h"

#include <unistd.h>

namespace cuframes::python {
namespace {

/**
 * Keeps a thread that the interpreter ends within the scope: pthread_exit() unwinds to here, and no further. A cleanup
 * and no handler, since a handler must not be entered within another one.
 */
class Parked {
public:
    Parked() = default;
    Parked(const Parked&) = delete;
    ~Parked() {
        if (!returned_) {
            park();
        }
    }

    void returned() { returned_ = true; }

    [[noreturn]] static void park() {
        for (;;) {
            ::pause();
        }
    }

private:
    bool returned_ = false;
};

/** Not inlined: within a function that throws nothing the compiler would leave the cleanup out. */
[[gnu::noinline]] void take_lock(PyThreadState* state) {
    Parked parked;
    PyEval_RestoreThread(state);
    parked.returned();
}

/** From the moment on at which no other thread gets the lock any more. */
bool interpreter_ends() { return Py_IsInitialized() == 0; }

} // namespace

Unlocked::Unlocked() : ending_(interpreter_ends()), state_(PyEval_SaveThread()) {}

Unlocked::~Unlocked() {
    if (!ending_ && interpreter_ends()) {
        Parked::park(); // The thread's state may be freed already.
    }
    take_lock(state_);
}

[[gnu::noinline]] PyObject* call_python(PyObject* (*call)(void*), void* argument) {
    Parked parked;
    PyObject* result = call(argument);
    parked.returned();
    return result;
}

void check_signals() {
    const auto check = [](void*) -> PyObject* { return PyErr_CheckSignals() == 0 ? Py_None : nullptr; };
    if (!call_python(check, nullptr)) {
        throw nb::python_error();
    }
}

} // namespace cuframes::python
