// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a publisher says.
#include "base/log.h"
#include "base/utf8.h"
#include "subscriber/connector.h"

#include <sys/resource.h>

#include <cstring>

namespace cuframes::core {

using std::chrono::milliseconds;

/// Takes what has come, so much of it that a publisher gone mad does not keep us here. True: there may be more.
bool Connector::hear() {
    if (phase_ != Phase::joining && phase_ != Phase::attached) {
        return false;
    }
    sleeps_unheard_ = 0;
    const auto datagrams = inbox_.receive(link_->connection);
    const bool more = handle_all(datagrams) && datagrams.size() == Inbox::room;
    inbox_.clear(); // Also after a hang-up: what nobody took may keep memory of a publisher that is gone.
    if (more) {
        poller_.tell_again(link_->connection.fd(), Poller::Source::messages);
    }
    return more;
}

/// False: what is behind it does not count, or there is nothing.
bool Connector::handle_all(std::span<Datagram> datagrams) {
    for (Datagram& datagram : datagrams) {
        switch (datagram.kind) {
        case Datagram::Kind::nothing_yet:
            return false;
        case Datagram::Kind::message:
            handle(datagram);
            break;
        case Datagram::Kind::out_of_descriptors:
            damage_ = out_of_descriptors();
            break;
        case Datagram::Kind::malformed:
            damage_ = damaged("a malformed message");
            break;
        case Datagram::Kind::hang_up:
            lose_publisher();
            return false;
        }
        if (damage_) {
            return false;
        }
    }
    return true;
}

/// One that never admitted us has left nothing.
void Connector::lose_publisher() {
    if (phase_ == Phase::attached) {
        enter(Phase::draining);
    } else if (phase_ == Phase::joining) {
        enter(Phase::waiting);
        try_again_in(milliseconds(10)); // It hung up on us: do not knock without pause.
    }
}

Error Connector::damaged(const char* what) const {
    return {CUFRAMES_ERROR_PROTOCOL, text("the publisher of \"", options_.key, "\" sent ", what)};
}

Error Connector::out_of_descriptors() const {
    rlimit limit = {};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return {CUFRAMES_ERROR_SYSTEM, text("this process is out of file descriptors (ulimit -n is ", limit.rlim_cur,
                                        "): it cannot take those of the ring \"", options_.key, "\"")};
}

void Connector::handle(Datagram& datagram) {
    switch (datagram.type) {
    case MessageType::welcome:
        handle_welcome(datagram);
        break;
    case MessageType::refused:
        handle_refused(datagram);
        break;
    case MessageType::generation:
        handle_generation(datagram);
        break;
    case MessageType::chunk:
        handle_part(datagram);
        break;
    case MessageType::ended:
        handle_ended(datagram);
        break;
    default:
        if (phase_ == Phase::attached && !content_.hear(datagram)) {
            damage_ = damaged("a damaged message about what it carries");
        }
        break;
    }
}

void Connector::handle_welcome(const Datagram& datagram) {
    Welcome welcome;
    const bool whole = datagram.as(welcome, 0);
    if (whole && welcome.version != protocol_version) {
        damage_ = Error{CUFRAMES_ERROR_VERSION_MISMATCH,
                        text("the publisher of \"", options_.key, "\" speaks protocol version ", welcome.version,
                             ", this library ", protocol_version, "; install the same cuframes on both sides")};
        return;
    }
    if (!whole || welcome.content != static_cast<uint32_t>(content_.kind()) || phase_ != Phase::joining ||
        !content_.welcome(welcome)) {
        damage_ = damaged("a damaged welcome");
        return;
    }
    link_->ends = link_->ends_told = welcome.ends;
    if (link_->publisher_pid == 0) {
        link_->publisher_pid = welcome.pid;
    }
    if (watch_.pause()) {
        retry_->fire_in(PublisherWatch::lingers); // Not now, when an item is waited for.
    } else {
        retry_->stop();
    }
    {
        std::lock_guard lock(mutex_);
        stats_.reconnects += ever_attached_ ? 1 : 0;
    }
    wait_told_ = false;
    log(CUFRAMES_LOG_INFO,
        text("found the publisher of \"", options_.key, "\" (pid ", link_->publisher_pid, "): \"", options_.name, "\"",
             welcome.granted > 0 ? text(" may hold ", welcome.granted, " ", content_.item(), "s") : ""));
    enter(Phase::attached);
}

void Connector::handle_generation(Datagram& datagram) {
    Generation generation;
    if (phase_ != Phase::attached || announced_ || !datagram.as(generation, content_.descriptors())) {
        damage_ = damaged("a damaged generation, or one out of turn");
        return;
    }
    received_epoch_ = generation.epoch;
    needs_ = passed_over_ = false;
    announced_.emplace(Announcement{std::move(datagram), {}});
}

/// Memory of the generation that was announced last.
void Connector::handle_part(Datagram& datagram) {
    constexpr size_t most = 256; // Before it is adopted: each holds a descriptor.
    needs_ = false;
    if (announced_ && announced_->parts.size() < most) {
        announced_->parts.push_back(std::move(datagram));
    } else if (generation_ && !announced_ && !passed_over_) {
        if (auto added = generation_->add_part(datagram); !added) {
            damage_ = added.error();
        }
    }
}

void Connector::handle_ended(const Datagram& datagram) {
    Ended ended;
    if (!datagram.as(ended, 0) || phase_ != Phase::attached) {
        damage_ = damaged("a damaged end");
        return;
    }
    link_->ends = ended.ends;
}

void Connector::handle_refused(const Datagram& datagram) {
    Refused refused;
    if (!datagram.as(refused, 0) || refused.error >= 0) {
        damage_ = damaged("a damaged refusal");
        return;
    }
    copy_text(refused.message, std::string(refused.message, ::strnlen(refused.message, sizeof(refused.message))));
    damage_ = Error{static_cast<cuframes_error>(refused.error),
                    text("refused by the publisher (pid ", link_->publisher_pid, "): ", refused.message)};
}

} // namespace cuframes::core
