// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * A subscriber's way through one ring generation: which frame comes next, in either mode, and what was missed.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "protocol/layout.h"
#include "ring/lease.h"

namespace cuframes::ring {

/** A frame that was leased. */
struct Taken {
    uint32_t slot;
    uint64_t sequence;
    uint64_t missed; ///< Sequence numbers between the last one taken and this one.
};

class Reader {
public:
    Reader(const RingState& state, std::span<const SlotRecord> records, cuframes_mode mode, uint64_t position)
        : state_(state), records_(records), mode_(mode), position_(position) {}

    /** Whether a frame newer than the last one taken was published. */
    bool has_next() const { return newest().sequence > position_; }

    uint64_t position() const { return position_; }

    /** Frames published since the last one taken, as far as they are still there. */
    uint64_t behind() const {
        const uint64_t sequence = newest().sequence;
        return sequence > position_ ? sequence - position_ : 0;
    }

    /** Slots below this one may hold frames. A word of the publisher's: read once for each use. */
    uint32_t slots_in_use() const {
        return std::min(state_.slots_in_use.load(std::memory_order_acquire), static_cast<uint32_t>(records_.size()));
    }

    /**
     * Leases the next frame with `lease`, which must be free. Empty: there is none.
     *
     * Newest mode passes over frames that are late, which are those captured at `late_until` or before: the next is the
     * oldest that is not, or the newest if all are. CUFRAMES_TIME_NONE: all but the newest are late.
     *
     * `readable`: slots from this one on have no memory here yet. If the next frame lies there it is not taken: empty.
     */
    std::optional<Taken> take(std::atomic<uint32_t>& lease, uint64_t late_until = CUFRAMES_TIME_NONE,
                              uint32_t readable = UINT32_MAX) {
        // The newest frame is never reclaimed, so a failed attempt means that the publisher went on meanwhile. The bound
        // keeps a publisher gone mad from holding us here.
        for (int attempt = 0; attempt < 1000; ++attempt) {
            const Latest newest_now = newest();
            if (newest_now.sequence <= position_ || newest_now.slot >= records_.size()) {
                return {};
            }
            const Latest next = next_until(newest_now, late_until);
            if (next.slot >= readable) {
                return {};
            }
            if (try_lease(lease, records_[next.slot].sequence, next.slot, next.sequence)) {
                const Taken taken{next.slot, next.sequence, next.sequence - position_ - 1};
                position_ = next.sequence;
                return taken;
            }
        }
        return {};
    }

    /** At the end of the generation: counts what was published or dropped after the last frame taken. */
    uint64_t pass_to(uint64_t sequence) {
        const uint64_t missed = sequence > position_ ? sequence - position_ : 0;
        position_ += missed;
        return missed;
    }

private:
    Latest newest() const { return Latest::unpack(state_.latest.load(std::memory_order_acquire)); }

    Latest next_until(Latest newest, uint64_t late_until) const {
        if (newest.sequence == position_ + 1) {
            return newest;
        }
        if (mode_ == CUFRAMES_MODE_STRICT) {
            return oldest_until(newest, [](const SlotRecord&) { return true; });
        }
        if (late_until == CUFRAMES_TIME_NONE) {
            return newest;
        }
        return oldest_until(newest, [&](const SlotRecord& record) {
            // Of a frame that is being replaced this may be the next one's time: then it cannot be leased.
            const uint64_t pts = record.pts.load(std::memory_order_relaxed);
            return pts > late_until && pts != CUFRAMES_TIME_NONE;
        });
    }

    /**
     * The oldest frame not taken yet that is `wanted`. Frames beyond `newest` are left out: one published during the
     * scan could otherwise be seen before an older one in a slot that was read too early, and that one would be skipped.
     */
    template <class Wanted>
    Latest oldest_until(Latest newest, Wanted&& wanted) const {
        Latest oldest = newest;
        const uint32_t slots = slots_in_use();
        for (uint32_t slot = 0; slot < slots; ++slot) {
            const uint64_t sequence = records_[slot].sequence.load(std::memory_order_acquire);
            if (sequence > position_ && sequence < oldest.sequence && wanted(records_[slot])) {
                oldest = {sequence, slot};
            }
        }
        return oldest;
    }

    const RingState& state_;
    std::span<const SlotRecord> records_;
    cuframes_mode mode_;
    uint64_t position_;
};

} // namespace cuframes::ring
