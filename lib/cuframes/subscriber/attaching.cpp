// SPDX-License-Identifier: LGPL-2.1-or-later
/// How a subscriber finds its publisher and follows it: connecting, messages, generations.
#include "base/utf8.h"
#include "ipc/boot_id.h"
#include "ipc/peer.h"
#include "subscriber/subscriber.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstring>

namespace cuframes::core {

using std::chrono::milliseconds;

bool Subscriber::may_connect() const {
    return (look_for_socket_ || not_before_ != Clock::time_point{}) && Clock::now() >= not_before_;
}

Result<Connection> Subscriber::connect_or_watch() {
    const std::string path = socket_path(directory_, options_.key);
    auto connection = connect_to(path);
    // Most find their publisher at once, and need no watch.
    if (connection || connection.error().code != CUFRAMES_ERROR_PUBLISHER_GONE || watch_.on()) {
        return connection;
    }
    // Watch first, look second: a socket that appears between the two is then seen by either.
    watch_.begin(poller_);
    return connect_to(path);
}

Result<> Subscriber::connect() {
    look_for_socket_ = false;
    not_before_ = {};
    look_into_directory();
    const bool usual = options_.directory.empty();
    if (auto sound = check_directory(directory_, usual); !sound) {
        return fail_attach(sound.error());
    }
    const auto socket = FileIdentity::of(socket_path(directory_, options_.key));
    auto connection = connect_or_watch();
    if (!connection) {
        const cuframes_error code = connection.error().code;
        if (code == CUFRAMES_ERROR_PUBLISHER_GONE) {
            if (!watch_.on() || (usual && has_several_directories())) {
                watch_.tell_what_hinders();
                try_again_in(PublisherWatch::look_interval);
            }
            return {}; // The watch, or else the timer, tells when to look again.
        }
        if (code == CUFRAMES_ERROR_TIMEOUT) {
            try_again_in(milliseconds(10));
            return {};
        }
        return fail_attach(connection.error());
    }
    if (auto trusted = check_publisher(directory_, usual, peer_credentials(connection->fd())); !trusted) {
        return fail_attach(trusted.error());
    }
    auto boot = boot_id();
    if (!boot) {
        return fail_attach(boot.error());
    }
    Hello hello = {};
    hello.version = protocol_version;
    hello.contents = bit_of(ContentKind::frames);
    hello.mode = options_.read.mode;
    hello.frames.leases = leases_wanted_;
    hello.frames.least = options_.min_held;
    hello.frames.copies = options_.copies ? 1 : 0;
    hello.frames.grows = options_.grows ? 1 : 0;
    hello.boot_id = *boot;
    copy_text(hello.name, options_.name);
    if (connection->send(hello) != Sent::yes) {
        look_for_socket_ = true; // It went away between the two calls, or something is short.
        try_again_in(milliseconds(10));
        return {};
    }
    link_ = std::make_shared<Link>();
    link_->connection = std::move(*connection);
    link_->pidfd = peer_pidfd(link_->connection.fd());
    link_->publisher_pid = peer_credentials(link_->connection.fd()).pid;
    link_->poke = poke_;
    link_->socket = socket;
    retry_->fire_in(PublisherWatch::look_interval);
    poller_.add(link_->connection.fd(), Poller::Source::messages);
    if (link_->pidfd) {
        poller_.add(link_->pidfd.get(), Poller::Source::publisher_exit);
    }
    return {};
}

/// Reports why attaching failed; the next attempt waits a little longer each time.
Result<> Subscriber::fail_attach(const Error& error) {
    constexpr milliseconds shortest(100);
    constexpr milliseconds longest(2000);
    backoff_ = std::clamp(backoff_ * 2, shortest, longest);
    try_again_in(backoff_);
    if (!watch_.on()) {
        watch_.begin(poller_); // A publisher that comes sooner ends the pause, where it can be watched for.
    }
    return error;
}

void Subscriber::try_again_in(milliseconds delay) {
    not_before_ = Clock::now() + delay;
    retry_->fire_in(delay);
}

/// In the usual directories the publisher may have come to another one than last time.
void Subscriber::look_into_directory() {
    if (!options_.directory.empty()) {
        return;
    }
    if (const std::string found = directory_to_read(options_.key); found != directory_) {
        directory_ = found;
        watch_.move_to(directory_, poller_);
    }
}

/// While the publisher has not answered: whether its socket is still the one that we are connected to. A child that it forked
/// can hold the socket of a dead one open, and will never answer, though its successor is there.
void Subscriber::leave_if_replaced() {
    if (!link_ || link_->welcomed) {
        return;
    }
    if (FileIdentity::of(socket_path(directory_, options_.key)) == link_->socket) {
        retry_->fire_in(PublisherWatch::look_interval);
        return;
    }
    drop_link();
    not_before_ = {};
}

void Subscriber::drop_link() {
    if (link_) {
        poller_.remove(link_->connection.fd());
        poller_.remove(link_->pidfd.get());
    }
    announced_.reset();
    asked_ = needs_ = passed_over_ = waits_for_lease_ = false;
    received_epoch_ = missed_between_rings_ = 0;
    sleeps_unheard_ = 0;
    frames_wanted_ = 0;
    ask_again_ = {};
    ring_.reset();
    link_.reset();
    look_for_socket_ = true;
    std::lock_guard lock(mutex_);
    shared_link_.reset();
    shared_ring_.reset();
}

/// Takes what has come, so much of it that a publisher gone mad does not keep us here. True: there may be more.
bool Subscriber::hear() {
    if (!link_ || link_->dead) {
        return false;
    }
    sleeps_unheard_ = 0;
    const auto packets = inbox_.receive(link_->connection);
    for (Packet& packet : packets) {
        switch (packet.kind) {
        case Packet::Kind::nothing_yet:
            return false;
        case Packet::Kind::message:
            handle(packet);
            break;
        case Packet::Kind::out_of_descriptors:
            attach_error_ = out_of_descriptors();
            break;
        case Packet::Kind::malformed:
            attach_error_ = Error{CUFRAMES_ERROR_PROTOCOL,
                                  text("the publisher of \"", options_.key, "\" sent a malformed message")};
            break;
        case Packet::Kind::hang_up:
            lose_publisher();
            return false;
        }
        if (attach_error_) {
            return false;
        }
    }
    const bool more = packets.size() == Inbox::room;
    inbox_.clear();
    if (more) {
        poller_.tell_again(link_->connection.fd(), Poller::Source::messages);
    }
    return more;
}

/// It is gone. What it left is still read.
void Subscriber::lose_publisher() {
    link_->dead = true;
    poller_.remove(link_->connection.fd());
    poller_.remove(link_->pidfd.get());
}

Error Subscriber::out_of_descriptors() const {
    rlimit limit = {};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return {CUFRAMES_ERROR_SYSTEM, text("this process is out of file descriptors (ulimit -n is ", limit.rlim_cur,
                                        "): it cannot take those of the ring \"", options_.key, "\"")};
}

void Subscriber::handle(Packet& packet) {
    switch (packet.type) {
    case MessageType::welcome:
        handle_welcome(packet);
        break;
    case MessageType::refused:
        handle_refused(packet);
        break;
    case MessageType::generation:
        handle_generation(packet);
        break;
    case MessageType::chunk:
        handle_chunk(packet);
        break;
    case MessageType::granted:
        handle_granted(packet);
        break;
    case MessageType::ended:
        handle_ended(packet);
        break;
    default:
        break; // Of a later version: to be ignored.
    }
}

void Subscriber::handle_welcome(const Packet& packet) {
    Welcome welcome;
    const bool whole = packet.as(welcome, 0);
    if (whole && welcome.version != protocol_version) {
        attach_error_ = Error{CUFRAMES_ERROR_VERSION_MISMATCH,
                              text("the publisher of \"", options_.key, "\" speaks protocol version ", welcome.version,
                                   ", this library ", protocol_version, "; install the same cuframes on both sides")};
        return;
    }
    if (!whole || welcome.content != static_cast<uint32_t>(ContentKind::frames) || welcome.granted < 1 ||
        welcome.granted > CUFRAMES_MAX_HELD || link_->welcomed) {
        attach_error_ =
            Error{CUFRAMES_ERROR_PROTOCOL, text("the publisher of \"", options_.key, "\" sent a damaged welcome")};
        return;
    }
    link_->welcomed = true;
    link_->granted = welcome.granted;
    link_->copies = options_.copies ? 1 : 0;
    link_->ends = link_->ends_told = welcome.ends;
    if (link_->publisher_pid == 0) {
        link_->publisher_pid = welcome.pid;
    }
    if (watch_.pause()) {
        retry_->fire_in(PublisherWatch::lingers); // Not now, when a frame is waited for.
    } else {
        retry_->stop();
    }
    {
        std::lock_guard lock(mutex_);
        stats_.max_held = welcome.granted;
        stats_.reconnects += ever_attached_ ? 1 : 0;
        shared_link_ = link_;
    }
    ever_attached_ = true;
    end_reported_ = false;
    first_from_publisher_ = true;
    backoff_ = milliseconds(0);
    set_state(CUFRAMES_STATE_ATTACHED, 0);
}

void Subscriber::handle_generation(Packet& packet) {
    Generation generation;
    if (!link_->welcomed || announced_ || !packet.as(generation, 3)) {
        attach_error_ = Error{CUFRAMES_ERROR_PROTOCOL, text("the publisher of \"", options_.key,
                                                            "\" sent a damaged generation, or one out of turn")};
        return;
    }
    received_epoch_ = generation.epoch;
    needs_ = passed_over_ = false;
    announced_.emplace(Announcement{std::move(packet), {}});
}

/// Memory of the generation that was announced last.
void Subscriber::handle_chunk(Packet& packet) {
    needs_ = false;
    if (announced_ && announced_->chunks.size() < CUFRAMES_MAX_SLOTS) {
        announced_->chunks.push_back(std::move(packet));
    } else if (ring_ && !announced_ && !passed_over_) {
        if (auto added = ring_->add_chunk(packet); !added) {
            attach_error_ = added.error();
        }
    }
}

void Subscriber::handle_granted(const Packet& packet) {
    Granted granted;
    if (!packet.as(granted, 0) || granted.leases < link_->granted || granted.leases > CUFRAMES_MAX_HELD) {
        attach_error_ =
            Error{CUFRAMES_ERROR_PROTOCOL, text("the publisher of \"", options_.key, "\" sent a damaged grant")};
        return;
    }
    asked_ = false;
    if (granted.leases < leases_wanted_) {
        constexpr milliseconds pause(1000); // Others may have left by then.
        ask_again_ = Clock::now() + pause;
    }
    link_->granted = granted.leases;
    std::lock_guard lock(mutex_);
    stats_.max_held = granted.leases;
}

void Subscriber::handle_ended(const Packet& packet) {
    Ended ended;
    if (!packet.as(ended, 0) || !link_->welcomed) {
        attach_error_ =
            Error{CUFRAMES_ERROR_PROTOCOL, text("the publisher of \"", options_.key, "\" sent a damaged end")};
        return;
    }
    link_->ends = ended.ends;
}

void Subscriber::handle_refused(const Packet& packet) {
    Refused refused;
    if (!packet.as(refused, 0) || refused.error >= 0) {
        attach_error_ =
            Error{CUFRAMES_ERROR_PROTOCOL, text("the publisher of \"", options_.key, "\" sent a damaged refusal")};
        return;
    }
    copy_text(refused.message, std::string(refused.message, ::strnlen(refused.message, sizeof(refused.message))));
    attach_error_ = Error{static_cast<cuframes_error>(refused.error),
                          text("refused by the publisher (pid ", link_->publisher_pid, "): ", refused.message)};
}

Result<> Subscriber::adopt_next_ring() {
    const Announcement announced = std::move(*announced_);
    announced_.reset();
    if (options_.read.mode == CUFRAMES_MODE_NEWEST && AttachedRing::is_superseded(announced.generation)) {
        passed_over_ = true;
        auto passed = AttachedRing::pass_over(announced.generation);
        ask_for_more();
        return passed;
    }
    auto opened = AttachedRing::open(link_, announced.generation, options_.read);
    if (!opened) {
        return opened.error();
    }
    for (const Packet& chunk : announced.chunks) {
        if (auto added = (*opened)->add_chunk(chunk); !added) {
            return added;
        }
    }
    if (ring_) {
        const uint64_t missed = ring_->pass_to((*opened)->description().control.first_sequence - 1);
        missed_between_rings_ += missed;
        count(missed, false);
    }
    ring_ = std::move(*opened);
    count(0, false);
    {
        std::lock_guard lock(mutex_);
        for (void* context : cuda_contexts_) {
            ring_->frames().add_context(context);
        }
        shared_ring_ = ring_;
    }
    set_state(CUFRAMES_STATE_ATTACHED, ring_->description().control.epoch);
    return {};
}

} // namespace cuframes::core
