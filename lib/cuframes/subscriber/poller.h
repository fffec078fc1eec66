// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"
#include "ipc/unique_fd.h"

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

namespace cuframes::core {

/// What a subscriber sleeps on, in one descriptor: an epoll set can itself be polled, so that GLib and asyncio wait for
/// items, deaths and new publishers alike.
class Poller {
public:
    enum class Source : uint32_t { messages, publisher_exit, poke, interrupt, directory, retry };

    static Result<Poller> create() {
        Poller out;
        out.epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
        if (!out.epoll_) {
            return system_error("create an epoll set");
        }
        return out;
    }

    int fd() const { return epoll_.get(); }

    /// Sources are level-triggered, but for messages: what wakes us need not be read, which saves a call an item.
    /// Nothing new where it is in already.
    Result<> add(int fd, Source source) const {
        if (set(EPOLL_CTL_ADD, fd, source) != 0 && errno != EEXIST) {
            return system_error("add to an epoll set (/proc/sys/fs/epoll/max_user_watches limits them for the user)");
        }
        return {};
    }

    /// Has what is there told again. It is in, so this does not fail.
    void tell_again(int fd, Source source) const { set(EPOLL_CTL_MOD, fd, source); }

    /// Needed before closing: a peer may hold the same open file, which then stays in the set.
    void remove(int fd) const {
        if (fd >= 0) {
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        }
    }

    /// Waits, -1: for ever. Calls `handle(Source, hung_up)` for each that is ready; false: none was.
    template <class Handle>
    bool wait(int timeout_ms, Handle&& handle) const {
        std::array<epoll_event, 8> events;
        const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
        for (int i = 0; i < count; ++i) {
            handle(static_cast<Source>(events[i].data.u32),
                   (events[i].events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0);
        }
        return count != 0; // An interrupted call counts as an event: the caller looks again.
    }

private:
    int set(int operation, int fd, Source source) const {
        epoll_event event = {};
        event.events = EPOLLIN | EPOLLRDHUP | (source == Source::messages ? static_cast<uint32_t>(EPOLLET) : 0);
        event.data.u32 = static_cast<uint32_t>(source);
        return ::epoll_ctl(epoll_.get(), operation, fd, &event);
    }

    UniqueFd epoll_;
};

} // namespace cuframes::core
