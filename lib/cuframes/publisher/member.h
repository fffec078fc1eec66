// SPDX-License-Identifier: LGPL-2.1-or-later
/// One attached subscriber, as its publisher has it. All calls are under the membership's mutex.
#pragma once

#include "ipc/peer.h"
#include "ipc/seqpacket.h"
#include "ipc/shared_memory.h"
#include "publisher/content.h"
#include "ring/handshake.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace cuframes::core {

class Member {
public:
    Member(uint64_t id, const Hello& hello, std::unique_ptr<Share> share, pid_t pid,
           std::shared_ptr<Connection> connection)
        : connection_(std::move(connection)),
          id_(id),
          name_(hello.name),
          pid_(pid),
          mode_(hello.mode == CUFRAMES_MODE_STRICT ? CUFRAMES_MODE_STRICT : CUFRAMES_MODE_NEWEST),
          share_(std::move(share)) {}

    /// Sends what it lacks of the generation, if it has taken up what it was sent before: else it lies unread, and it will
    /// ask. `position`: where it is to begin. Only what Sent::yes does not say is left: after a shortage call again, after
    /// the others hang up.
    Sent serve(const ContentGeneration& generation, uint64_t position);
    /// It asks for more of the generation with this epoch, or for the next one.
    void hear(const Need& need) { asked_ = asked_ || need.epoch == epoch_; }
    /// What the last serve() was short of, where that is known better than by its result; empty: it is not.
    const std::string& shortage() const { return shortage_; }
    /// Whether serve() has to be called again, as something was short.
    bool owed(const ContentGeneration& generation) const {
        return !leaving_ && ready() && (epoch_ != generation.epoch() || (asked_ && parts_ < generation.parts()));
    }
    /// Whether it will never see the items of the generation if there is another one now.
    bool behind(const ContentGeneration& generation) const { return epoch_ != generation.epoch(); }

    /// What the content gave it.
    template <class OfContent>
    OfContent& share() const {
        return static_cast<OfContent&>(*share_);
    }
    const Share& share() const { return *share_; }

    /// The page that it was sent last, which begins with ReaderPage; NULL: none yet. Written by the subscriber.
    const ReaderPage* page() const { return page_of(page_); }
    /// The same, if it is that of this generation.
    const ReaderPage* page(const ContentGeneration& generation) const {
        return epoch_ == generation.epoch() ? page() : nullptr;
    }

    /// Whether an item must not be overwritten for this subscriber's sake, under CUFRAMES_POLICY_WAIT.
    bool needs(uint64_t sequence) const { return needs_at(sequence, position()); }

    /// Whether overwriting an item takes it from this subscriber before it came to it.
    bool misses(uint64_t sequence) const { return misses_at(sequence, position()); }

    using Time = std::chrono::steady_clock::time_point;

    /// The publisher begins to wait for readers, or has done so: nobody has been waited for yet. Taking items makes no
    /// room for as long as the reader holds them all, but ever more than `patience` would not be honest.
    void forget_wait(uint32_t patience) { wait_ = {.moves_left = patience}; }

    /// The publisher waits for room, and that of the item `sequence` could be had if this reader did not need it: since
    /// when it has been waited for without taking an item. Empty: it is not in the way.
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

    /// It was waited for in vain, and is not waited for again in this wait, nor before it takes an item.
    void give_up() {
        given_up_at_ = wait_.position;
        wait_.given_up = true;
    }

    /// Once for each sleep: one more would only lie in its socket.
    void wake_if_sleeping() {
        const uint32_t sleep = page() ? ring::sleep_of(page()->sleeping) : 0;
        if (sleep != 0 && sleep != woken_from_) {
            woken_from_ = sleep;
            connection_->send(Wake{}); // A full queue: it has not read what woke it before.
        }
    }
    const Connection& connection() const { return *connection_; }

    /// It detached but holds items: those count, it does not.
    void leave() { leaving_ = true; }

    cuframes_subscriber_info info(uint64_t last_sequence) const;
    bool leaving() const { return leaving_; }

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
    /// Of the newest item that it took. Until it takes up the generation that it was sent it goes on in the page before.
    uint64_t position() const {
        const ReaderPage* page = ready() || !page_before_.mapping ? this->page() : page_of(page_before_);
        return page ? page->position.load(std::memory_order_acquire) : 0;
    }
    static const ReaderPage* page_of(const SharedMemory& memory) {
        return reinterpret_cast<const ReaderPage*>(memory.mapping.data());
    }

    /// Whether it has taken up what it was sent, so that no descriptors lie in its socket. It writes this where it cannot
    /// write before.
    bool ready() const { return !page() || page()->adopted.load(std::memory_order_acquire) != 0; }
    Sent send_generation(const ContentGeneration& generation, uint64_t position);
    Sent send_parts(const ContentGeneration& generation);

    std::shared_ptr<Connection> connection_;
    SharedMemory page_;        ///< Of the generation sent last; empty before the first.
    SharedMemory page_before_; ///< Of the one before that.
    uint64_t epoch_ = 0;       ///< Of that generation.
    uint32_t parts_ = 0;       ///< Of that generation that were sent.
    bool asked_ = false;       ///< For the parts that are missing.
    std::string shortage_;
    uint32_t woken_from_ = 0; ///< The value of ReaderPage.sleeping that it was woken for.
    uint64_t id_;
    std::string name_;
    pid_t pid_;
    cuframes_mode mode_;
    std::unique_ptr<Share> share_;
    uint64_t given_up_at_ = UINT64_MAX;
    Wait wait_;
    bool leaving_ = false;
};

} // namespace cuframes::core
