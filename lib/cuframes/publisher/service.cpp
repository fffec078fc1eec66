// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/service.h"

#include "base/log.h"
#include "base/thread.h"
#include "base/utf8.h"

#include <algorithm>
#include <cstring>

namespace cuframes::core {

namespace {

using std::chrono::milliseconds;

bool ready(const pollfd& entry) { return entry.revents != 0; }

} // namespace

Result<std::unique_ptr<Service>> Service::start(Reception& reception) {
    auto waker = Waker::create();
    if (!waker) {
        return waker.error();
    }
    std::unique_ptr<Service> service(new Service(reception, std::move(*waker)));
    auto thread = start_thread("cuframes-serve", [raw = service.get()] { raw->run(); });
    if (!thread) {
        return thread.error();
    }
    service->thread_ = std::move(*thread);
    return service;
}

Service::~Service() {
    stopping_.store(true);
    waker_.wake();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Service::look_again() { waker_.wake(); }

void Service::run() {
    while (!stopping_.load()) {
        await_events();
        if (ready(polled_[0])) {
            waker_.clear();
        }
        // From the back, so that what is removed does not move what is still to come.
        for (size_t i = peers_.size(); i-- > 0 && !stopping_.load();) {
            Fate fate = ready(polled_[2 + 2 * i]) ? hear(peers_[i]) : Fate::stays;
            if (fate == Fate::stays && ready(polled_[3 + 2 * i])) {
                fate = Fate::died;
            }
            if (fate != Fate::stays) {
                remove(i, fate);
            }
        }
        if (ready(polled_[1])) {
            accept_some();
        }
        settle();
    }
}

void Service::await_events() {
    const bool may_accept = Clock::now() >= accept_from_;
    polled_.clear();
    polled_.push_back({waker_.fd(), POLLIN, 0});
    polled_.push_back({may_accept ? reception_.listening_fd() : -1, POLLIN, 0}); // poll() passes over -1.
    for (const Peer& peer : peers_) {
        polled_.push_back({peer.connection->fd(), POLLIN, 0});
        polled_.push_back({peer.pidfd.get(), POLLIN, 0});
    }
    int timeout = -1;
    if (const auto until = next_deadline()) {
        timeout =
            static_cast<int>(std::max<int64_t>(0, std::chrono::ceil<milliseconds>(*until - Clock::now()).count()));
    }
    if (::poll(polled_.data(), polled_.size(), timeout) < 0) {
        for (pollfd& entry : polled_) {
            entry.revents = 0;
        }
        if (errno != EINTR) {
            poll_singly();
        }
    }
}

/// poll() refuses a set larger than what the process may have open, whose limit may have fallen, and fails without memory:
/// then, after a pause, one by one.
void Service::poll_singly() {
    ::poll(polled_.data(), 1, static_cast<int>(pause_of_shortage.count()));
    for (pollfd& entry : polled_) {
        ::poll(&entry, 1, 0);
    }
}

std::optional<Service::Clock::time_point> Service::next_deadline() const {
    std::optional<Clock::time_point> next;
    const auto sooner = [&next](Clock::time_point other) { next = next ? std::min(*next, other) : other; };
    const auto now = Clock::now();
    if (reception_.owes()) {
        sooner(now + pause_of_shortage);
    }
    if (now < accept_from_) {
        sooner(accept_from_);
    }
    if (chores_at_) {
        sooner(*chores_at_);
    }
    for (const Peer& peer : peers_) {
        if (peer.hello) {
            if (reception_.is_open()) {
                sooner(now + pause_of_shortage);
            }
        } else if (!peer.member) {
            sooner(peer.since + time_for_hello);
        }
    }
    return next;
}

/// What no event tells.
void Service::settle() {
    if (reception_.owes()) {
        reception_.serve();
    }
    for (size_t i = peers_.size(); i-- > 0 && reception_.is_open();) {
        if (peers_[i].hello) {
            if (const Fate fate = admit(peers_[i]); fate != Fate::stays) {
                remove(i, fate);
            }
        }
    }
    remove_silent_strangers();
    do_chores_in_a_moment();
}

void Service::do_chores_in_a_moment() {
    if (!reception_.has_chores()) {
        return;
    }
    if (!chores_at_) {
        chores_at_ = Clock::now() + pause_before_chores;
    } else if (Clock::now() >= *chores_at_) {
        chores_at_.reset();
        reception_.do_chores();
    }
}

Service::Fate Service::hear(Peer& peer) {
    bool progress = false;
    Fate fate = Fate::stays;
    for (const Datagram& datagram : inbox_.receive(*peer.connection)) {
        if (datagram.kind == Datagram::Kind::nothing_yet) {
            break;
        }
        if (datagram.kind == Datagram::Kind::hang_up) {
            fate = Fate::closed;
            break;
        }
        Progress moved;
        if (peer.member && datagram.as(moved, 0)) {
            progress = true; // One look at everything serves for all of them.
            continue;
        }
        fate = datagram.kind == Datagram::Kind::message ? handle(peer, datagram) : Fate::misbehaved;
        if (fate != Fate::stays) {
            break;
        }
    }
    inbox_.clear();
    if (progress) {
        reception_.progress();
    }
    return fate;
}

Service::Fate Service::handle(Peer& peer, const Datagram& datagram) {
    if (!peer.member) {
        return handle_first(peer, datagram);
    }
    Goodbye goodbye;
    Need need;
    if (datagram.as(goodbye, 0)) {
        reception_.goodbye(peer.member);
    } else if (datagram.as(need, 0)) {
        reception_.supply(peer.member, need);
    } else if (datagram.type == MessageType::progress || datagram.type == MessageType::goodbye ||
               datagram.type == MessageType::need || datagram.type == MessageType::hello) {
        return Fate::misbehaved;
    } else {
        return reception_.hear(peer.member, datagram) ? Fate::stays : Fate::misbehaved;
    }
    return Fate::stays;
}

/// The first message: Hello, or Inspect.
Service::Fate Service::handle_first(Peer& peer, const Datagram& datagram) {
    uint32_t version = 0;
    const bool attaches = datagram.type == MessageType::hello;
    if (peer.hello || (!attaches && datagram.type != MessageType::inspect) ||
        datagram.size < sizeof(MessageHeader) + sizeof(version)) {
        return Fate::misbehaved;
    }
    std::memcpy(&version, datagram.bytes.data() + sizeof(MessageHeader), sizeof(version));
    if (version != protocol_version) {
        return refuse(peer, {},
                      {CUFRAMES_ERROR_VERSION_MISMATCH,
                       text("the publisher speaks protocol version ", protocol_version, ", the subscriber ", version,
                            "; install the same cuframes on both sides")});
    }
    return attaches ? handle_hello(peer, datagram) : handle_inspect(peer, datagram);
}

/// Nobody attaches by it, so that nothing is counted, and nobody is told.
Service::Fate Service::handle_inspect(const Peer& peer, const Datagram& datagram) {
    Inspect inspect;
    if (!datagram.as(inspect, 0)) {
        return Fate::misbehaved;
    }
    if (auto report = reception_.report()) {
        Inspection message = {};
        message.size = report->size;
        peer.connection->send(message, {report->fd.get()});
    } else {
        tell_refused(peer, report.error());
    }
    return Fate::closed;
}

Service::Fate Service::handle_hello(Peer& peer, const Datagram& datagram) {
    Hello hello;
    if (!datagram.as(hello, 0)) {
        return Fate::misbehaved;
    }
    // Shown to users and in logs, who want text.
    copy_text(hello.name, std::string(hello.name, ::strnlen(hello.name, sizeof(hello.name))));
    peer.hello = hello;
    return reception_.is_open() ? admit(peer) : Fate::stays;
}

Service::Fate Service::admit(Peer& peer) {
    auto admitted = reception_.admit(*peer.hello, peer.connection);
    if (!admitted && admitted.error().code == CUFRAMES_ERROR_TIMEOUT) {
        if (!std::exchange(shortage_told_, true)) {
            log(CUFRAMES_LOG_WARNING, text("subscriber \"", peer.hello->name, "\" of \"", reception_.key(),
                                           "\" has to wait: ", admitted.error().message));
        }
        return Fate::stays;
    }
    const Hello hello = *std::exchange(peer.hello, std::nullopt);
    if (!admitted) {
        return refuse(peer, hello.name, admitted.error());
    }
    shortage_told_ = false;
    peer.member = std::move(*admitted);
    reception_.announce(peer.member);
    return Fate::stays;
}

/// `name`: as far as it said one.
Service::Fate Service::refuse(const Peer& peer, const std::string& name, const Error& error) {
    reception_.count_refused(); // Before it is told, as it may tell others.
    tell_refused(peer, error);
    log(CUFRAMES_LOG_INFO,
        text("refused ", name.empty() ? "a subscriber" : text("subscriber \"", name, "\""), " of \"", reception_.key(),
             "\" (pid ", peer.who.pid, ", uid ", peer.who.uid, "): ", error.message));
    return Fate::refused;
}

void Service::tell_refused(const Peer& peer, const Error& error) {
    Refused message = {};
    message.version = protocol_version;
    message.error = error.code;
    copy_text(message.message, error.message);
    peer.connection->send(message);
}

void Service::remove(size_t index, Fate fate) {
    const Peer peer = std::move(peers_[index]);
    peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(index));
    bury(peer, fate);
}

void Service::bury(const Peer& peer, Fate fate) {
    if (!peer.member) {
        return;
    }
    // One that closes says goodbye first; a killed one cannot.
    if (fate == Fate::closed && !peer.member->leaving()) {
        fate = Fate::died;
    }
    const auto reason = fate == Fate::misbehaved ? CUFRAMES_LEFT_PROTOCOL
                        : fate == Fate::died     ? CUFRAMES_LEFT_DIED
                                                 : CUFRAMES_LEFT_CLOSED;
    reception_.remove(peer.member, reason);
}

} // namespace cuframes::core
