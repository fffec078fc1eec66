// SPDX-License-Identifier: LGPL-2.1-or-later
/// CUFRAMES_POLICY_WAIT: how membership waits for readers, and whom it gives up.
#include "publisher/membership.h"

#include <algorithm>
#include <chrono>

namespace cuframes::core {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// CUFRAMES_POLICY_WAIT: a subscriber is sent the next generation when it has taken up the one before. With two of them on
/// the way it would never see the items of the first. One that takes items is waited for, as it will come to their end.
Result<> Membership::await_those_behind(Lock& lock) {
    if (options_.policy != CUFRAMES_POLICY_WAIT || !generation_) {
        return {};
    }
    const auto start = steady_clock::now();
    const auto is_behind = [this](const Member& member) {
        return member.needs(stats_.last_sequence) && member.behind(*generation_);
    };
    // Two generations lie before a reader at most.
    forget_wait(2 * content_->capacity());
    Result<> result;
    for (;;) {
        Deadline look_again; // Of the first that is in the way, and empty if none is.
        for (const auto& member : members_) {
            if (is_behind(*member)) {
                give_up_if_late(*member, stats_.last_sequence, look_again);
            }
        }
        if (!look_again) {
            break;
        }
        if (interrupted_) {
            result = Error{CUFRAMES_ERROR_INTERRUPTED, "interrupted while waiting for strict subscribers"};
            break;
        }
        changed_.wait_until(lock, *look_again);
    }
    stats_.waited_ns += static_cast<uint64_t>(std::chrono::nanoseconds(steady_clock::now() - start).count());
    return result;
}

/// CUFRAMES_POLICY_WAIT: until a strict subscriber moves on, or is given up.
bool Membership::wait_for_room(Lock& lock, const Room& room) {
    const auto start = steady_clock::now();
    const auto generation = generation_;
    StreamWords& state = generation->state();
    waiters_ += 1;
    if (waiters_ == 1) {
        forget_wait();
    }
    const bool taken = ring::wait_for_readers(state.publisher_waits, [&] { return await_room(lock, room); });
    // A producer's threads may wait here side by side: the last one to leave takes the flag down.
    waiters_ -= 1;
    if (waiters_ == 0) {
        forget_wait();
        state.publisher_waits.store(0);
    }
    stats_.waited_ns += static_cast<uint64_t>(std::chrono::nanoseconds(steady_clock::now() - start).count());
    return taken;
}

void Membership::forget_wait(uint32_t more) {
    for (const auto& member : members_) {
        member->forget_wait(content_->patience(member->share()) + more);
    }
}

bool Membership::await_room(Lock& lock, const Room& room) {
    const auto generation = generation_;
    // For what no reader who is waited for has: that of others, and what everybody has taken.
    const auto deadline = deadline_in(options_.wait_timeout_ms);
    while (generation == generation_ && !interrupted_) {
        if (room.take()) {
            return true;
        }
        if (room.hopeless()) {
            return false;
        }
        Deadline look_again;
        if (give_up_late_readers(room.wanted(), look_again)) {
            continue;
        }
        if (!look_again && steady_clock::now() >= *deadline) {
            return false;
        }
        look_again = look_again ? look_again : deadline;
        if (room.look_again) {
            look_again = std::min(*look_again, steady_clock::now() + *room.look_again);
        }
        changed_.wait_until(lock, *look_again);
    }
    return false;
}

/// Gives up who is in the way and has taken nothing for as long as one is waited for. Others, who may be as far behind and
/// yet at work, are waited for. False: nobody is that late; `look_again` is when the first will be, empty if none is in
/// the way.
bool Membership::give_up_late_readers(uint64_t wanted, Deadline& look_again) {
    bool given_up = false;
    for (const auto& member : members_) {
        given_up = give_up_if_late(*member, wanted, look_again) || given_up;
    }
    return given_up;
}

bool Membership::give_up_if_late(Member& member, uint64_t wanted, Deadline& look_again) {
    const auto now = steady_clock::now();
    const auto since = member.waited_for_since(wanted, now);
    if (!since) {
        return false;
    }
    const auto until = *since + milliseconds(options_.wait_timeout_ms);
    if (now >= until) {
        member.give_up();
        return true;
    }
    look_again = look_again ? std::min(*look_again, until) : until;
    return false;
}

} // namespace cuframes::core
