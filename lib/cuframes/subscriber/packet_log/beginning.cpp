// SPDX-License-Identifier: LGPL-2.1-or-later
/// Where a subscriber begins in a packet log.
#include "base/clock.h"
#include "base/log.h"
#include "ring/tail.h"
#include "subscriber/packet_log/attached_log.h"

namespace cuframes::core {

/// What leaves while one is chosen is not begun with; with a log that is gone round so fast nothing of the past is.
void AttachedLog::begin(const std::optional<StartWish>& wish) {
    constexpr int attempts = 64;
    const PacketWords& words = header().words;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const auto first = wish ? choose(*wish) : std::optional(tail());
        if (!first) {
            break;
        }
        if (ring::begin_at(page().position, words.tail, *first)) {
            position_ = *first - 1;
            return;
        }
    }
    begin_live();
}

/// Empty: with what comes.
std::optional<uint64_t> AttachedLog::choose(const StartWish& wish) const {
    const uint64_t now = monotonic_ns();
    switch (wish.start) {
    case CUFRAMES_START_LIVE:
        return {};
    case CUFRAMES_START_KEYFRAME:
        return keyframe_at_or_before(UINT64_MAX);
    case CUFRAMES_START_PREROLL:
        return wish.preroll > 0 ? keyframe_at_or_before(now > wish.preroll ? now - wish.preroll : 0) : std::nullopt;
    case CUFRAMES_START_TIME:
        return keyframe_at_or_before(wish.start_time);
    }
    return {};
}

/// With the next keyframe that came after the publisher had admitted us, from where it let us begin. A stream that has had
/// none for long, as with intra refresh, will have none: with the next packet.
void AttachedLog::begin_live() {
    const uint64_t newest = this->newest(), oldest = tail();
    const bool has_none =
        !keyframe_of(newest) && newest > oldest && time_of(newest) - time_of(oldest) >= description_.max_time / 2;
    looks_for_keyframe_ = !has_none;
    page().position.store(position_, std::memory_order_relaxed);
}

/// Whether it is none to begin with.
bool AttachedLog::passes_over(uint64_t sequence) {
    if (!looks_for_keyframe_) {
        return false;
    }
    const uint64_t time = time_of(sequence);
    looks_since_ = looks_since_ == 0 ? time : looks_since_;
    const bool is_keyframe = entry(sequence).since_keyframe.load(std::memory_order_relaxed) == 0;
    if (!is_keyframe && (time < looks_since_ || time - looks_since_ < description_.max_time)) {
        return true;
    }
    if (!is_keyframe) {
        log(CUFRAMES_LOG_INFO, "no keyframe came for as long as packets are kept: beginning with one that is none");
    }
    looks_for_keyframe_ = false;
    return false;
}

uint64_t AttachedLog::time_of(uint64_t sequence) const {
    const PacketEntry& one = entry(sequence);
    const uint64_t pts = one.pts.load(std::memory_order_relaxed), dts = one.dts.load(std::memory_order_relaxed);
    return pts != CUFRAMES_TIME_NONE   ? pts
           : dts != CUFRAMES_TIME_NONE ? dts
                                       : one.publish_time.load(std::memory_order_relaxed);
}

/// Which a packet needs before it, or is itself. Empty: that is not there any more.
std::optional<uint64_t> AttachedLog::keyframe_of(uint64_t sequence) const {
    const uint64_t oldest = tail();
    if (sequence < oldest) {
        return {};
    }
    const uint32_t since = entry(sequence).since_keyframe.load(std::memory_order_relaxed);
    const bool is_there = since != PacketEntry::no_keyframe && sequence - oldest >= since;
    return is_there ? std::optional(sequence - since) : std::nullopt;
}

/// The newest such keyframe of those that were there when the publisher admitted us, as what came since is to be read; the
/// oldest where all are later.
std::optional<uint64_t> AttachedLog::keyframe_at_or_before(uint64_t time) const {
    std::optional<uint64_t> found;
    const uint64_t oldest = tail(); // Once: a publisher gone mad may move it back, and the way there would have no end.
    if (!can_hold(oldest, position_)) {
        return found;
    }
    for (auto keyframe = keyframe_of(position_); keyframe;) {
        found = keyframe;
        if (time_of(*keyframe) <= time || *keyframe <= oldest) {
            break;
        }
        keyframe = keyframe_of(*keyframe - 1);
    }
    return found;
}

} // namespace cuframes::core
