// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "agent.h"
#include "answers.h"
#include "picture.h"

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace cuframes::test {

/// The frame taken last, by any verb: what the next one must follow from.
struct Position {
    bool any = false;
    uint64_t sequence = 0, incarnation = 0, epoch = 0;
};

/// Adds up the frames of one verb.
struct Tally {
    uint64_t received = 0, missed = 0, discontinuities = 0, publishers = 0, generations = 0;
    uint64_t first = 0, last = 0, metadata = 0;

    /// Takes one more frame in; throws when its numbers do not follow from the one before.
    void add(const cuframes_frame_view& view, uint64_t number, Position& position);
    Message& report(Message& reply) const;
};

/// The child as subscriber: takes frames, holds them, and checks their pixels before it lets go.
class SubscriberRole {
public:
    SubscriberRole() = default;
    SubscriberRole(const SubscriberRole&) = delete;
    SubscriberRole& operator=(const SubscriberRole&) = delete;
    ~SubscriberRole();

    void add_verbs(Verbs& verbs);
    /// From any thread.
    void interrupt(bool on);

    cuframes_subscriber* handle() const { return subscriber_.load(); }
    cuframes_frame* oldest_frame() const { return held_.empty() ? nullptr : held_.front().frame; }
    /// Destroys the subscriber; frames that others hold stay theirs.
    void close();
    /// Ends the hold on the oldest frame; while no other verb touches the held ones.
    void release_oldest() { let_go(held_.size() - 1); }

private:
    struct Held {
        cuframes_frame* frame;
        uint64_t number;
    };

    Message create(const Message& request);
    Message next(const Message& request);
    Message read(const Message& request);
    Message check(const Message& request);
    Message release(const Message& request);
    Message stats(const Message& request);
    Message states(const Message& request);
    Message poll(const Message& request);
    Message destroy(const Message& request);
    Message cycle(const Message& request);

    /// Reads the number that the frame carries at head and tail of every plane; throws if it carries none or a wrong
    /// one, or if what travelled with it does not match.
    uint64_t examine(const cuframes_frame* frame);
    void check_every_pixel(const Held& held);
    Picture& picture_of(const cuframes_frame* frame);
    /// Holds the frame, examines it and counts it; it stays held when that throws.
    void take(cuframes_frame* frame, Tally& tally);
    void let_go(size_t keep);

    static void state_changed(cuframes_subscriber_state state, uint64_t epoch, int32_t pid, void* self);

    std::atomic<cuframes_subscriber*> subscriber_ = nullptr;
    std::deque<Held> held_;
    Position position_;
    std::optional<Picture> picture_;
    bool in_place_ = false;
    States states_;
    int32_t last_pid_ = 0;
};

} // namespace cuframes::test
