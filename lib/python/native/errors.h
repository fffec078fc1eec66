// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * From the libraries' results to Python's exceptions.
 */
#pragma once

#include <nanobind/nanobind.h>

#include "base/result.h"
#include "import.h"

namespace cuframes::python {

namespace nb = nanobind;

/** Throws the exception of cuframes.errors that fits the code. Needs the interpreter lock. */
[[noreturn]] void raise(const Error& error);

/** `code` as a function of cuframes.h returned it on this thread. */
inline void check(int code) {
    if (code < 0) {
        raise({static_cast<cuframes_error>(code), cuframes_last_error_message()});
    }
}

/** A refusal inside `__dlpack__`: never a TypeError, on which consumers try again in another way. */
[[noreturn]] inline void refuse(const std::string& message) { throw nb::buffer_error(message.c_str()); }

/** TypeError for another kind of numbers, ValueError for shapes and strides, BufferError for what cannot be done. */
[[noreturn]] void raise(const dlpack::Mismatch& mismatch);

} // namespace cuframes::python
