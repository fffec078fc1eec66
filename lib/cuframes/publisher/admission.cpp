// SPDX-License-Identifier: LGPL-2.1-or-later
/// Who may attach to a publisher, and what becomes of it: membership's side of the service thread.
#include "base/log.h"
#include "ipc/boot_id.h"
#include "protocol/validate.h"
#include "publisher/membership.h"
#include "publisher/story.h"

#include <sys/resource.h>

#include <algorithm>

namespace cuframes::core {

namespace {

Error shortage() {
    rlimit limit = {};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return {
        CUFRAMES_ERROR_TIMEOUT,
        text("this process is short of descriptors (ulimit -n is ", limit.rlim_cur,
             ", and what the user's programs have on the way to each other counts too) or of memory; trying again")};
}

} // namespace

Result<> Membership::check_hello(const Hello& hello) const {
    auto ours = boot_id();
    if (!ours) {
        return ours.error();
    }
    if (hello.boot_id != *ours) {
        return Error{CUFRAMES_ERROR_PROTOCOL,
                     "the subscriber runs on another host (its boot id differs); shared memory "
                     "does not reach there"};
    }
    if (hello.contents == 0 || hello.mode > CUFRAMES_MODE_STRICT) {
        return Error{CUFRAMES_ERROR_PROTOCOL,
                     text("contents ", hello.contents, ", or mode ", hello.mode, " is out of range")};
    }
    if (const uint32_t carried = bit_of(content_->kind()); (hello.contents & carried) == 0) {
        const std::string there_is = names_of_contents(carried);
        return Error{CUFRAMES_ERROR_OTHER_CONTENT,
                     text("\"", options_.key, "\" carries ", there_is, ", and the subscriber asks for ",
                          names_of_contents(hello.contents), ": ask for ", there_is, ", or for another key")};
    }
    return {};
}

Result<> Membership::check_seats() const {
    if (members_.size() >= options_.max_subscribers) {
        return Error{CUFRAMES_ERROR_TOO_MANY_SUBSCRIBERS,
                     text("the publisher of \"", options_.key, "\" has ", members_.size(),
                          " subscribers, its max-subscribers; raise that, or stop one")};
    }
    return {};
}

Result<Reception::Guest> Membership::admit(const Hello& hello, const std::shared_ptr<Connection>& connection) {
    if (auto sound = check_hello(hello); !sound) {
        return sound.error();
    }
    std::unique_lock lock(mutex_);
    if (auto seats = check_seats(); !seats) {
        return seats.error();
    }
    auto share = content_->admit(hello, lock);
    if (!share) {
        return share.error();
    }
    auto member = std::make_shared<Member>(next_id_++, hello, std::move(*share), peer_credentials(connection->fd()).pid,
                                           connection);
    member->forget_wait(content_->patience(member->share()));
    if (const Sent sent = welcome(*member); sent != Sent::yes) {
        return sent == Sent::shortage ? shortage()
                                      : Error{CUFRAMES_ERROR_PUBLISHER_GONE, "it left before it was admitted"};
    }
    members_.push_back(member);
    changed_.notify_all();
    const bool is_short = generation_ && member->owed(*generation_);
    lock.unlock();
    if (is_short) {
        tell_shortage();
    }
    return member;
}

Sent Membership::welcome(Member& member) {
    Welcome message = {};
    message.version = protocol_version;
    message.content = static_cast<uint32_t>(content_->kind());
    message.pid = ::getpid();
    message.ends = ends_before_now();
    content_->tell(member.share(), message);
    if (const Sent sent = member.connection().send(message); sent != Sent::yes) {
        return sent;
    }
    if (!generation_) {
        return ended_before_generation_ ? member.connection().send(ended_before_generation()) : Sent::yes;
    }
    const Sent sent = member.serve(*generation_, content_->joins_after());
    return sent == Sent::shortage ? Sent::yes : sent; // Then it gets it later.
}

/// False: it gets it later, as something is short.
bool Membership::serve(Member& member) {
    if (!generation_) {
        return true;
    }
    const Sent sent = member.serve(*generation_, generation_->first_sequence() - 1);
    if (sent == Sent::not_read || sent == Sent::gone) {
        member.connection().hang_up(); // The service thread sees that, and removes it.
    }
    return sent != Sent::shortage;
}

/// True: something is short.
bool Membership::serve_all() {
    bool is_short = false;
    for (const auto& member : members_) {
        is_short |= !serve(*member);
        is_short |= content_->settle(*member) == Sent::shortage;
    }
    return is_short;
}

void Membership::serve() {
    const std::lock_guard lock(mutex_);
    owes_.store(serve_all());
    changed_.notify_all();
}

void Membership::supply(const Guest& member, const Need& need) {
    bool is_short = false;
    {
        const std::lock_guard lock(mutex_);
        member->hear(need);
        is_short = !serve(*member);
        changed_.notify_all();
    }
    if (is_short) {
        tell_shortage();
    }
}

void Membership::do_chores() {
    chores_.store(false);
    content_->do_chores();
}

/// Once for each time that something becomes short. Not under the mutex.
void Membership::tell_shortage() {
    if (owes_.exchange(true)) {
        return;
    }
    std::string cause;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& member : members_) {
            cause = cause.empty() ? member->shortage() : cause;
        }
    }
    log(CUFRAMES_LOG_WARNING, text("readers of \"", options_.key, "\" wait: ", shortage().message,
                                   cause.empty() ? "" : text(" (", cause, ")")));
}

void Membership::count_refused() {
    const std::lock_guard lock(mutex_);
    stats_.refused += 1;
}

void Membership::announce(const Guest& member) {
    cuframes_subscriber_info info = {};
    {
        std::lock_guard lock(mutex_);
        info = this->info(*member);
    }
    story::attached(options_.key, info, content_->item());
    if (options_.on_added) {
        options_.on_added(&info, options_.user_data);
    }
}

void Membership::remove(const Guest& member, cuframes_leave_reason reason) {
    cuframes_subscriber_info info = {};
    {
        std::lock_guard lock(mutex_);
        info = this->info(*member);
        std::erase(members_, member);
        changed_.notify_all();
    }
    story::left(options_.key, info, reason);
    if (options_.on_removed) {
        options_.on_removed(&info, reason, options_.user_data);
    }
}

void Membership::goodbye(const Guest& member) {
    std::lock_guard lock(mutex_);
    member->leave();
    changed_.notify_all();
}

void Membership::progress() {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
}

} // namespace cuframes::core
