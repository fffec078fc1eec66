// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "protocol/report.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace cuframes::core {

/// How fast items came lately, of those of the last seconds.
class Rate {
public:
    /// One became visible at `now`, of CLOCK_MONOTONIC.
    void count(uint64_t now) {
        times_[count_ % kept] = now;
        count_ += 1;
    }

    /// CUFRAMES_TIME_NONE: there was none.
    uint64_t newest() const { return count_ > 0 ? at(count_ - 1) : CUFRAMES_TIME_NONE; }

    /// Items in 1000 s. What has not come for longer than it usually takes counts as slower.
    uint64_t per_1000_s(uint64_t now) const {
        const uint64_t last = std::min<uint64_t>(count_, kept);
        uint64_t steps = 0;
        while (steps + 1 < last && now - at(count_ - steps - 2) <= lately) {
            steps += 1;
        }
        if (steps == 0) {
            return 0;
        }
        const uint64_t oldest = at(count_ - 1 - steps), taken = newest() - oldest;
        // Not before the next one would have to be here.
        const uint64_t until = now - newest() > 2 * (taken / steps) ? now : newest();
        return until > oldest ? steps * 1000 * second / (until - oldest) : 0;
    }

private:
    static constexpr uint64_t second = 1'000'000'000, lately = 5 * second;
    static constexpr uint64_t kept = 256; ///< Five seconds of 50 a second; of more a part of them.

    uint64_t at(uint64_t index) const { return times_[index % kept]; }

    std::array<uint64_t, kept> times_;
    uint64_t count_ = 0;
};

} // namespace cuframes::core
