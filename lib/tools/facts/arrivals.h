// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace cuframes::tools {

/// A frame or packet that was taken. Times are nanoseconds of CLOCK_MONOTONIC.
struct Arrival {
    uint64_t published, taken;
    std::optional<uint64_t> captured;
    uint64_t missed; ///< Between the one before and this one.
};

/// How arrivals are spread in time. All in seconds.
class Arrivals {
public:
    struct Spread {
        double p50, p90, p99, max;
    };
    struct Interval {
        double mean, min, max;
        double jitter; ///< Standard deviation.
    };
    struct Summary {
        uint64_t count, missed;
        double seconds;
        std::optional<double> rate;
        std::optional<Interval> interval; ///< Between two that follow each other.
        std::optional<Spread> push;       ///< From when it became visible to when it was taken.
        std::optional<Spread> capture;    ///< From its own time.
    };

    void add(const Arrival& arrival);
    /// Of times, those of the last 100000.
    Summary summary() const;
    uint64_t count() const { return count_; }

private:
    static void keep(std::deque<double>& values, double value);

    uint64_t count_ = 0, missed_ = 0;
    uint64_t first_ = 0, last_ = 0; ///< When they became visible.
    std::deque<double> intervals_, pushes_, captures_;
};

} // namespace cuframes::tools
