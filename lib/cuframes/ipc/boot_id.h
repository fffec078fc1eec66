// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"

#include <array>
#include <cstdint>

namespace cuframes::core {

/// Names this boot of this kernel: two processes with the same one can share memory. Read once for a process.
Result<std::array<uint8_t, 16>> boot_id();

} // namespace cuframes::core
