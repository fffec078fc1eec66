// SPDX-License-Identifier: LGPL-2.1-or-later
#include "capsule.h"

#include "errors.h"
#include "guarded.h"

namespace cuframes::python {
namespace {

// Static, as the protocol demands: a capsule keeps the pointer, not the text.
constexpr const char* legacy_name = "dltensor";
constexpr const char* legacy_used = "used_dltensor";
constexpr const char* versioned_name = "dltensor_versioned";
constexpr const char* versioned_used = "used_dltensor_versioned";

template <class Managed>
Managed* content(PyObject* capsule, const char* name) {
    return static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
}

template <class Managed>
void destroy_unconsumed(PyObject* capsule, const char* name) {
    if (!PyCapsule_IsValid(capsule, name)) {
        return;
    }
    auto* managed = content<Managed>(capsule, name);
    if (managed->deleter) {
        managed->deleter(managed);
    }
}

void destroy_legacy(PyObject* capsule) { destroy_unconsumed<DLManagedTensor>(capsule, legacy_name); }
void destroy_versioned(PyObject* capsule) { destroy_unconsumed<DLManagedTensorVersioned>(capsule, versioned_name); }

template <class Managed>
nb::object wrap(Managed* managed, const char* name, PyCapsule_Destructor destructor) {
    PyObject* capsule = managed ? PyCapsule_New(managed, name, destructor) : PyErr_NoMemory();
    if (!capsule) {
        if (managed) {
            managed->deleter(managed);
        }
        throw nb::python_error();
    }
    return nb::steal(capsule);
}

/// The tensor of a capsule of that kind, which is marked as consumed; NULL: it is not of that kind.
template <class Managed>
Managed* take(PyObject* capsule, const char* name, const char* used) {
    if (!PyCapsule_IsValid(capsule, name)) {
        return nullptr;
    }
    auto* managed = content<Managed>(capsule, name);
    if (PyCapsule_SetName(capsule, used) != 0) {
        throw nb::python_error();
    }
    return managed;
}

[[noreturn]] void throw_newer() {
    throw nb::buffer_error(
        "this tensor comes in a newer major version of DLPack than 1, of which only its deleter can be "
        "used; ask for max_version=(1, 0)");
}

[[noreturn]] void reject(PyObject* object) {
    if (!PyCapsule_CheckExact(object)) {
        const nb::str type = nb::str(nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(object))).attr("__name__"));
        throw nb::type_error((std::string("a DLPack capsule is needed, not ") + type.c_str()).c_str());
    }
    const char* name = PyCapsule_GetName(object);
    const std::string called = name ? name : "(no name)";
    if (called == legacy_used || called == versioned_used) {
        throw nb::type_error("this DLPack capsule was consumed before; ask its producer for a new one");
    }
    throw nb::type_error(("a DLPack capsule is needed, not a capsule called " + called).c_str());
}

} // namespace

nb::object make_capsule(DLManagedTensor* managed) { return wrap(managed, legacy_name, destroy_legacy); }
nb::object make_capsule(DLManagedTensorVersioned* managed) { return wrap(managed, versioned_name, destroy_versioned); }

tensors::ImportedTensor consume_capsule(nb::handle capsule) {
    if (auto* versioned = take<DLManagedTensorVersioned>(capsule.ptr(), versioned_name, versioned_used)) {
        tensors::ImportedTensor tensor(versioned);
        if (!tensor.is_readable()) {
            throw_newer();
        }
        return tensor;
    }
    if (auto* legacy = take<DLManagedTensor>(capsule.ptr(), legacy_name, legacy_used)) {
        return tensors::ImportedTensor(legacy);
    }
    reject(capsule.ptr());
}

ConsumedCapsules::ConsumedCapsules(const std::vector<nb::object>& capsules) {
    for (const nb::object& capsule : capsules) {
        tensors_.push_back(consume_capsule(capsule));
    }
}

tensors::SourceFrame ConsumedCapsules::read(const cuframes_geometry& geometry) const {
    std::vector<const DLTensor*> views;
    for (const tensors::ImportedTensor& tensor : tensors_) {
        views.push_back(&tensor.tensor());
    }
    return read_tensors(views, geometry);
}

tensors::SourceFrame read_tensors(const std::vector<const DLTensor*>& views, const cuframes_geometry& geometry) {
    auto read = tensors::read_tensors(views, geometry, tensors::Strides::any);
    if (const auto* mismatch = std::get_if<tensors::Mismatch>(&read)) {
        raise(*mismatch);
    }
    return std::get<tensors::SourceFrame>(std::move(read));
}

const DLTensor& look_into_capsule(nb::handle capsule) {
    if (PyCapsule_IsValid(capsule.ptr(), versioned_name)) {
        auto* managed = content<DLManagedTensorVersioned>(capsule.ptr(), versioned_name);
        if (managed->version.major != DLPACK_MAJOR_VERSION) {
            throw_newer();
        }
        return managed->dl_tensor;
    }
    if (PyCapsule_IsValid(capsule.ptr(), legacy_name)) {
        return content<DLManagedTensor>(capsule.ptr(), legacy_name)->dl_tensor;
    }
    reject(capsule.ptr());
}

nb::tuple describe_capsule(nb::handle capsule) {
    const DLTensor& tensor = look_into_capsule(capsule);
    nb::list shape;
    for (int32_t i = 0; i < tensor.ndim; ++i) {
        shape.append(tensor.shape[i]);
    }
    const nb::tuple device = nb::make_tuple(static_cast<int>(tensor.device.device_type), tensor.device.device_id);
    return nb::make_tuple(device, nb::str(tensors::dtype_text(tensor.dtype).c_str()), nb::tuple(shape));
}

nb::object capsule_of_address(uint64_t address, bool versioned) {
    auto* pointer = reinterpret_cast<void*>(static_cast<uintptr_t>(address));
    return versioned ? make_capsule(static_cast<DLManagedTensorVersioned*>(pointer))
                     : make_capsule(static_cast<DLManagedTensor*>(pointer));
}

namespace {

template <class Managed>
uint64_t guarded_address(Managed* managed, Managed* (*guard)(Managed*)) {
    Managed* guarded = guard(managed);
    if (!guarded) {
        if (managed->deleter) {
            managed->deleter(managed);
        }
        throw std::bad_alloc();
    }
    return reinterpret_cast<uintptr_t>(guarded);
}

} // namespace

std::pair<uint64_t, bool> address_of_capsule(nb::handle capsule) {
    if (auto* versioned = take<DLManagedTensorVersioned>(capsule.ptr(), versioned_name, versioned_used)) {
        return {guarded_address(versioned, cuframes_python_guard_versioned), true};
    }
    if (auto* legacy = take<DLManagedTensor>(capsule.ptr(), legacy_name, legacy_used)) {
        return {guarded_address(legacy, cuframes_python_guard), false};
    }
    reject(capsule.ptr());
}

} // namespace cuframes::python
