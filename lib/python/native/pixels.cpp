// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plane_buffer.h"
#include "source.h"

namespace cuframes::python {
namespace {

void end(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(end)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(cuframes_python_give_buffer)},
    {Py_bf_releasebuffer, reinterpret_cast<void*>(cuframes_python_let_go_of_buffer)},
    {Py_tp_doc, const_cast<char*>("What has pixels as Python's buffers.")},
    {0, nullptr},
};

PyType_Spec spec = {"cuframes._native.Pixels", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

} // namespace

void bind_pixels(nb::module_& module) {
    nb::object type = nb::steal(PyType_FromSpec(&spec));
    if (!type) {
        throw nb::python_error();
    }
    module.attr("Pixels") = type;
}

} // namespace cuframes::python
