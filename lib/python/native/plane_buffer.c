// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plane_buffer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_DIMENSIONS = 3 };

/** What a buffer keeps until it is let go. */
typedef struct {
    PyObject* owner;
    char format[2];
    Py_ssize_t shape[MOST_DIMENSIONS];
    Py_ssize_t strides[MOST_DIMENSIONS];
} Given;

static void stay(void* unused) {
    (void)unused;
    for (;;) {
        pause();
    }
}

/** Runs Python code: see lock.c. */
static PyObject* ask(PyObject* self) {
    PyObject* told = NULL;
    pthread_cleanup_push(stay, NULL);
    told = PyObject_CallMethod(self, "_for_buffer", NULL);
    pthread_cleanup_pop(0);
    return told;
}

static int read_sizes(PyObject* tuple, Py_ssize_t* out) {
    const Py_ssize_t count = PyTuple_Size(tuple);
    if (count < 0 || count > MOST_DIMENSIONS) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; ++i) {
        out[i] = PyLong_AsSsize_t(PyTuple_GetItem(tuple, i));
    }
    return PyErr_Occurred() ? -1 : (int)count;
}

static const char* format_of(Py_ssize_t itemsize) { return itemsize == 1 ? "B" : itemsize == 2 ? "H" : "I"; }

/** From (owner, address, shape, strides in bytes, bytes of an element, read-only). */
static int fill(PyObject* told, Py_buffer* buffer, Given* given) {
    PyObject *shape = NULL, *strides = NULL;
    unsigned long long address = 0;
    int readonly = 0;
    if (!PyArg_ParseTuple(told, "OKO!O!np", &given->owner, &address, &PyTuple_Type, &shape, &PyTuple_Type, &strides,
                          &buffer->itemsize, &readonly)) {
        return -1;
    }
    buffer->ndim = read_sizes(shape, given->shape);
    if (buffer->ndim < 0 || read_sizes(strides, given->strides) != buffer->ndim) {
        return -1;
    }
    memcpy(given->format, format_of(buffer->itemsize), sizeof(given->format));
    buffer->buf = (void*)(uintptr_t)address;
    buffer->readonly = readonly;
    buffer->format = given->format;
    buffer->shape = given->shape;
    buffer->strides = given->strides;
    buffer->suboffsets = NULL;
    buffer->len = buffer->itemsize;
    for (int i = 0; i < buffer->ndim; ++i) {
        buffer->len *= given->shape[i];
    }
    Py_INCREF(given->owner);
    return 0;
}

/** Why this is not what was asked for; NULL: it is. */
static const char* refusal(const Py_buffer* buffer, int flags) {
    if (buffer->readonly && (flags & PyBUF_WRITABLE)) {
        return "these pixels are read by others, and must not be written: frame.copy() makes some that may be";
    }
    const int wants_c = (flags & PyBUF_STRIDES) != PyBUF_STRIDES ||
                        (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS ||
                        (flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS;
    if (wants_c && !PyBuffer_IsContiguous(buffer, 'C')) {
        return "the rows of this plane are padded: plane.tobytes() has them without, or frame.pack()";
    }
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !PyBuffer_IsContiguous(buffer, 'F')) {
        return "rows lie one after the other here, and columns do not";
    }
    return NULL;
}

/** Leaves out what was not asked for. */
static void trim(Py_buffer* buffer, int flags) {
    if (!(flags & PyBUF_FORMAT)) {
        buffer->format = NULL;
    }
    if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES) {
        buffer->strides = NULL;
    }
    if ((flags & PyBUF_ND) != PyBUF_ND) {
        buffer->shape = NULL;
    }
}

int cuframes_python_give_buffer(PyObject* self, Py_buffer* buffer, int flags) {
    buffer->obj = NULL;
    PyObject* told = ask(self);
    if (!told) {
        return -1;
    }
    Given* given = calloc(1, sizeof(*given));
    const int filled = given ? fill(told, buffer, given) : -1;
    Py_DECREF(told);
    if (filled < 0) {
        free(given);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
        return -1;
    }
    const char* refused = refusal(buffer, flags);
    if (refused) {
        Py_DECREF(given->owner);
        free(given);
        PyErr_SetString(PyExc_BufferError, refused);
        return -1;
    }
    trim(buffer, flags);
    buffer->internal = given;
    Py_INCREF(self);
    buffer->obj = self;
    return 0;
}

void cuframes_python_let_go_of_buffer(PyObject* self, Py_buffer* buffer) {
    (void)self;
    Given* given = buffer->internal;
    Py_DECREF(given->owner);
    free(given);
}
