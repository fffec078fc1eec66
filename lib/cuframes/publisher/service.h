// SPDX-License-Identifier: LGPL-2.1-or-later
/// The publisher's service thread: accepts connections, hears messages, notices deaths. It sleeps in poll() on the
/// listening socket and on each peer's socket and pidfd; what is published passes it by. In one round it does so much
/// for each peer and no more, so that none keeps it from the others.
#pragma once

#include "ipc/peer.h"
#include "ipc/waker.h"
#include "publisher/reception.h"

#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace cuframes::core {

class Service {
public:
    static Result<std::unique_ptr<Service>> start(Reception& reception);

    /// Ends the thread and waits for it. Connections stay with the membership.
    ~Service();

    /// Has it look at what Reception has for it beside events. Any thread.
    void look_again();

private:
    using Clock = std::chrono::steady_clock;

    /// A subscriber says hello in the moment after it connected.
    static constexpr std::chrono::milliseconds time_for_hello{2000};
    /// Until the next attempt, after something was short.
    static constexpr std::chrono::milliseconds pause_of_shortage{100};
    /// Who plans chores wakes us on its own processor, often, and would wait there until they are done.
    static constexpr std::chrono::milliseconds pause_before_chores{2};

    struct Peer {
        std::shared_ptr<Connection> connection;
        UniqueFd pidfd;                 ///< Empty where the kernel has none.
        std::shared_ptr<Member> member; ///< Empty until it was admitted: a stranger.
        Credentials who;
        Clock::time_point since;    ///< That it connected.
        std::optional<Hello> hello; ///< Heard, and not answered yet, as something is short or undecided.
    };
    /// What is to become of a peer after one of its descriptors became ready.
    enum class Fate { stays, closed, died, misbehaved, refused };

    Service(Reception& reception, Waker waker) : reception_(reception), waker_(std::move(waker)) {}

    void run();
    void await_events();
    void poll_singly();
    void settle();
    void do_chores_in_a_moment();
    std::optional<Clock::time_point> next_deadline() const;

    void accept_some();
    void greet(UniqueFd socket);
    void make_room_for_a_stranger();
    void remove_silent_strangers();

    Fate hear(Peer& peer);
    Fate handle(Peer& peer, const Datagram& datagram);
    Fate handle_first(Peer& peer, const Datagram& datagram);
    Fate handle_inspect(const Peer& peer, const Datagram& datagram);
    Fate handle_hello(Peer& peer, const Datagram& datagram);
    Fate admit(Peer& peer);
    Fate refuse(const Peer& peer, const std::string& name, const Error& error);
    static void tell_refused(const Peer& peer, const Error& error);
    void bury(const Peer& peer, Fate fate);
    void remove(size_t index, Fate fate);

    Reception& reception_;
    Waker waker_;
    std::atomic<bool> stopping_{false};
    std::vector<Peer> peers_;
    std::vector<pollfd> polled_; ///< The waker, the listening socket, and two for each peer.
    Inbox inbox_;
    std::optional<Clock::time_point> chores_at_;
    Clock::time_point accept_from_ = {}; ///< Not before, after a failure to.
    bool shortage_told_ = false;
    std::thread thread_;
};

} // namespace cuframes::core
