// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/service.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"

namespace cuframes {

namespace {

/** Peers that connected and have yet to say hello: more are turned away, so that they cannot use up descriptors. */
constexpr size_t max_strangers = 64;

Refused refusal(const Error& error) {
    Refused message = {};
    message.version = protocol_version;
    message.error = error.code;
    std::strncpy(message.message, error.message.c_str(), sizeof(message.message) - 1);
    return message;
}

bool ready(const pollfd& entry) { return entry.revents != 0; }

} // namespace

Result<std::unique_ptr<Service>> Service::start(Publisher& publisher) {
    auto stop = Waker::create();
    if (!stop) {
        return stop.error();
    }
    std::unique_ptr<Service> service(new Service(publisher, std::move(*stop)));
    // The application's signals are for its own threads.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    service->thread_ = std::thread([raw = service.get()] { raw->run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_setname_np(service->thread_.native_handle(), "cuframes-serve");
    return service;
}

Service::~Service() {
    stop_.wake();
    thread_.join();
}

void Service::run() {
    std::vector<pollfd> polled;
    for (;;) {
        polled.clear();
        polled.push_back({stop_.fd(), POLLIN, 0});
        polled.push_back({publisher_.listening_fd(), POLLIN, 0});
        for (const Peer& peer : peers_) {
            polled.push_back({peer.connection->fd(), POLLIN, 0});
            polled.push_back({peer.pidfd.get(), POLLIN, 0}); // poll() passes over -1.
        }
        if (::poll(polled.data(), polled.size(), -1) < 0) {
            continue;
        }
        if (ready(polled[0])) {
            return;
        }
        // From the back, so that what is erased does not move what is still to come.
        for (size_t i = peers_.size(); i-- > 0;) {
            Fate fate = ready(polled[2 + 2 * i]) ? hear(peers_[i]) : Fate::stays;
            if (fate == Fate::stays && ready(polled[3 + 2 * i])) {
                fate = Fate::died;
            }
            if (fate != Fate::stays) {
                bury(peers_[i], fate);
                peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
        if (ready(polled[1])) {
            accept_all();
        }
    }
}

void Service::accept_all() {
    for (;;) {
        UniqueFd socket(::accept4(publisher_.listening_fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) {
            return;
        }
        const auto strangers =
            std::count_if(peers_.begin(), peers_.end(), [](const Peer& peer) { return !peer.subscriber; });
        if (static_cast<size_t>(strangers) >= max_strangers) {
            continue;
        }
        Peer peer;
        peer.pidfd = peer_pidfd(socket.get());
        const bool admitted = publisher_.options().access.admits(socket.get());
        const uid_t uid = peer_credentials(socket.get()).uid;
        peer.connection = std::make_shared<Connection>(std::move(socket));
        if (!admitted) {
            peer.connection->send(refusal(
                {CUFRAMES_ERROR_ACCESS_DENIED, text("the publisher of \"", publisher_.options().key, "\" has access=",
                                                    publisher_.options().access.name(), ", which does not admit uid ",
                                                    uid, "; start it with access=group:NAME or access=all")}));
            continue;
        }
        peers_.push_back(std::move(peer));
    }
}

Service::Fate Service::hear(Peer& peer) {
    for (;;) {
        const Packet packet = peer.connection->receive();
        switch (packet.kind) {
        case Packet::Kind::nothing_yet:
            return Fate::stays;
        case Packet::Kind::hang_up:
            return Fate::closed;
        case Packet::Kind::malformed:
            return Fate::misbehaved;
        case Packet::Kind::message:
            if (const Fate fate = handle(peer, packet); fate != Fate::stays) {
                return fate;
            }
        }
    }
}

Service::Fate Service::handle(Peer& peer, const Packet& packet) {
    if (!peer.subscriber) {
        return handle_hello(peer, packet);
    }
    Progress progress;
    Goodbye goodbye;
    Want want;
    if (packet.as(progress, 0)) {
        publisher_.progress();
    } else if (packet.as(goodbye, 0)) {
        publisher_.goodbye(peer.subscriber);
    } else if (packet.as(want, 0)) {
        publisher_.grant(peer.subscriber, want);
    } else if (packet.type == MessageType::progress || packet.type == MessageType::goodbye ||
               packet.type == MessageType::want || packet.type == MessageType::hello) {
        return Fate::misbehaved;
    }
    return Fate::stays;
}

Service::Fate Service::handle_hello(Peer& peer, const Packet& packet) {
    uint32_t version = 0;
    if (packet.type != MessageType::hello || packet.size < sizeof(MessageHeader) + sizeof(version)) {
        return Fate::misbehaved;
    }
    std::memcpy(&version, packet.bytes.data() + sizeof(MessageHeader), sizeof(version));
    if (version != protocol_version) {
        peer.connection->send(
            refusal({CUFRAMES_ERROR_VERSION_MISMATCH,
                     text("the publisher speaks protocol version ", protocol_version, ", the subscriber ", version,
                          "; install the same cuframes on both sides")}));
        return Fate::refused;
    }
    Hello hello;
    if (!packet.as(hello, 0)) {
        return Fate::misbehaved;
    }
    hello.name[sizeof(hello.name) - 1] = 0;
    auto admitted = publisher_.admit(hello, peer.connection);
    if (!admitted) {
        peer.connection->send(refusal(admitted.error()));
        log(CUFRAMES_LOG_INFO, text("refused subscriber \"", hello.name, "\": ", admitted.error().message));
        return Fate::refused;
    }
    peer.subscriber = std::move(*admitted);
    publisher_.announce(peer.subscriber);
    return Fate::stays;
}

void Service::bury(const Peer& peer, Fate fate) {
    if (!peer.subscriber) {
        return;
    }
    // One that closes says goodbye first; a killed one cannot.
    if (fate == Fate::closed && !peer.subscriber->leaving()) {
        fate = Fate::died;
    }
    const auto reason = fate == Fate::misbehaved ? CUFRAMES_LEFT_PROTOCOL
                        : fate == Fate::died     ? CUFRAMES_LEFT_DIED
                                                 : CUFRAMES_LEFT_CLOSED;
    publisher_.remove(peer.subscriber, reason);
}

} // namespace cuframes
