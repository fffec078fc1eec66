// SPDX-License-Identifier: LGPL-2.1-or-later
/// Membership as its service thread sees it, and nobody else: who comes, what they say, and who has gone.
#pragma once

#include "ipc/peer.h"
#include "publisher/member.h"
#include "publisher/report.h"

#include <memory>
#include <string>

namespace cuframes::core {

class Reception {
public:
    using Guest = std::shared_ptr<Member>;

    virtual const std::string& key() const = 0;
    virtual const AccessRule& access() const = 0;
    virtual int listening_fd() const = 0;

    /// Whether it is decided what there is to attach to. Who says hello before that waits.
    virtual bool is_open() const = 0;
    /// Admits a subscriber, or says why not; CUFRAMES_ERROR_TIMEOUT: not at this moment, as something is short. On success
    /// it was sent Welcome, and it was sent the current generation or is by serve().
    virtual Result<Guest> admit(const Hello& hello, const std::shared_ptr<Connection>& connection) = 0;
    /// One was told that it is not admitted.
    virtual void count_refused() = 0;
    virtual void announce(const Guest& member) = 0;
    virtual void remove(const Guest& member, cuframes_leave_reason reason) = 0;
    virtual void goodbye(const Guest& member) = 0;
    virtual void progress() = 0;
    /// Sends what a subscriber asks for, as far as that is there.
    virtual void supply(const Guest& member, const Need& need) = 0;
    /// A message that the content may know. False: it is known and damaged.
    virtual bool hear(const Guest& member, const Datagram& datagram) = 0;

    /// What to tell somebody who asks without attaching.
    virtual Result<Report::Sealed> report() = 0;

    /// Whether something was short, so that serve() has to be called in a moment.
    virtual bool owes() const = 0;
    virtual void serve() = 0;
    /// Whether somebody planned what do_chores() does, for a moment in which nobody waits for it.
    virtual bool has_chores() const = 0;
    virtual void do_chores() = 0;

protected:
    ~Reception() = default;
};

} // namespace cuframes::core
