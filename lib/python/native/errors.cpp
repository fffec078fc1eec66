// SPDX-License-Identifier: LGPL-2.1-or-later
#include "errors.h"

namespace cuframes::python {

void raise(const Error& error) {
    const nb::object exception =
        nb::module_::import_("cuframes.errors").attr("from_code")(static_cast<int>(error.code), error.message.c_str());
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    throw nb::python_error();
}

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
