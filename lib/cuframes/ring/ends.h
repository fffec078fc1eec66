// SPDX-License-Identifier: LGPL-2.1-or-later
/// Where a stream ended, and how a reader tells each end once and in its place among the frames.
///
/// An end is not a state that a reader finds or misses: frames may follow before it looks. So the publisher counts the ends
/// and notes for the latest of them which frame each came after; a reader counts those that it has told. The functions are
/// templates on the word types, as those of lease.h are, so that a test can run this very code in every order.
#pragma once

#include "protocol/layout.h"

#include <atomic>
#include <cstdint>
#include <optional>

namespace cuframes::core::ring {

/// Publisher: the stream ends after the frame `sequence`. Only while the stream is live: one end for each.
template <class CountWord, class PositionWords>
void add_end(CountWord& ends, PositionWords& positions, uint64_t sequence) {
    const uint32_t number = ends.load(std::memory_order_relaxed) + 1;
    // Release: who reads this new position also sees the count that came before it, and so that the old one is gone.
    positions[number % positions.size()].store(sequence, std::memory_order_release);
    ends.store(number, std::memory_order_release);
}

/// What has happened in the stream, at one moment.
struct Look {
    Latest newest;
    uint32_t ends;
};

/// Subscriber: the newest frame and the ends as of one moment, so that no end is missed that came before that frame, and no
/// frame that came before the last of these ends. Empty: the stream ended meanwhile; look again.
template <class CountWord, class LatestWord>
std::optional<Look> look(const CountWord& ends, const LatestWord& latest) {
    const uint32_t before = ends.load(std::memory_order_acquire);
    const Latest newest = Latest::unpack(latest.load(std::memory_order_acquire));
    if (ends.load(std::memory_order_acquire) != before) {
        return {};
    }
    return Look{newest, before};
}

/// Subscriber: the frame after which end `number` came; empty if too many have come since for that to be known.
template <class CountWord, class PositionWords>
std::optional<uint64_t> end_position(const CountWord& ends, const PositionWords& positions, uint32_t number) {
    const uint64_t position = positions[number % positions.size()].load(std::memory_order_acquire);
    // The end that uses this place again is noted before it is counted.
    if (ends.load(std::memory_order_acquire) - number + 1 >= positions.size()) {
        return {};
    }
    return position;
}

} // namespace cuframes::core::ring
