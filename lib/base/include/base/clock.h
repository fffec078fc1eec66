// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <time.h>

#include <cstdint>

namespace cuframes::core {

/// CLOCK_MONOTONIC: the one clock that all processes of a host share, in containers too (but for time namespaces).
inline uint64_t monotonic_ns() {
    timespec now = {};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

} // namespace cuframes::core
