// SPDX-License-Identifier: LGPL-2.1-or-later
#include "errors.h"

#include "lock.h"

namespace cuframes::python {
namespace {

[[noreturn]] void raise_made(const char* function, const nb::tuple& arguments) {
    if (const nb::object exception = nb::steal(cuframes_python_call_errors(function, arguments.ptr())); exception) {
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    }
    throw nb::python_error();
}

/// With paths in it that may be no UTF-8.
nb::object text_of(const std::string& message) {
    return nb::steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
}

} // namespace

void raise(const Error& error) {
    raise_made("from_code", nb::make_tuple(static_cast<int>(error.code), text_of(error.message)));
}

void raise_closed(const std::string& message) { raise_made("Closed", nb::make_tuple(text_of(message))); }

void raise(const tensors::Mismatch& mismatch) {
    switch (mismatch.kind) {
    case tensors::Mismatch::Kind::dtype:
        throw nb::type_error(mismatch.message.c_str());
    case tensors::Mismatch::Kind::value:
        throw nb::value_error(mismatch.message.c_str());
    case tensors::Mismatch::Kind::unsupported:
        break;
    }
    refuse(mismatch.message);
}

} // namespace cuframes::python
