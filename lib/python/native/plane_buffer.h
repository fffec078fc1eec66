// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * Planes in host memory by Python's buffer protocol. In C, as it asks Python code what it gives: see unlocked.h.
 */
#pragma once

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Asks `self._for_buffer()`, which returns (owner, address, shape, strides in bytes, bytes of an element, read-only), or
 * raises why there is no buffer; `owner` is kept for as long as the buffer is. As bf_getbuffer of a type.
 */
int cuframes_python_give_buffer(PyObject* self, Py_buffer* buffer, int flags);

/** As bf_releasebuffer. */
void cuframes_python_let_go_of_buffer(PyObject* self, Py_buffer* buffer);

#ifdef __cplusplus
}
#endif
