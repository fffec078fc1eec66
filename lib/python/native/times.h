// SPDX-License-Identifier: LGPL-2.1-or-later
/// Times that may be unknown: None in Python, where arguments pass it as -1.
#pragma once

#include <cuframes/cuframes.h>

#include <optional>

namespace cuframes::python {

inline cuframes_optional given_time(int64_t value) {
    return value < 0 ? cuframes_optional{} : cuframes_some(static_cast<uint64_t>(value));
}

inline std::optional<uint64_t> known_time(uint64_t value) {
    return value == CUFRAMES_TIME_NONE ? std::nullopt : std::optional(value);
}

} // namespace cuframes::python
