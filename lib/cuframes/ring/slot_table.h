// SPDX-License-Identifier: LGPL-2.1-or-later
/// The publisher's choice of the slot to write next. Private memory, under the publisher's mutex; only the sequence words
/// it touches are shared.
#pragma once

#include "protocol/layout.h"
#include "ring/lease.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cuframes::core::ring {

class SlotTable {
public:
    /// `kept`: frames to keep for readers. `extra`: slots beyond that, for frames that the producer still holds. Both
    /// together are slots that may be written now; there may be records for more, see grow().
    SlotTable(std::span<SlotRecord> records, uint32_t kept, uint32_t extra)
        : records_(records), slots_(records.size()), kept_(kept), extra_(extra) {
        candidates_.reserve(records.size());
    }

    /// More frames are kept from now on; memory for them is there.
    void grow(uint32_t kept) { kept_ = std::max(kept_, std::min(kept, static_cast<uint32_t>(slots_.size()) - extra_)); }

    uint32_t kept() const { return kept_; }
    /// Slots held by the producer.
    uint32_t held() const { return held_; }
    /// Slots that may be written now.
    uint32_t usable() const { return kept_ + extra_; }
    /// Slots below this one have been written at some time.
    uint32_t used() const { return used_; }

    /// Takes the best free slot: a never used one while fewer than `kept` frames lie in the ring, else the one with the
    /// oldest frame. `may_overwrite(sequence)` can protect a frame, `is_leased(slot)` scans the lease words. Empty: none.
    template <class MayOverwrite, class IsLeased>
    std::optional<uint32_t> acquire(MayOverwrite&& may_overwrite, IsLeased&& is_leased) {
        candidates_.clear();
        for (uint32_t slot = 0; slot < used_; ++slot) {
            const Slot& s = slots_[slot];
            if (!s.held && slot != latest_ && (s.sequence == invalid_sequence || may_overwrite(s.sequence))) {
                candidates_.push_back(slot);
            }
        }
        // Never used ones in their order, and more than one, as a subscriber gone mad may claim the first.
        for (uint32_t slot = used_; slot < usable() && in_ring() < kept_; ++slot) {
            candidates_.push_back(slot);
        }
        std::sort(candidates_.begin(), candidates_.end(), [this](uint32_t a, uint32_t b) { return better(a, b); });
        // A reader that goes on to its next frame during the scan can seem to hold both slots. It does so at most once
        // for each frame that lies here, since none is published meanwhile; so one scan of as many finds a free slot.
        for (size_t scan = 0; scan < candidates_.size(); ++scan) {
            for (uint32_t slot : candidates_) {
                // Looking before invalidating spares readers of a leased frame a moment in which it seems to be lost.
                auto leased = [&] { return is_leased(slot); };
                if (!leased() && try_reclaim(records_[slot].sequence, leased)) {
                    take(slot);
                    return slot;
                }
            }
        }
        return {};
    }

    /// Sequence of the frame that lay in the slot before it was acquired; 0: none.
    uint64_t overwritten(uint32_t slot) const { return slots_[slot].overwritten; }

    void published(uint32_t slot, uint64_t sequence) {
        slots_[slot].sequence = slots_[slot].age = newest_ = sequence;
        latest_ = slot;
    }

    /// `last`: if nothing was published in it, it is used again as late as if the newest frame lay in it.
    void release(uint32_t slot, bool last = false) {
        Slot& s = slots_[slot];
        s.held = false;
        held_ -= 1;
        if (last && s.sequence == invalid_sequence) {
            s.rests = true;
            s.age = newest_;
        }
    }

    /// Whether some slot is free but for readers: waiting for them can help. Else only the producer itself can.
    bool blocked_by_readers() const {
        for (uint32_t slot = 0; slot < used_; ++slot) {
            if (!slots_[slot].held && slot != latest_) {
                return true;
            }
        }
        return false;
    }

    /// The oldest frame whose slot could be taken if no reader had yet to come to it; 0: none.
    template <class IsLeased>
    uint64_t oldest_unleased(IsLeased&& is_leased) const {
        uint64_t oldest = invalid_sequence;
        for (uint32_t slot = 0; slot < used_; ++slot) {
            const Slot& s = slots_[slot];
            if (!s.held && slot != latest_ && s.sequence != invalid_sequence &&
                (oldest == invalid_sequence || s.sequence < oldest) && !is_leased(slot)) {
                oldest = s.sequence;
            }
        }
        return oldest;
    }

private:
    struct Slot {
        bool held = false;
        uint64_t sequence = invalid_sequence;
        uint64_t age = invalid_sequence; ///< Of its frame, or when it was given back.
        bool rests = false;              ///< See release().
        uint64_t overwritten = invalid_sequence;
    };

    uint32_t in_ring() const { return used_ - held_; }

    /// Empty slots first, those with memory already committed before those without; then by age.
    bool better(uint32_t a, uint32_t b) const {
        const Slot& x = slots_[a];
        const Slot& y = slots_[b];
        if (x.age != y.age) {
            return x.age < y.age;
        }
        if (x.rests != y.rests) {
            return y.rests;
        }
        return a < b; // Those that were never used are the last.
    }

    void take(uint32_t slot) {
        Slot& s = slots_[slot];
        used_ = std::max(used_, slot + 1);
        held_ += 1;
        s = {.held = true, .overwritten = s.sequence};
    }

    std::span<SlotRecord> records_;
    std::vector<Slot> slots_;
    std::vector<uint32_t> candidates_; ///< Kept between calls: no allocation on the frame path.
    uint32_t kept_;
    uint32_t extra_;
    uint32_t used_ = 0;
    uint32_t held_ = 0;
    uint32_t latest_ = UINT32_MAX;
    uint64_t newest_ = invalid_sequence; ///< The sequence number there.
};

} // namespace cuframes::core::ring
