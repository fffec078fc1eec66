// SPDX-License-Identifier: LGPL-2.1-or-later
/// Those who connected and have yet to say who they are.
#include "base/log.h"
#include "publisher/service.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>

namespace cuframes::core {

namespace {

using std::chrono::milliseconds;

/// Peers that connected and have yet to say hello: with more the longest silent goes, so that they cannot use up
/// descriptors, nor keep others out.
constexpr size_t max_strangers = 64;

constexpr int accepts_in_a_round = 16;

} // namespace

void Service::accept_some() {
    for (int i = 0; i < accepts_in_a_round && !stopping_.load(); ++i) {
        UniqueFd socket(::accept4(reception_.listening_fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (socket) {
            shortage_told_ = false;
            greet(std::move(socket));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) {
            continue;
        }
        if (errno != EAGAIN) {
            // Whoever waits there stays, and the socket stays readable.
            accept_from_ = Clock::now() + pause_of_shortage;
            rlimit limit = {};
            ::getrlimit(RLIMIT_NOFILE, &limit);
            const Error error = system_error(text("accept a reader of \"", reception_.key(), "\" (ulimit -n is ",
                                                  limit.rlim_cur, "), trying again"));
            if (!std::exchange(shortage_told_, true)) {
                log(CUFRAMES_LOG_WARNING, error.message);
            }
        }
        return;
    }
}

void Service::greet(UniqueFd socket) {
    Peer peer;
    peer.since = Clock::now();
    peer.pidfd = peer_pidfd(socket.get());
    peer.who = peer_credentials(socket.get());
    const bool admitted = reception_.access().admits(socket.get());
    peer.connection = std::make_shared<Connection>(std::move(socket));
    if (!admitted) {
        refuse(peer, {},
               {CUFRAMES_ERROR_ACCESS_DENIED,
                text("the publisher of \"", reception_.key(), "\" has access=", reception_.access().name(),
                     ", which does not admit uid ", peer.who.uid, "; start it with access=group:NAME or access=all")});
        return;
    }
    make_room_for_a_stranger();
    // Most have said hello by now, and are strangers to nobody.
    const Fate fate = hear(peer);
    peers_.push_back(std::move(peer));
    if (fate != Fate::stays) {
        remove(peers_.size() - 1, fate);
    }
}

/// The longest silent of the user that has the most of them goes: nobody can keep other users out.
void Service::make_room_for_a_stranger() {
    std::map<uid_t, size_t> of_user;
    size_t all = 0;
    for (const Peer& peer : peers_) {
        if (!peer.member) {
            of_user[peer.who.uid] += 1;
            all += 1;
        }
    }
    if (all < max_strangers) {
        return;
    }
    const uid_t most = std::max_element(of_user.begin(), of_user.end(), [](const auto& a, const auto& b) {
                           return a.second < b.second;
                       })->first;
    const auto oldest = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& peer) {
        return !peer.member && peer.who.uid == most; // They are in the order in which they came.
    });
    log(CUFRAMES_LOG_INFO, text(all, " processes connected to \"", reception_.key(),
                                "\" and said nothing yet; the first of uid ", most, " was closed"));
    remove(static_cast<size_t>(oldest - peers_.begin()), Fate::misbehaved);
}

void Service::remove_silent_strangers() {
    const auto now = Clock::now();
    for (size_t i = peers_.size(); i-- > 0;) {
        const Peer& peer = peers_[i];
        if (!peer.member && !peer.hello && now >= peer.since + time_for_hello) {
            log(CUFRAMES_LOG_INFO,
                text("a process (pid ", peer.who.pid, ", uid ", peer.who.uid, ") connected to \"", reception_.key(),
                     "\" and said nothing for ", time_for_hello.count(), " ms; closed"));
            remove(i, Fate::misbehaved);
        }
    }
}

} // namespace cuframes::core
