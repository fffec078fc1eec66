// SPDX-License-Identifier: LGPL-2.1-or-later
#include "packet.h"

namespace cuframes::python {
namespace {

/// What Python calls a PacketData. Here, as everywhere in the module, Python is used by its stable interface alone.
struct Object {
    PyObject_HEAD cuframes_packet* packet;
};

const cuframes_packet_view& view_of(PyObject* self) {
    return *cuframes_packet_get(reinterpret_cast<Object*>(self)->packet);
}

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
    const Packet* packet = nullptr;
    if (PyTuple_Size(arguments) != 1 || !nb::try_cast(nb::handle(PyTuple_GetItem(arguments, 0)), packet)) {
        PyErr_SetString(PyExc_TypeError, "packets come from a subscriber of packets");
        return nullptr;
    }
    PyObject* self = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self) {
        reinterpret_cast<Object*>(self)->packet = packet->share();
    }
    return self;
}

void end(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    cuframes_packet_unref(reinterpret_cast<Object*>(self)->packet);
    reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

Py_ssize_t length(PyObject* self) { return static_cast<Py_ssize_t>(view_of(self).size); }

int give_buffer(PyObject* self, Py_buffer* buffer, int flags) {
    const cuframes_packet_view& view = view_of(self);
    void* data = const_cast<void*>(view.size > 0 ? view.data : "");
    return PyBuffer_FillInfo(buffer, self, data, static_cast<Py_ssize_t>(view.size), 1, flags);
}

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(make)},
    {Py_tp_dealloc, reinterpret_cast<void*>(end)},
    {Py_mp_length, reinterpret_cast<void*>(length)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(give_buffer)},
    {Py_tp_doc, const_cast<char*>("The bytes of a packet.")},
    {0, nullptr},
};

PyType_Spec spec = {"cuframes._native.PacketData", sizeof(Object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

} // namespace

void bind_packet_data(nb::module_& module) {
    nb::object type = nb::steal(PyType_FromSpec(&spec));
    if (!type) {
        throw nb::python_error();
    }
    module.attr("PacketData") = type;
}

} // namespace cuframes::python
