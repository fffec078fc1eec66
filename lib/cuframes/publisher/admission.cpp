// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * Who may attach to a publisher, and what becomes of it: the service thread's side of Publisher.
 */
#include <algorithm>

#include "ipc/boot_id.h"
#include "publisher/publisher.h"

namespace cuframes {

namespace {

/** Slots that no reader may hold: the newest frame's, and the one being written. */
constexpr uint32_t reserved_slots = 2;

Result<> check_hello(const Hello& hello) {
    if (hello.boot_id != boot_id()) {
        return Error{CUFRAMES_ERROR_PROTOCOL,
                     "the subscriber runs on another host (its boot id differs); shared memory "
                     "does not reach there"};
    }
    if (hello.max_held < 1 || hello.max_held > CUFRAMES_MAX_HELD || hello.mode > CUFRAMES_MODE_STRICT) {
        return Error{CUFRAMES_ERROR_PROTOCOL,
                     text("max_held ", hello.max_held, " or mode ", hello.mode, " is out of range")};
    }
    return {};
}

} // namespace

Result<> Publisher::check_room(const Hello& hello) const {
    if (members_.size() >= options_.max_subscribers) {
        return Error{CUFRAMES_ERROR_TOO_MANY_SUBSCRIBERS,
                     text("the publisher of \"", options_.key, "\" has ", members_.size(),
                          " subscribers, its max-subscribers; raise that, or stop one")};
    }
    uint32_t granted = 0;
    for (const Member& member : members_) {
        granted += member.subscriber->granted();
    }
    const uint32_t needed = reserved_slots + granted + hello.max_held;
    if (needed > options_.slots) {
        return Error{CUFRAMES_ERROR_RING_FULL,
                     text("the ring \"", options_.key, "\" has ", options_.slots,
                          " slots, and its subscribers may hold ", granted, " of them; ", hello.max_held,
                          " more need slots=", needed, " at the publisher, or ask for a smaller max-held")};
    }
    return {};
}

Result<std::shared_ptr<AttachedSubscriber>> Publisher::admit(const Hello& hello,
                                                             const std::shared_ptr<Connection>& connection) {
    if (auto sound = check_hello(hello); !sound) {
        return sound.error();
    }
    auto waker = Waker::create();
    if (!waker) {
        return waker.error();
    }
    std::lock_guard lock(mutex_);
    if (auto room = check_room(hello); !room) {
        return room.error();
    }
    auto subscriber = std::make_shared<AttachedSubscriber>(next_id_++, hello, peer_credentials(connection->fd()).pid,
                                                           std::move(*waker));
    if (!welcome(*subscriber, *connection)) {
        return Error{CUFRAMES_ERROR_PROTOCOL, "it left before it was admitted"};
    }
    members_.push_back({subscriber, connection});
    changed_.notify_all();
    return subscriber;
}

bool Publisher::welcome(AttachedSubscriber& subscriber, const Connection& connection) const {
    Welcome message = {};
    message.version = protocol_version;
    message.granted = subscriber.granted();
    message.pid = ::getpid();
    if (!connection.send(message, {subscriber.wake_fd()})) {
        return false;
    }
    if (!generation_) {
        return !ended_before_ring_ || connection.send(Ended{});
    }
    // It joins at the newest frame, so that a still picture, or a paused camera's, is seen at once.
    const Latest latest = generation_->latest();
    const uint64_t position = latest.sequence > 0 ? latest.sequence - 1 : stats_.last_sequence;
    return subscriber.send_generation(connection, *generation_, position);
}

void Publisher::announce(const std::shared_ptr<AttachedSubscriber>& subscriber) {
    cuframes_subscriber_info info = {};
    {
        std::lock_guard lock(mutex_);
        info = subscriber->info(stats_.last_sequence);
    }
    if (options_.on_added) {
        options_.on_added(&info, options_.user_data);
    }
}

void Publisher::remove(const std::shared_ptr<AttachedSubscriber>& subscriber, cuframes_leave_reason reason) {
    cuframes_subscriber_info info = {};
    {
        std::lock_guard lock(mutex_);
        info = subscriber->info(stats_.last_sequence);
        std::erase_if(members_, [&](const Member& member) { return member.subscriber == subscriber; });
        changed_.notify_all();
    }
    if (options_.on_removed) {
        options_.on_removed(&info, reason, options_.user_data);
    }
}

void Publisher::goodbye(const std::shared_ptr<AttachedSubscriber>& subscriber) {
    std::lock_guard lock(mutex_);
    subscriber->leave();
    changed_.notify_all();
}

void Publisher::progress() {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
}

} // namespace cuframes
