// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "ipc/rendezvous.h"
#include "subscriber/poller.h"

#include <chrono>
#include <string>

namespace cuframes::core {

/// How a subscriber learns that a publisher may have come: an event of the socket directory, in the subscriber's poller, or
/// where none can be had a look from time to time.
class PublisherWatch {
public:
    /// How often to look for a socket that cannot be watched for.
    static constexpr std::chrono::milliseconds look_interval{200};

    /// What to call end() after, once a publisher was found: by then it is quick.
    static constexpr std::chrono::milliseconds lingers{100};

    PublisherWatch(std::string directory, std::string key) : watch_(std::move(directory)), key_(std::move(key)) {}

    /// Another directory, from the next begin() on.
    void move_to(const std::string& directory, const Poller& poller) {
        end(poller);
        watch_ = SocketWatch(directory);
    }

    bool on() const { return watch_.armed(); }

    /// Watches from now on. To be called before a look for the socket, and after each event. False: it cannot.
    bool begin(const Poller& poller);

    /// Says in the log, once until begin() succeeds again, what hinders it.
    void tell_what_hinders();

    /// A publisher was found. True: there is something left to end().
    bool pause();
    void end(const Poller& poller);

private:
    SocketWatch watch_;
    std::string key_;
    std::string hindrance_; ///< Empty: none.
    bool told_ = false;
};

} // namespace cuframes::core
