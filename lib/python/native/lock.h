// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * The calls in which a thread takes the interpreter lock. In C: see unlocked.h.
 */
#pragma once

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

/** PyEval_RestoreThread(); a thread that the interpreter ends in there stays for ever. So for all of these. */
void cuframes_python_take_lock(PyThreadState* state);

/** PyErr_CheckSignals(). */
int cuframes_python_check_signals(void);

/** Calls a function of cuframes.errors with a tuple of arguments. A new reference, or NULL and an exception. */
PyObject* cuframes_python_call_errors(const char* function, PyObject* arguments);

/** Calls `end(object)`, which may take the lock on any thread; once the interpreter has begun to end, not at all. */
void cuframes_python_end(void (*end)(void*), void* object);

/** Calls cuframes._log.emit() on a thread without interpreter state; once the interpreter has begun to end, not at all. */
void cuframes_python_log(int level, const char* message);

#ifdef __cplusplus
}
#endif
