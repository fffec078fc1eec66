// SPDX-License-Identifier: LGPL-2.1-or-later
/// Pixels that DLPack cannot export. NumPy before 2.1 refuses arrays that must not be written: what they have is Python's
/// buffer protocol. PyAV makes tensors of some formats.
#include "capsule.h"

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace cuframes::python {
namespace {

/// A tensor over a buffer, and the hold on it.
struct BufferTensor {
    DLManagedTensorVersioned managed = {};
    Py_buffer buffer = {};
    std::vector<int64_t> shape;
    std::vector<int64_t> strides;

    /// On a thread that has the interpreter lock: send() and its like let go of their tensors there.
    static void end(DLManagedTensorVersioned* managed) {
        auto* self = static_cast<BufferTensor*>(managed->manager_ctx);
        PyBuffer_Release(&self->buffer);
        delete self;
    }
};

/// A tensor over rows that a Python object keeps.
struct RowsTensor {
    DLManagedTensorVersioned managed = {};
    nb::object owner;
    int64_t shape[2];
    int64_t strides[2];

    static void end(DLManagedTensorVersioned* managed) { delete static_cast<RowsTensor*>(managed->manager_ctx); }
};

/// From the struct module's letters, as far as arrays have them; those of another byte order are no numbers here.
std::optional<DLDataType> dtype_of(const Py_buffer& buffer) {
    const char* letter = buffer.format ? buffer.format : "B";
    letter += std::strchr("@=<", *letter) != nullptr && letter[1] != 0 ? 1 : 0;
    if (letter[0] == 0 || letter[1] != 0) {
        return {};
    }
    const auto bits = static_cast<uint8_t>(8 * buffer.itemsize);
    if (std::strchr("BHILQ", *letter)) {
        return DLDataType{kDLUInt, bits, 1};
    }
    if (std::strchr("bhilq", *letter)) {
        return DLDataType{kDLInt, bits, 1};
    }
    if (std::strchr("efd", *letter)) {
        return DLDataType{kDLFloat, bits, 1};
    }
    return *letter == '?' ? std::optional(DLDataType{kDLBool, 8, 1}) : std::nullopt;
}

} // namespace

nb::object capsule_of_buffer(nb::handle object) {
    auto tensor = std::make_unique<BufferTensor>();
    if (PyObject_GetBuffer(object.ptr(), &tensor->buffer, PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
        throw nb::python_error();
    }
    DLManagedTensorVersioned* managed = &tensor->managed;
    managed->version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
    managed->manager_ctx = tensor.release();
    managed->deleter = BufferTensor::end;
    auto& self = *static_cast<BufferTensor*>(managed->manager_ctx);
    const Py_buffer& buffer = self.buffer;
    const auto dtype = dtype_of(buffer);
    nb::object capsule = make_capsule(managed); // Owns it from here on.
    if (!dtype) {
        throw nb::type_error("pixels are numbers in this machine's byte order, not of the format of this buffer");
    }
    self.shape.assign(buffer.shape, buffer.shape + buffer.ndim);
    for (int i = 0; i < buffer.ndim; ++i) {
        if (buffer.strides[i] % buffer.itemsize != 0) {
            throw nb::value_error("the strides of this array are no multiples of its elements; copy it first");
        }
        self.strides.push_back(buffer.strides[i] / buffer.itemsize);
    }
    managed->flags = buffer.readonly ? DLPACK_FLAG_BITMASK_READ_ONLY : 0;
    DLTensor& out = managed->dl_tensor;
    out = {buffer.buf, {kDLCPU, 0}, buffer.ndim, *dtype, self.shape.data(), self.strides.data(), 0};
    return capsule;
}

nb::object capsule_of_rows(nb::object owner, uint64_t address, int64_t rows, int64_t columns, int64_t pitch,
                           int32_t itemsize) {
    if (rows < 0 || columns < 0 || itemsize <= 0 || pitch % itemsize != 0) {
        throw nb::value_error("these are no rows of such elements");
    }
    auto tensor = std::make_unique<RowsTensor>();
    tensor->owner = std::move(owner);
    tensor->shape[0] = rows;
    tensor->shape[1] = columns;
    tensor->strides[0] = pitch / itemsize;
    tensor->strides[1] = 1;
    DLManagedTensorVersioned* managed = &tensor->managed;
    managed->version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
    managed->flags = DLPACK_FLAG_BITMASK_READ_ONLY;
    managed->dl_tensor = {reinterpret_cast<void*>(static_cast<uintptr_t>(address)),
                          {kDLCPU, 0},
                          2,
                          {kDLUInt, static_cast<uint8_t>(8 * itemsize), 1},
                          tensor->shape,
                          tensor->strides,
                          0};
    managed->manager_ctx = tensor.release();
    managed->deleter = RowsTensor::end;
    return make_capsule(managed);
}

} // namespace cuframes::python
