// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace fake_cuda {

// Those of cuMemPoolCreate that are alive.
size_t created_pools();

} // namespace fake_cuda
