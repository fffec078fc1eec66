// SPDX-License-Identifier: LGPL-2.1-or-later
/// CUFRAMES_POLICY_WAIT: how a publisher waits for its readers, and whom it gives up.
#include "publisher/publisher.h"

#include <algorithm>
#include <chrono>

namespace cuframes::core {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// CUFRAMES_POLICY_WAIT: a subscriber is sent the next generation when it has taken up the one before. With two of them on
/// the way it would never see the frames of the first. One that takes frames is waited for, as it will come to their end.
Result<> Publisher::await_those_behind(std::unique_lock<std::mutex>& lock) {
    if (options_.policy != CUFRAMES_POLICY_WAIT || !generation_) {
        return {};
    }
    const auto start = steady_clock::now();
    const auto is_behind = [this](const Member& member) {
        return member.subscriber->needs(stats_.last_sequence) && member.subscriber->behind(*generation_);
    };
    // Two rings lie before a reader at most.
    forget_wait(2 * CUFRAMES_MAX_SLOTS);
    Result<> result;
    for (;;) {
        Deadline look_again; // Of the first that is in the way, and empty if none is.
        for (const Member& member : members_) {
            if (is_behind(member)) {
                give_up_if_late(member, stats_.last_sequence, look_again);
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
std::optional<uint32_t> Publisher::wait_for_slot(std::unique_lock<std::mutex>& lock) {
    const auto start = steady_clock::now();
    const auto generation = generation_;
    StreamWords& state = generation->state();
    // Set before looking again: a subscriber that gives something back after this look sees it, and sends Progress.
    waiters_ += 1;
    if (waiters_ == 1) {
        forget_wait();
    }
    state.publisher_waits.store(1);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const auto slot = acquire_in_time(lock);
    // A decoder's threads may wait here side by side: the last one to leave takes the flag down.
    waiters_ -= 1;
    if (waiters_ == 0) {
        forget_wait();
        state.publisher_waits.store(0);
    }
    stats_.waited_ns += static_cast<uint64_t>(std::chrono::nanoseconds(steady_clock::now() - start).count());
    return slot;
}

void Publisher::forget_wait(uint32_t more) {
    for (const Member& member : members_) {
        member.subscriber->forget_wait(more);
    }
}

std::optional<uint32_t> Publisher::acquire_in_time(std::unique_lock<std::mutex>& lock) {
    const auto generation = generation_;
    // For leases: those of readers that are not waited for, and of frames that everybody has taken.
    const auto deadline = deadline_in(options_.wait_timeout_ms);
    while (generation == generation_ && !interrupted_) {
        const auto slot = try_acquire(true);
        if (slot || !generation->slots().blocked_by_readers()) {
            return slot;
        }
        Deadline look_again;
        if (give_up_late_readers(look_again)) {
            continue;
        }
        if (!look_again && steady_clock::now() >= *deadline) {
            return {};
        }
        look_again = look_again ? look_again : deadline;
        if (generation->on_gpu()) {
            // A lease that a GPU clears brings no message, so those are looked at again.
            look_again = std::min(*look_again, steady_clock::now() + milliseconds(2));
        }
        changed_.wait_until(lock, *look_again);
    }
    return {};
}

/// Gives up who is in the way and has taken nothing for as long as one is waited for. Others, who may be as far behind and
/// yet at work, are waited for. False: nobody is that late; `look_again` is when the first will be, empty if none is in
/// the way.
bool Publisher::give_up_late_readers(Deadline& look_again) {
    const uint64_t wanted = generation_->slots().oldest_unleased([this](uint32_t slot) { return is_leased(slot); });
    bool given_up = false;
    for (const Member& member : members_) {
        given_up = give_up_if_late(member, wanted, look_again) || given_up;
    }
    return given_up;
}

bool Publisher::give_up_if_late(const Member& member, uint64_t wanted, Deadline& look_again) {
    const auto now = steady_clock::now();
    const auto since = member.subscriber->waited_for_since(wanted, now);
    if (!since) {
        return false;
    }
    const auto until = *since + milliseconds(options_.wait_timeout_ms);
    if (now >= until) {
        member.subscriber->give_up();
        return true;
    }
    look_again = look_again ? std::min(*look_again, until) : until;
    return false;
}

} // namespace cuframes::core
