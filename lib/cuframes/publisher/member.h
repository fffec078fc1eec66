// SPDX-License-Identifier: LGPL-2.1-or-later
/// One attached subscriber, as its publisher has it. All calls are under the publisher's mutex.
#pragma once

#include "ipc/peer.h"
#include "ipc/seqpacket.h"
#include "ipc/shared_memory.h"
#include "publisher/frame_ring/ring_generation.h"
#include "ring/lease.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace cuframes::core {

class AttachedSubscriber {
public:
    AttachedSubscriber(uint64_t id, const Hello& hello, uint32_t granted, pid_t pid,
                       std::shared_ptr<Connection> connection)
        : connection_(std::move(connection)),
          id_(id),
          name_(hello.name),
          pid_(pid),
          mode_(hello.mode == CUFRAMES_MODE_STRICT ? CUFRAMES_MODE_STRICT : CUFRAMES_MODE_NEWEST),
          granted_(granted),
          copies_(hello.frames.copies) {
        forget_wait();
    }

    /// Sends what it lacks of the generation, if it has taken up what it was sent before: else it lies unread, and it will
    /// ask. `position`: where it is to begin. Only what Sent::yes does not say is left: after a shortage call again, after
    /// the others hang up.
    Sent serve(const RingGeneration& generation, uint64_t position);
    /// It asks for more of the generation with this epoch, or for the next one.
    void hear(const Need& need) { asked_ = asked_ || need.epoch == epoch_; }
    /// Whether serve() has to be called again, as something was short.
    bool owed(const RingGeneration& generation) const {
        return !leaving_ && ready() &&
               (epoch_ != generation.epoch() || (asked_ && chunks_ < generation.store().chunks()));
    }
    /// Answers a Want.
    Sent answer(const RingGeneration* generation);

    /// Whether it will never see the frames of the generation if there is another one now.
    bool answer_owed() const { return answer_owed_; }
    bool behind(const RingGeneration& generation) const { return epoch_ != generation.epoch(); }

    /// More leases, and more frames to be kept for it.
    void grant(uint32_t leases, uint32_t frames) {
        granted_ = std::max(granted_, leases);
        frames_ = std::max(frames_, frames);
    }

    bool leases(uint32_t slot, const RingGeneration& generation) const {
        const LeasePage* words = epoch_ == generation.epoch() ? lease_page() : nullptr;
        for (uint32_t i = 0; words && i < granted_ + copies_; ++i) {
            if (ring::leased_slot(words->leases[i], generation.slot_count()) == slot) {
                return true;
            }
        }
        return false;
    }

    /// Whether a frame must not be overwritten for this subscriber's sake, under CUFRAMES_POLICY_WAIT.
    bool needs(uint64_t sequence) const { return needs_at(sequence, position()); }

    /// Whether overwriting a frame takes it from this subscriber before it came to it.
    bool misses(uint64_t sequence) const { return misses_at(sequence, position()); }

    using Time = std::chrono::steady_clock::time_point;

    /// The publisher begins to wait for readers, or has done so: nobody has been waited for yet. Taking frames frees none of
    /// their slots for as long as the reader holds them all, but ever more would not be honest; `more` if there are more than
    /// those it may hold.
    void forget_wait(uint32_t more = 0) { wait_ = {.moves_left = granted_ + copies_ + 1 + more}; }

    /// The publisher waits for a slot, and that of the frame `sequence` could be had if this reader did not need it: since
    /// when it has been waited for without taking a frame. Empty: it is not in the way.
    std::optional<Time> waited_for_since(uint64_t sequence, Time now) {
        const uint64_t at = position();
        if (!needs_at(sequence, at)) {
            return {};
        }
        if (at != wait_.position && wait_.moves_left > 0) {
            wait_.since = now;
            wait_.moves_left -= 1;
        }
        wait_.position = at;
        return wait_.since;
    }

    /// It was waited for in vain, and is not waited for again in this wait, nor before it takes a frame.
    void give_up() {
        given_up_at_ = wait_.position;
        wait_.given_up = true;
    }

    /// Once for each sleep: one more would only lie in its socket.
    void wake_if_sleeping() {
        const uint32_t sleep = page() ? page()->sleeping.load(std::memory_order_relaxed) : 0;
        if (sleep != 0 && sleep != woken_from_) {
            woken_from_ = sleep;
            connection_->send(Wake{}); // A full queue: it has not read what woke it before.
        }
    }
    const Connection& connection() const { return *connection_; }

    /// It detached but holds frames: their leases count, it does not.
    void leave() { leaving_ = true; }

    cuframes_subscriber_info info(uint64_t last_sequence) const;
    uint64_t id() const { return id_; }
    uint32_t granted() const { return granted_; }
    /// Leases on top, each for the time of a copy.
    uint32_t copies() const { return copies_; }
    /// Newest frames to be kept on its behalf, whatever is leased of older ones.
    uint32_t frames() const { return frames_; }
    bool leaving() const { return leaving_; }
    bool strict() const { return mode_ == CUFRAMES_MODE_STRICT; }

private:
    /// Of the wait that the publisher is in.
    struct Wait {
        uint64_t position = UINT64_MAX; ///< Of the reader, when it was last found in the way.
        Time since = {};                ///< When it had come there.
        uint32_t moves_left = 0;
        bool given_up = false;
    };

    bool misses_at(uint64_t sequence, uint64_t position) const {
        return mode_ == CUFRAMES_MODE_STRICT && !leaving_ && page() && sequence > position;
    }
    bool needs_at(uint64_t sequence, uint64_t position) const {
        return misses_at(sequence, position) && position != given_up_at_ && !wait_.given_up;
    }
    /// Of the newest frame that it took. Until it takes up the generation that it was sent it goes on in the page before.
    uint64_t position() const {
        const ReaderPage* page = ready() || !page_before_.mapping ? this->page() : page_of(page_before_);
        return page ? page->position.load(std::memory_order_acquire) : 0;
    }
    const ReaderPage* page() const { return page_of(page_); }
    static const ReaderPage* page_of(const SharedMemory& memory) {
        return reinterpret_cast<const ReaderPage*>(memory.mapping.data());
    }
    const LeasePage* lease_page() const { return reinterpret_cast<const LeasePage*>(page_.mapping.data()); }

    /// Whether it has taken up what it was sent, so that no descriptors lie in its socket. It writes this where it cannot
    /// write before.
    bool ready() const { return !page() || page()->adopted.load(std::memory_order_acquire) != 0; }
    Sent send_generation(const RingGeneration& generation, uint64_t position);
    Sent send_chunks(const RingGeneration& generation);

    std::shared_ptr<Connection> connection_;
    SharedMemory page_;        ///< Of the generation sent last; empty before the first.
    SharedMemory page_before_; ///< Of the one before that.
    uint64_t epoch_ = 0;       ///< Of that generation.
    uint32_t chunks_ = 0;      ///< Of that generation that were sent.
    bool asked_ = false;       ///< For the chunks that are missing.
    bool answer_owed_ = false;
    uint32_t woken_from_ = 0; ///< The value of ReaderPage.sleeping that it was woken for.
    uint64_t id_;
    std::string name_;
    pid_t pid_;
    cuframes_mode mode_;
    uint32_t granted_;
    uint32_t copies_;
    uint32_t frames_ = 0;
    uint64_t given_up_at_ = UINT64_MAX;
    Wait wait_;
    bool leaving_ = false;
};

} // namespace cuframes::core
