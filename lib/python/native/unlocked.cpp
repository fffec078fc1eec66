// SPDX-License-Identifier: LGPL-2.1-or-later
#include "unlocked.h"

#include "lock.h"

#include <unistd.h>

namespace cuframes::python {
namespace {

/// From the moment on at which no other thread gets the lock any more.
bool interpreter_ends() { return Py_IsInitialized() == 0; }

} // namespace

Unlocked::Unlocked() : ending_(interpreter_ends()), state_(PyEval_SaveThread()) {}

Unlocked::~Unlocked() {
    while (!ending_ && interpreter_ends()) {
        ::pause(); // The thread's state may be freed already.
    }
    cuframes_python_take_lock(state_);
}

void check_signals() {
    if (cuframes_python_check_signals() != 0) {
        throw nb::python_error();
    }
}

} // namespace cuframes::python
