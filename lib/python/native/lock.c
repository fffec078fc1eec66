// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lock.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

/*
 * pthread_exit() runs these handlers by itself where the code was compiled without exceptions. Where it unwinds instead,
 * as in C++, it enters the unwinder that is linked into a wheel by way of another copy of it, which aborts.
 */
#ifdef __EXCEPTIONS
#error "to be compiled with -fno-exceptions"
#endif

static void stay(void* unused) {
    (void)unused;
    for (;;) {
        pause();
    }
}

void cuframes_python_take_lock(PyThreadState* state) {
    pthread_cleanup_push(stay, NULL);
    PyEval_RestoreThread(state);
    pthread_cleanup_pop(0);
}

int cuframes_python_check_signals(void) {
    int result = 0;
    pthread_cleanup_push(stay, NULL);
    result = PyErr_CheckSignals();
    pthread_cleanup_pop(0);
    return result;
}

PyObject* cuframes_python_call_errors(const char* function, PyObject* arguments) {
    PyObject* result = NULL;
    pthread_cleanup_push(stay, NULL);
    PyObject* module = PyImport_ImportModule("cuframes.errors");
    PyObject* called = module ? PyObject_GetAttrString(module, function) : NULL;
    result = called ? PyObject_CallObject(called, arguments) : NULL;
    Py_XDECREF(called);
    Py_XDECREF(module);
    pthread_cleanup_pop(0);
    return result;
}

void cuframes_python_end(void (*end)(void*), void* object) {
    if (!Py_IsInitialized()) {
        return; // What it would give back goes with the process.
    }
    pthread_cleanup_push(stay, NULL);
    end(object);
    pthread_cleanup_pop(0);
}

static void emit(int level, const char* message) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject* module = PyImport_ImportModule("cuframes._log");
    PyObject* text = module ? PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace") : NULL;
    PyObject* done = text ? PyObject_CallMethod(module, "emit", "iO", level, text) : NULL;
    if (!done) {
        PyErr_WriteUnraisable(module);
    }
    Py_XDECREF(done);
    Py_XDECREF(text);
    Py_XDECREF(module);
    PyGILState_Release(state);
}

void cuframes_python_log(int level, const char* message) {
    if (!Py_IsInitialized()) {
        return;
    }
    pthread_cleanup_push(stay, NULL);
    emit(level, message);
    pthread_cleanup_pop(0);
}
