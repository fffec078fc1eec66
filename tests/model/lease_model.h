// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cuframes::test {

/// The lease protocol of the ring, as a machine whose every state can be visited: one publisher and two subscribers,
/// each load or store of a shared word a step of its own, and a crash of anybody possible before each step. Memory is
/// sequentially consistent, which is what the two fences of the protocol provide at the places that matter.

/// What is left out of the protocol, or done otherwise: each of these has to be caught by the search.
enum class Protocol {
    complete,
    no_invalidation,     ///< The publisher scans the leases while the slot's old frame still looks valid.
    no_second_look,      ///< The subscriber trusts the sequence that it read before it wrote its lease.
    invalidation_late,   ///< The publisher scans first and invalidates afterwards.
    counters_reset,      ///< Leases are an anonymous count per slot, set to zero when a subscriber dies.
    counters_left_alone, ///< The same, but the dead one's share of the count stays.
};

inline constexpr size_t subscriber_count = 2;
inline constexpr size_t most_slots = 4;

/// How large a ring is searched. After `frames` the publisher stops: enough to use slots again while readers are busy.
struct Size {
    size_t slots, frames;
};

enum class PublisherStep : uint8_t { choose, invalidate_late, scan, begin_write, end_write, validate, announce, ended };
enum class SubscriberStep : uint8_t {
    look,
    lease,
    look_again,
    withdraw,
    read_head,
    read_tail,
    give_back,
    dead,
    retired
};

struct SubscriberState {
    SubscriberStep step = SubscriberStep::look;
    uint8_t slot = 0;     ///< Of the frame it is after.
    uint8_t sequence = 0; ///< The number of that frame.
    uint8_t taken = 0;    ///< Newest number it has read.

    bool operator==(const SubscriberState&) const = default;
};

/// Everything, shared words and private registers: two equal ones have the same future.
struct State {
    std::array<uint8_t, most_slots> sequence = {}; ///< 0 is INVALID.
    std::array<uint8_t, most_slots> pixels = {};   ///< Number of the frame that lies there; 0xff while it is written.
    std::array<uint8_t, most_slots> count = {};    ///< Only with anonymous counters.
    std::array<uint8_t, subscriber_count> lease = {}; ///< slot + 1, or 0.
    uint8_t latest_sequence = 0, latest_slot = 0;     ///< One word in the ring: written and read together.
    PublisherStep publisher = PublisherStep::choose;
    uint8_t publisher_slot = 0, publisher_old = 0, publisher_scan = 0, publisher_frame = 1;
    std::array<SubscriberState, subscriber_count> subscribers = {};

    bool operator==(const State&) const = default;
};

struct Outcome {
    size_t states = 0;
    bool torn_read = false;            ///< A subscriber found other pixels in a frame that it had leased.
    bool lost_slot = false;            ///< Everybody is dead and retired, and a slot still counts as leased.
    bool every_frame_was_read = false; ///< The search got somewhere: some subscriber has read the last frame.
};

/// Visits every state that can be reached, until something is wrong in one.
Outcome search(Protocol protocol, const Size& size);

} // namespace cuframes::test
