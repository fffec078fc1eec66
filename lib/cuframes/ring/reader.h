// SPDX-License-Identifier: LGPL-2.1-or-later
/// A subscriber's way through one ring generation: which frame comes next, in either mode, and what was missed.
#pragma once

#include "protocol/layout.h"
#include "ring/ends.h"
#include "ring/lease.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

namespace cuframes::core::ring {

/// A frame that was leased.
struct Taken {
    uint32_t slot;
    uint64_t sequence;
    uint64_t missed; ///< Sequence numbers between the last one taken and this one.
};

class Reader {
public:
    /// `ends`: of the stream, that were told already or are not to be.
    Reader(const StreamWords& state, const FrameWords& words, std::span<const SlotRecord> records, cuframes_mode mode,
           uint64_t position, uint32_t ends = 0)
        : state_(state), words_(words), records_(records), mode_(mode), position_(position), ends_told_(ends) {}

    /// Whether a frame newer than the last one taken was published.
    bool has_next() const { return newest().sequence > position_; }

    /// Whether the stream has ended more often than was told.
    bool has_end() const { return ends_to_tell(state_.ends.load(std::memory_order_acquire)); }

    uint64_t position() const { return position_; }
    uint32_t ends_told() const { return ends_told_; }

    /// Frames published since the last one taken, as far as they are still there.
    uint64_t behind() const {
        const uint64_t sequence = newest().sequence;
        return sequence > position_ ? sequence - position_ : 0;
    }

    /// Slots below this one may hold frames. A word of the publisher's: read once for each use.
    uint32_t slots_in_use() const {
        return std::min(words_.slots_in_use.load(std::memory_order_acquire), static_cast<uint32_t>(records_.size()));
    }

    /// Leases the next frame with `lease`, which must be free. Empty: there is none, or the stream ended before it, which
    /// end_is_next() tells.
    ///
    /// Newest mode passes over frames that are late, which are those captured at `late_until` or before: the next is the
    /// oldest that is not, or the newest if all are. CUFRAMES_TIME_NONE: all but the newest are late.
    ///
    /// `readable`: slots from this one on have no memory here yet. If the next frame lies there it is not taken: empty.
    std::optional<Taken> take(std::atomic<uint32_t>& lease, uint64_t late_until = CUFRAMES_TIME_NONE,
                              uint32_t readable = UINT32_MAX) {
        // The newest frame is never reclaimed, so a failed attempt means that the publisher went on meanwhile. The bound
        // keeps a publisher gone mad from holding us here.
        end_is_next_ = false;
        for (int attempt = 0; attempt < 1000; ++attempt) {
            const auto choice = choose(late_until);
            if (!choice) {
                continue;
            }
            const Latest next = choice->next;
            end_is_next_ = choice->end_first;
            if (end_is_next_ || next.sequence == no_frame) {
                return {};
            }
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

    /// Whether take() found the end of the stream before the next frame.
    bool end_is_next() const { return end_is_next_; }

    /// Looks for that without a lease, and takes nothing.
    bool look_for_end(uint64_t late_until = CUFRAMES_TIME_NONE) {
        end_is_next_ = false;
        for (int attempt = 0; attempt < 1000 && has_end(); ++attempt) {
            if (const auto choice = choose(late_until)) {
                return end_is_next_ = choice->end_first;
            }
        }
        return false;
    }

    /// Tells that end: counts what was published or dropped before it and not taken.
    uint64_t tell_end() {
        const auto position = end_position(state_.ends, state_.end_positions, ends_told_ + 1);
        ends_told_ += 1;
        end_is_next_ = false;
        return position ? pass_to(std::min(*position, state_.last_sequence.load(std::memory_order_acquire))) : 0;
    }

    /// At the end of the generation: counts what was published or dropped after the last frame taken.
    uint64_t pass_to(uint64_t sequence) {
        const uint64_t missed = sequence > position_ ? sequence - position_ : 0;
        position_ += missed;
        return missed;
    }

private:
    static constexpr uint64_t no_frame = UINT64_MAX; ///< The frame that comes after all ends.

    struct Choice {
        Latest next;
        bool end_first;
    };

    /// What comes next. Empty: the stream ended meanwhile; look again.
    std::optional<Choice> choose(uint64_t late_until) const {
        const auto now = look(state_.ends, words_.latest);
        if (!now) {
            return {};
        }
        const bool any = now->newest.sequence > position_ && now->newest.slot < records_.size();
        const Latest next = any ? next_until(now->newest, late_until) : Latest{no_frame, 0};
        return Choice{next, ends_to_tell(now->ends) && end_comes_before(next.sequence)};
    }

    bool ends_to_tell(uint32_t ends) const { return static_cast<int32_t>(ends - ends_told_) > 0; }

    /// Where an end's place is not known any more, no frame that came before it is there any more.
    bool end_comes_before(uint64_t sequence) const {
        const auto position = end_position(state_.ends, state_.end_positions, ends_told_ + 1);
        return sequence == no_frame || !position || *position < sequence;
    }

    Latest newest() const { return Latest::unpack(words_.latest.load(std::memory_order_acquire)); }

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

    /// The oldest frame not taken yet that is `wanted`. Frames beyond `newest` are left out: one published during the
    /// scan could otherwise be seen before an older one in a slot that was read too early, and that one would be skipped.
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

    const StreamWords& state_;
    const FrameWords& words_;
    std::span<const SlotRecord> records_;
    cuframes_mode mode_;
    uint64_t position_;
    uint32_t ends_told_;
    bool end_is_next_ = false;
};

} // namespace cuframes::core::ring
