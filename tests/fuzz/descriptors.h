// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "fuzz.h"

#include <chrono>
#include <filesystem>
#include <thread>

namespace cuframes::fuzz {

inline size_t open_descriptors() {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

/// What peers sent may be closed by a thread of its own, in a moment.
inline void must_have_descriptors(size_t count) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (open_descriptors() > count && std::chrono::steady_clock::now() < limit) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    must(open_descriptors() <= count, "descriptors were left open");
}

} // namespace cuframes::fuzz
