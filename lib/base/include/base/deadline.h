// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace cuframes::core {

/// When to stop waiting. Empty: never.
using Deadline = std::optional<std::chrono::steady_clock::time_point>;

/// Callers write "for ever" in many ways; what nobody lives to see is one of them, and would overflow the clock.
inline constexpr std::chrono::milliseconds longest_wait = std::chrono::years(100);

/// `timeout_ms` after `start`; any value is legal, and negative ones mean never.
inline Deadline deadline_in(int64_t timeout_ms,
                            std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now()) {
    if (timeout_ms < 0 || timeout_ms > longest_wait.count()) {
        return {};
    }
    return start + std::chrono::milliseconds(timeout_ms);
}

/// For poll() and its like, which are to be called again when they return early: longer waits take several calls.
inline int poll_timeout(const Deadline& deadline) {
    if (!deadline) {
        return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
}

} // namespace cuframes::core
