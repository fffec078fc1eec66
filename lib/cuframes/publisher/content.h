// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a publisher carries, as membership sees it: membership knows who is attached, a content what there is for them.
///
/// A content answers, each in its place here or in its ContentGeneration:
///   - what it puts into control memory behind the header, and which parts of memory a generation has beside that;
///   - what a newcomer asks for, what of that it is granted, and the sentence when it cannot be;
///   - where a newcomer begins;
///   - what else it is told by its readers, and tells them;
///   - how far a reader may go on while it is waited for (what may be overwritten it says where it waits: see Room);
///   - what it adds to statistics, and to a report.
#pragma once

#include "ipc/seqpacket.h"
#include "publisher/generation.h"
#include "publisher/report.h"

#include <memory>
#include <mutex>

namespace cuframes::core {

class Member;

/// What a content gave to one member, in the content's own terms. Under the membership's mutex.
class Share {
public:
    virtual ~Share() = default;
};

/// Called under the membership's mutex, but for hear() and do_chores(). The lock may be let go of where it is given.
class Content {
public:
    using Lock = std::unique_lock<std::mutex>;

    virtual ContentKind kind() const = 0;
    /// What one of its items is called, for people.
    virtual const char* item() const = 0;

    /// What a newcomer gets of what it asks for, or why not. The lock may be let go of meanwhile, to get memory.
    virtual Result<std::unique_ptr<Share>> admit(const Hello& hello, Lock& lock) = 0;
    /// Fills in what a Welcome says of that.
    virtual void tell([[maybe_unused]] const Share& share, [[maybe_unused]] Welcome& welcome) const {}
    /// The sequence number after which a newcomer begins.
    virtual uint64_t joins_after() const = 0;

    /// A message that is not membership's own, from a member, in the service thread. False: it misbehaves.
    virtual bool hear([[maybe_unused]] Member& member, [[maybe_unused]] const Datagram& datagram) { return true; }
    /// Tries again what could not be sent to a member, as something was short. Sent::shortage: it still is.
    virtual Sent settle([[maybe_unused]] Member& member) { return Sent::yes; }

    /// What takes its time and is better done before it is needed, in the service thread, after Membership::plan_chores().
    virtual void do_chores() {}

    /// How many items a reader may take while it is waited for, each of which shows that it is at work, before that is
    /// too many.
    virtual uint32_t patience(const Share& share) const = 0;
    /// The items that a generation holds at most.
    virtual uint32_t capacity() const = 0;

    virtual void add_to([[maybe_unused]] Report& report) const {}
    virtual void add_to([[maybe_unused]] cuframes_publisher_stats& stats) const {}
    virtual void add_to([[maybe_unused]] cuframes_subscriber_info& info, [[maybe_unused]] const Member& member) const {}

protected:
    ~Content() = default;
};

} // namespace cuframes::core
