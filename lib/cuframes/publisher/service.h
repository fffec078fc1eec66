// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * The publisher's service thread: accepts connections, hears messages, notices deaths. It sleeps in poll() on the
 * listening socket and on each peer's socket and pidfd; frames pass it by.
 */
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "ipc/waker.h"
#include "publisher/publisher.h"

namespace cuframes {

class Service {
public:
    static Result<std::unique_ptr<Service>> start(Publisher& publisher);

    /** Ends the thread and waits for it. Connections stay with the publisher. */
    ~Service();

private:
    struct Peer {
        std::shared_ptr<Connection> connection;
        UniqueFd pidfd;                                 ///< Empty where the kernel has none.
        std::shared_ptr<AttachedSubscriber> subscriber; ///< Empty until it was admitted.
    };
    /** What is to become of a peer after one of its descriptors became ready. */
    enum class Fate { stays, closed, died, misbehaved, refused };

    Service(Publisher& publisher, Waker stop) : publisher_(publisher), stop_(std::move(stop)) {}

    void run();
    void accept_all();
    Fate hear(Peer& peer);
    Fate handle(Peer& peer, const Packet& packet);
    Fate handle_hello(Peer& peer, const Packet& packet);
    void bury(const Peer& peer, Fate fate);

    Publisher& publisher_;
    Waker stop_;
    std::vector<Peer> peers_;
    std::thread thread_;
};

} // namespace cuframes
