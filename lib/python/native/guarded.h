// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * Tensors of other Python libraries for threads that are not Python's: a pipeline's end them whenever they like, and
 * NumPy's deleter takes the interpreter lock. In C: see unlocked.h.
 */
#pragma once

#include <dlpack/dlpack.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The same tensor, which owns `tensor`: a thread that ends it while the interpreter ends leaves it, or stays for ever. NULL:
 * no memory, and the caller still owns `tensor`.
 */
DLManagedTensor* cuframes_python_guard(DLManagedTensor* tensor);
struct DLManagedTensorVersioned* cuframes_python_guard_versioned(struct DLManagedTensorVersioned* tensor);

#ifdef __cplusplus
}
#endif
