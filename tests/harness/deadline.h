// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

namespace cuframes::test {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Deadlines are for hangs only, never a measure: $CUFRAMES_TEST_TIMEOUT_SCALE stretches them on slow machines
/// and under sanitizers.
inline milliseconds scaled(milliseconds limit) {
    const char* scale = std::getenv("CUFRAMES_TEST_TIMEOUT_SCALE");
    return limit * std::max(1, scale ? std::atoi(scale) : 1);
}

inline constexpr milliseconds default_limit{30'000};

/// The one way to await something that has no event of its own: asks until it is so, or the limit is over.
inline bool eventually(const std::function<bool()>& condition, milliseconds limit = default_limit) {
    const auto end = Clock::now() + scaled(limit);
    while (!condition()) {
        if (Clock::now() >= end) {
            return condition();
        }
        std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
}

} // namespace cuframes::test
