// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "driver_api.h"

#include <string>
#include <string_view>

namespace fake_cuda {

// "cuMemAlloc_v2" -> "cuMemAlloc": tests name calls as the documentation does.
std::string_view base_name(std::string_view call);

// Counts one invocation of `call` and returns the error injected into it, if any.
CUresult count_and_fault(std::string_view call);

// Accepts "CUDA_ERROR_OUT_OF_MEMORY" and "2".
CUresult parse_error(const std::string& text, CUresult fallback);

} // namespace fake_cuda
