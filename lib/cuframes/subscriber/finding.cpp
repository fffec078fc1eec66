// SPDX-License-Identifier: LGPL-2.1-or-later
/// How a subscriber finds its publisher, and leaves it.
#include "base/log.h"
#include "base/utf8.h"
#include "ipc/boot_id.h"
#include "ipc/peer.h"
#include "subscriber/connector.h"

#include <algorithm>

namespace cuframes::core {

using std::chrono::milliseconds;

bool Connector::may_connect() const {
    return (look_for_socket_ || not_before_ != Clock::time_point{}) && Clock::now() >= not_before_;
}

Result<Connection> Connector::connect_or_watch() {
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

Result<> Connector::connect() {
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
            tell_of_wait(connection.error().message);
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
    return join(std::move(*connection), socket);
}

Result<> Connector::join(Connection connection, const std::optional<FileIdentity>& socket) {
    auto boot = boot_id();
    if (!boot) {
        return fail_attach(boot.error());
    }
    Hello hello = {};
    hello.version = protocol_version;
    hello.contents = bit_of(content_.kind());
    hello.mode = options_.mode;
    hello.boot_id = *boot;
    copy_text(hello.name, options_.name);
    content_.ask(hello);
    if (connection.send(hello) != Sent::yes) {
        look_for_socket_ = true; // It went away between the two calls, or something is short.
        try_again_in(milliseconds(10));
        return {};
    }
    link_ = std::make_shared<Link>();
    link_->connection = std::move(connection);
    link_->pidfd = peer_pidfd(link_->connection.fd());
    link_->publisher_pid = peer_credentials(link_->connection.fd()).pid;
    link_->poke = poke_;
    link_->socket = socket;
    retry_->fire_in(PublisherWatch::look_interval);
    enter(Phase::joining);
    auto added = poller_.add(link_->connection.fd(), Poller::Source::messages);
    if (added && link_->pidfd) {
        added = poller_.add(link_->pidfd.get(), Poller::Source::publisher_exit);
    }
    if (!added) {
        enter(Phase::waiting); // It would never be heard.
        return fail_attach(added.error());
    }
    return {};
}

/// Once for each search.
void Connector::tell_of_wait(const std::string& why) {
    if (!std::exchange(wait_told_, true)) {
        log(CUFRAMES_LOG_DEBUG, text("\"", options_.name, "\" waits for a publisher of \"", options_.key, "\": ", why));
    }
}

/// Reports why attaching failed; the next attempt waits a little longer each time.
Result<> Connector::fail_attach(const Error& error) {
    constexpr milliseconds shortest(100);
    constexpr milliseconds longest(2000);
    backoff_ = std::clamp(backoff_ * 2, shortest, longest);
    try_again_in(backoff_);
    if (!watch_.on()) {
        watch_.begin(poller_); // A publisher that comes sooner ends the pause, where it can be watched for.
    }
    return error;
}

void Connector::try_again_in(milliseconds delay) {
    not_before_ = Clock::now() + delay;
    retry_->fire_in(delay);
}

/// In the usual directories the publisher may have come to another one than last time.
void Connector::look_into_directory() {
    if (!options_.directory.empty()) {
        return;
    }
    if (const std::string found = directory_to_read(options_.key); found != directory_) {
        directory_ = found;
        watch_.move_to(directory_, poller_);
    }
}

/// While the publisher has not answered: whether its socket is still the one that we are connected to. A child that it
/// forked can hold the socket of a dead one open, and will never answer, though its successor is there.
void Connector::leave_if_replaced() {
    if (phase_ != Phase::joining) {
        return;
    }
    if (FileIdentity::of(socket_path(directory_, options_.key)) == link_->socket) {
        retry_->fire_in(PublisherWatch::look_interval);
        return;
    }
    enter(Phase::waiting);
    not_before_ = {};
}

/// Of the publisher, its generations and whatever was asked of it.
void Connector::let_go() {
    if (link_) {
        poller_.remove(link_->connection.fd());
        poller_.remove(link_->pidfd.get());
    }
    announced_.reset();
    answer_expected_ = needs_ = passed_over_ = waits_ = false;
    received_epoch_ = missed_between_ = 0;
    sleeps_unheard_ = 0;
    look_for_socket_ = true;
    content_.leave();
    generation_.reset();
    link_.reset();
}

} // namespace cuframes::core
