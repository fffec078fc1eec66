// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>

namespace cuframes::core {

/// As a single number, of which the largest stands for "none": on the wire, and in what readers get.
constexpr uint64_t number_or_none(cuframes_optional number) { return number.plus_one - 1; }

static_assert(number_or_none({}) == CUFRAMES_TIME_NONE);

} // namespace cuframes::core
