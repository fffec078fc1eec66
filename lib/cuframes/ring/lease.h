// SPDX-License-Identifier: LGPL-2.1-or-later
/// The lease protocol: how a subscriber claims a slot and a publisher takes one back, with no lock and no wait.
///
/// Both sides store one word and then load the other's, as in the other handshakes (handshake.h): either the publisher sees
/// the lease, or the subscriber sees the invalid sequence. Nothing here makes
/// a system call. The functions are templates on the word type, so that a test can put an instrumented one in its place
/// and run this very code.
#pragma once

#include "protocol/layout.h"
#include "ring/handshake.h"

#include <atomic>
#include <cstdint>

namespace cuframes::core::ring {

inline constexpr uint32_t no_lease = 0;

/// Subscriber: leases `slot` if it still holds the frame `expected`. On false the lease word is free again and the frame
/// is gone.
template <class Fence = HardwareFence, class LeaseWord, class SequenceWord>
bool try_lease(LeaseWord& lease, const SequenceWord& sequence, uint32_t slot, uint64_t expected) {
    // Release: whoever sees this lease also sees that we are done with the frame before.
    lease.store(slot + 1, std::memory_order_release);
    Fence::full();
    if (sequence.load(std::memory_order_acquire) == expected) {
        return true;
    }
    lease.store(no_lease, std::memory_order_release);
    return false;
}

/// Subscriber: gives a lease back. Everything read from the slot happens before.
template <class LeaseWord>
void end_lease(LeaseWord& lease) {
    lease.store(no_lease, std::memory_order_release);
}

/// Publisher: makes the slot unreadable and takes it, unless `is_leased()` finds a lease on it; then the old sequence is
/// restored and false returned.
template <class Fence = HardwareFence, class SequenceWord, class IsLeased>
bool try_reclaim(SequenceWord& sequence, IsLeased&& is_leased) {
    const uint64_t old = sequence.load(std::memory_order_relaxed);
    sequence.store(invalid_sequence, std::memory_order_relaxed);
    Fence::full();
    if (!is_leased()) {
        return true;
    }
    sequence.store(old, std::memory_order_release);
    return false;
}

/// Publisher: the slot a lease word names, or -1. The word is the subscriber's: it is read once and range-checked.
template <class LeaseWord>
int64_t leased_slot(const LeaseWord& lease, uint32_t slot_count) {
    const uint32_t word = lease.load(std::memory_order_acquire);
    return word == no_lease || word > slot_count ? -1 : static_cast<int64_t>(word) - 1;
}

/// Publisher: makes a filled slot visible.
template <class SequenceWord, class LatestWord>
void make_visible(SequenceWord& slot_sequence, LatestWord& latest, uint32_t slot, uint64_t sequence) {
    slot_sequence.store(sequence, std::memory_order_release);
    latest.store(Latest{sequence, slot}.pack(), std::memory_order_release);
}

} // namespace cuframes::core::ring
