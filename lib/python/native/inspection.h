// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nanobind/nanobind.h>

namespace cuframes::python {

namespace nb = nanobind;

/// What publishers say of themselves, without attaching to them.
void bind_inspection(nb::module_& module);

} // namespace cuframes::python
