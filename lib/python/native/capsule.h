// SPDX-License-Identifier: LGPL-2.1-or-later
/// DLPack capsules: how tensors cross between Python libraries.
///
/// A capsule that nobody consumed calls the deleter itself. A consumer renames it and owns the tensor from then on.
#pragma once

#include "tensors/import.h"

#include <nanobind/nanobind.h>

#include <utility>
#include <vector>

namespace cuframes::python {

namespace nb = nanobind;

nb::object make_capsule(DLManagedTensor* managed);
nb::object make_capsule(DLManagedTensorVersioned* managed);

/// Takes the tensor out. TypeError: not a DLPack capsule, or one that was consumed before.
tensors::ImportedTensor consume_capsule(nb::handle capsule);

/// Tensors out of capsules, for as long as it lives. Errors as of consume_capsule().
class ConsumedCapsules {
public:
    explicit ConsumedCapsules(const std::vector<nb::object>& capsules);
    /// TypeError, ValueError, BufferError: they are no frame of `geometry`.
    tensors::SourceFrame read(const cuframes_geometry& geometry) const;

private:
    std::vector<tensors::ImportedTensor> tensors_;
};

/// The tensors as a frame of `geometry`, in whatever strides in host memory; the exceptions of ConsumedCapsules::read().
tensors::SourceFrame read_tensors(const std::vector<const DLTensor*>& views, const cuframes_geometry& geometry);

/// The tensor of a capsule that is not consumed yet, and still owns it.
const DLTensor& look_into_capsule(nb::handle capsule);

/// ((device type, device id), "uint8", shape) of it.
nb::tuple describe_capsule(nb::handle capsule);

/// A read-only capsule of what has Python's buffer protocol, which it keeps. TypeError, ValueError: no tensor.
nb::object capsule_of_buffer(nb::handle object);

/// The same of rows of host memory at an address that `owner` keeps; the pitch counts bytes, and may be negative.
nb::object capsule_of_rows(nb::object owner, uint64_t address, int64_t rows, int64_t columns, int64_t pitch,
                           int32_t itemsize);

/// For libcuframes-gst, which is called through introspection and knows no capsules: the struct's address.
nb::object capsule_of_address(uint64_t address, bool versioned);
/// (address, versioned); the caller owns the tensor.
std::pair<uint64_t, bool> address_of_capsule(nb::handle capsule);

} // namespace cuframes::python
