// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a packet log still has, and how a reader knows that what it copied out of it was not overwritten meanwhile.
///
/// Packets leave at the tail. The publisher moves the tail first and overwrites afterwards; a reader copies first and
/// looks at the tail afterwards. So a reader is never in the way, and never believes what was overwritten.
///
/// Where packets may not leave before strict readers have taken them, a reader that begins in the past could lay claim to a
/// packet at the very moment when it leaves: its position is the change and the tail the look on one side, and the other way
/// round on the other (see handshake.h). One of both sees it: the publisher takes the tail back, or the reader begins later.
///
/// Templates on the words and the fence, as the functions of handshake.h are.
#pragma once

#include "ring/handshake.h"

#include <atomic>
#include <cstdint>
#include <utility>

namespace cuframes::core::ring {

/// Publisher: packets before `sequence` leave, unless `is_needed` says otherwise once no reader can lay claim to them any
/// more. After true they may be overwritten.
template <class Fence = HardwareFence, class TailWord, class IsNeeded>
bool move_tail(TailWord& tail, uint64_t sequence, IsNeeded&& is_needed) {
    const uint64_t before = tail.load(std::memory_order_relaxed);
    const bool needed = change_then_look<Fence>([&] { tail.store(sequence, std::memory_order_relaxed); },
                                                std::forward<IsNeeded>(is_needed));
    if (needed) {
        tail.store(before, std::memory_order_relaxed);
    }
    return !needed;
}

/// Subscriber: takes up the position before `sequence`, which it has not had before. False: that packet has left, or is
/// leaving.
template <class Fence = HardwareFence, class PositionWord, class TailWord>
bool begin_at(PositionWord& position, const TailWord& tail, uint64_t sequence) {
    return change_then_look<Fence>([&] { position.store(sequence - 1, std::memory_order_relaxed); },
                                   [&] { return tail.load(std::memory_order_relaxed) <= sequence; });
}

/// Subscriber: whether what it has just copied was the packet `sequence`.
template <class TailWord>
bool was_whole(const TailWord& tail, uint64_t sequence) {
    std::atomic_thread_fence(std::memory_order_acquire); // What was copied was read before this.
    return tail.load(std::memory_order_relaxed) <= sequence;
}

} // namespace cuframes::core::ring
