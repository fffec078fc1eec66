// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "driver_api.h"

#include <optional>
#include <string_view>

namespace fake_cuda {

std::optional<CUresult> error_by_name(std::string_view name);

} // namespace fake_cuda
