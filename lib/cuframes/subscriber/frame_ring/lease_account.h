// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>

namespace cuframes::core {

/// How many frames of one publisher may be held, and are: over all its generations.
struct LeaseAccount {
    std::atomic<uint32_t> granted{0};
    uint32_t copies = 0; ///< Leases on top, each for the time of a copy.
    std::atomic<uint32_t> held{0};
    std::atomic<bool> starving{false}; ///< Somebody waits for a lease: poke it when one is given back.

    uint32_t most() const { return granted.load(std::memory_order_relaxed) + copies; }
};

} // namespace cuframes::core
