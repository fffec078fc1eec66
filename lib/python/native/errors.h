// SPDX-License-Identifier: LGPL-2.1-or-later
/// From the libraries' results to Python's exceptions.
#pragma once

#include "base/result.h"
#include "tensors/import.h"

#include <nanobind/nanobind.h>

#include <string>

namespace cuframes::python {

using core::Error;
using core::Result;
using core::text;

namespace nb = nanobind;

/// Throws the exception of cuframes.errors that fits the code. Needs the interpreter lock, which may change hands
/// meanwhile: no mutex may be held.
[[noreturn]] void raise(const Error& error);

/// Throws `Closed`, which no code of the library stands for.
[[noreturn]] void raise_closed(const std::string& message);

/// `code` as a function of cuframes.h has just returned it on this thread.
inline Error last_error(int code) { return {static_cast<cuframes_error>(code), cuframes_last_error_message()}; }

inline void check(int code) {
    if (code < 0) {
        raise(last_error(code));
    }
}

/// A refusal inside `__dlpack__`: never a TypeError, on which consumers try again in another way.
[[noreturn]] inline void refuse(const std::string& message) { throw nb::buffer_error(message.c_str()); }

/// TypeError for another kind of numbers, ValueError for shapes and strides, BufferError for what cannot be done.
[[noreturn]] void raise(const tensors::Mismatch& mismatch);

} // namespace cuframes::python
