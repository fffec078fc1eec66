// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/arrivals.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace cuframes::tools {

namespace {

constexpr size_t most_kept = 100'000;

double seconds(uint64_t from, uint64_t to) { return (static_cast<double>(to) - static_cast<double>(from)) * 1e-9; }

std::optional<Arrivals::Spread> spread_of(const std::deque<double>& values) {
    if (values.empty()) {
        return std::nullopt;
    }
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    // The least that so many are not above.
    const auto at = [&](double part) {
        const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(sorted.size())));
        return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
    };
    return Arrivals::Spread{at(0.5), at(0.9), at(0.99), sorted.back()};
}

std::optional<Arrivals::Interval> interval_of(const std::deque<double>& values) {
    if (values.empty()) {
        return std::nullopt;
    }
    const auto count = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
    const double squares = std::accumulate(values.begin(), values.end(), 0.0, [mean](double sum, double value) {
        return sum + (value - mean) * (value - mean);
    });
    const auto [min, max] = std::minmax_element(values.begin(), values.end());
    return Arrivals::Interval{mean, *min, *max, std::sqrt(squares / count)};
}

} // namespace

void Arrivals::keep(std::deque<double>& values, double value) {
    values.push_back(value);
    if (values.size() > most_kept) {
        values.pop_front();
    }
}

void Arrivals::add(const Arrival& arrival) {
    const uint64_t before = std::exchange(last_, arrival.published);
    if (count_++ == 0) {
        // It lay there already: when we came says nothing about how it travelled.
        first_ = arrival.published;
        return;
    }
    missed_ += arrival.missed;
    if (arrival.missed == 0) {
        keep(intervals_, seconds(before, arrival.published));
    }
    keep(pushes_, seconds(arrival.published, arrival.taken));
    if (arrival.captured) {
        keep(captures_, seconds(*arrival.captured, arrival.taken));
    }
}

Arrivals::Summary Arrivals::summary() const {
    const double span = seconds(first_, last_);
    // Those that were missed were there too.
    const auto steps = static_cast<double>(count_ + missed_) - 1;
    return {count_,
            missed_,
            span,
            span > 0 ? std::optional(steps / span) : std::nullopt,
            interval_of(intervals_),
            spread_of(pushes_),
            spread_of(captures_)};
}

} // namespace cuframes::tools
