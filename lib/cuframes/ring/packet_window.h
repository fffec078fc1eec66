// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cuframes/cuframes.h"

namespace cuframes::core::ring {

/// Of what is in the window, as publisher and subscriber alike reckon it. The newest packet's own time is not in it.
inline uint64_t bit_rate_of(const cuframes_packet_window& window) {
    if (window.packets < 2 || window.newest_time <= window.oldest_time) {
        return 0;
    }
    const auto nanoseconds = static_cast<double>(window.newest_time - window.oldest_time);
    return static_cast<uint64_t>(static_cast<double>(window.bytes) * 8e9 / nanoseconds);
}

} // namespace cuframes::core::ring
