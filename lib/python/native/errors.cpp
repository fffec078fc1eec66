// SPDX-License-Identifier: LGPL-2.1-or-later
#include "errors.h"

#include "unlocked.h"

namespace cuframes::python {
namespace {

/** A function of cuframes.errors that makes an exception, and what it is to be told. */
struct Call {
    const char* function;
    PyObject* arguments;

    static PyObject* make(void* argument) {
        const auto* self = static_cast<Call*>(argument);
        PyObject* module = PyImport_ImportModule("cuframes.errors");
        PyObject* function = module ? PyObject_GetAttrString(module, self->function) : nullptr;
        PyObject* made = function ? PyObject_Call(function, self->arguments, nullptr) : nullptr;
        Py_XDECREF(function);
        Py_XDECREF(module);
        return made;
    }
};

[[noreturn]] void raise_made(const char* function, const nb::tuple& arguments) {
    Call call{function, arguments.ptr()};
    if (const nb::object exception = nb::steal(call_python(Call::make, &call)); exception) {
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    }
    throw nb::python_error();
}

/** With paths in it that may be no UTF-8. */
nb::object text_of(const std::string& message) {
    return nb::steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
}

} // namespace

void raise(const Error& error) {
    raise_made("from_code", nb::make_tuple(static_cast<int>(error.code), text_of(error.message)));
}

void raise_closed(const std::string& message) { raise_made("Closed", nb::make_tuple(text_of(message))); }

void raise(const dlpack::Mismatch& mismatch) {
    switch (mismatch.kind) {
    case dlpack::Mismatch::Kind::dtype:
        throw nb::type_error(mismatch.message.c_str());
    case dlpack::Mismatch::Kind::value:
        throw nb::value_error(mismatch.message.c_str());
    case dlpack::Mismatch::Kind::unsupported:
        break;
    }
    refuse(mismatch.message);
}

} // namespace cuframes::python
