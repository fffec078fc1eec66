// SPDX-License-Identifier: LGPL-2.1-or-later
/// How many leases a reader of frames gets, and how a ring grows with them.
#include "base/log.h"
#include "publisher/frame_ring/frame_publisher.h"

#include <algorithm>

namespace cuframes::core {

namespace {

/// Slots that no reader may hold: the newest frame's, and the one being written.
constexpr uint32_t reserved_slots = 2;

/// What an elastic ring keeps beyond that and its leases: for the producer's queue, and for readers that lag.
constexpr uint32_t spare_slots = 4;

Result<> check_wish(const FrameWish& wish) {
    if (wish.leases < 1 || wish.leases > CUFRAMES_MAX_HELD || wish.least < 1 || wish.least > wish.leases ||
        wish.copies > 1 || wish.grows > 1) {
        return Error{CUFRAMES_ERROR_PROTOCOL,
                     text("leases ", wish.leases, ", of them at least ", wish.least, ", is out of range")};
    }
    return {};
}

} // namespace

uint32_t FramePublisher::granted() const {
    uint32_t sum = 0;
    for (const auto& member : membership_->members()) {
        sum += member->share<FrameShare>().granted();
    }
    return sum;
}

uint32_t FramePublisher::leases_left() const {
    const uint32_t taken = reserved_slots + granted();
    return options_.max_slots > taken ? options_.max_slots - taken : 0;
}

/// How many leases a newcomer gets; 0: fewer than it is content with. A lease is kept for each seat that is still free then:
/// the last reader must not be refused because the first ones were served well. A ring that can never seat them all keeps
/// half. One of a fixed size was made for numbers that its readers name, and gives them; to one that names none it gives
/// two at first.
uint32_t FramePublisher::leases_to_join(const FrameWish& wish) const {
    constexpr uint32_t guess_in_fixed_ring = 2;
    const bool fixed = !options_.elastic();
    const bool many_seats = membership_->options().max_subscribers > CUFRAMES_DEFAULT_MAX_SUBSCRIBERS;
    const uint32_t left = leases_left();
    if (left < wish.least) {
        return 0;
    }
    const uint32_t seats = membership_->free_seats() - 1;
    uint32_t wanted = wish.leases;
    uint32_t kept = std::min(seats, left / 2);
    if (many_seats || (!fixed && left >= seats + wish.least)) {
        kept = seats;
    } else if (fixed && wish.grows) {
        wanted = std::clamp(wanted, wish.least, guess_in_fixed_ring);
    } else if (fixed) {
        kept = 0;
    }
    return std::clamp(left > kept ? left - kept : 0, wish.least, wanted);
}

/// How many leases more a subscriber gets that is there: what is left when newcomers find one each, if it is to be.
uint32_t FramePublisher::leases_to_add(uint32_t wanted) const {
    const uint32_t kept = std::min(membership_->free_seats(), options_.max_slots / (options_.elastic() ? 2 : 4));
    const uint32_t left = leases_left();
    return std::min(wanted, left > kept ? left - kept : 0);
}

/// Frames that an elastic ring has to keep when so many leases are granted.
uint32_t FramePublisher::frames_for(uint32_t leases, uint32_t frames) const {
    uint32_t copies = 0;
    for (const auto& member : membership_->members()) {
        frames = std::max(frames, member->share<FrameShare>().frames());
        copies += member->share<FrameShare>().copies();
    }
    return std::clamp(reserved_slots + leases + copies + std::max(spare_slots, frames), options_.slots,
                      options_.max_slots);
}

Error FramePublisher::ring_full(uint32_t least) const {
    const uint32_t taken = granted();
    const uint32_t needed = reserved_slots + taken + least;
    std::string cure;
    if (needed > CUFRAMES_MAX_RING_SLOTS) {
        cure = text("a ring can have no more than ", CUFRAMES_MAX_RING_SLOTS, ": stop a reader");
    } else if (options_.elastic()) {
        cure = text("let the publisher have max-slots=", needed);
    } else {
        cure = text("let the publisher have slots=", needed, ", or slots=0, which grows by itself");
    }
    if (least > 1) {
        cure += ", or ask for a smaller max-held";
    }
    return {CUFRAMES_ERROR_RING_FULL,
            text("the ring \"", key(), "\" has ", options_.max_slots, " slots", options_.elastic() ? " at most" : "",
                 ", its subscribers may hold ", taken, " of them, and ", reserved_slots, " are for publishing; for ",
                 least, " more ", cure)};
}

/// Lets the ring keep more frames. The memory is got without the lock, so that publishing goes on meanwhile; only the
/// service thread grows rings. A generation that has come in between grows too.
Result<> FramePublisher::grow(Lock& lock, uint32_t kept) {
    while (ring() && kept > ring()->kept()) {
        const auto generation = std::static_pointer_cast<RingGeneration>(membership_->generation());
        lock.unlock();
        auto reserved = generation->reserve(kept);
        lock.lock();
        if (generation.get() != ring()) {
            continue;
        }
        if (!reserved) {
            return reserved;
        }
        generation->grow(kept); // Readers ask for memory that they meet and do not have.
        membership_->notify();
    }
    return {};
}

Result<std::unique_ptr<Share>> FramePublisher::admit(const Hello& hello, Lock& lock) {
    const FrameWish& wish = hello.frames;
    if (auto sound = check_wish(wish); !sound) {
        return sound.error();
    }
    uint32_t leases = leases_to_join(wish);
    if (leases == 0) {
        return ring_full(wish.least);
    }
    auto grown = grow(lock, frames_for(granted() + leases + wish.copies, 0));
    if (!grown && leases > wish.least) {
        leases = wish.least;
        grown = grow(lock, frames_for(granted() + leases + wish.copies, 0));
    }
    // What is there already may do: the ring keeps a few frames that nobody leases.
    if (!grown && ring() && reserved_slots + granted() + leases > ring()->kept()) {
        return grown.error();
    }
    return std::unique_ptr<Share>(std::make_unique<FrameShare>(leases, wish.copies));
}

void FramePublisher::tell(const Share& share, Welcome& welcome) const {
    welcome.granted = static_cast<const FrameShare&>(share).granted();
}

/// It joins at the newest frame, so that a still picture, or a paused camera's, is seen at once.
uint64_t FramePublisher::joins_after() const {
    const Latest latest = ring()->latest();
    return latest.sequence > 0 ? latest.sequence - 1 : membership_->last_sequence();
}

/// As many frames as it may hold, none of which it has to give back.
uint32_t FramePublisher::patience(const Share& share) const {
    const auto& frames = static_cast<const FrameShare&>(share);
    return frames.granted() + frames.copies() + 1;
}

bool FramePublisher::hear(Member& member, const Datagram& datagram) {
    if (datagram.type != MessageType::want) {
        return true;
    }
    Want want;
    if (!datagram.as(want, 0)) {
        return false;
    }
    grant(member, want);
    return true;
}

/// Gives a subscriber what it wants of leases and kept frames, as far as that is there, and answers.
void FramePublisher::grant(Member& member, const Want& want) {
    auto lock = membership_->lock();
    auto& share = member.share<FrameShare>();
    const uint32_t has = share.granted();
    const uint32_t wanted = std::clamp<uint32_t>(want.leases, has, CUFRAMES_MAX_HELD);
    const uint32_t more = leases_to_add(wanted - has);
    const uint32_t frames = std::min(want.frames, options_.max_slots);
    const auto grown = grow(lock, frames_for(granted() + more, frames));
    if (grown) {
        share.grant(has + more, frames);
    }
    const Sent sent = answer(member);
    if (sent == Sent::not_read || sent == Sent::gone) {
        member.connection().hang_up();
    }
    lock.unlock();
    if (sent == Sent::shortage) {
        membership_->tell_shortage();
    }
    if (!grown) {
        log(CUFRAMES_LOG_WARNING, text("the ring \"", key(), "\" does not grow: ", grown.error().message));
    }
}

Sent FramePublisher::answer(Member& member) {
    auto& share = member.share<FrameShare>();
    Granted answer = {};
    answer.leases = share.granted();
    answer.frames = ring() ? ring()->kept() : 0;
    const Sent sent = member.connection().send(answer);
    share.answer_owed = sent == Sent::shortage;
    return sent;
}

Sent FramePublisher::settle(Member& member) {
    return member.share<FrameShare>().answer_owed ? answer(member) : Sent::yes;
}

} // namespace cuframes::core
