// SPDX-License-Identifier: LGPL-2.1-or-later
/// Who may attach to a publisher, and what becomes of it: the service thread's side of Publisher.
#include "base/log.h"
#include "ipc/boot_id.h"
#include "publisher/publisher.h"

#include <sys/resource.h>

#include <algorithm>

namespace cuframes::core {

namespace {

/// Slots that no reader may hold: the newest frame's, and the one being written.
constexpr uint32_t reserved_slots = 2;

/// What an elastic ring keeps beyond that and its leases: for the producer's queue, and for readers that lag.
constexpr uint32_t spare_slots = 4;

Error shortage() {
    rlimit limit = {};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return {
        CUFRAMES_ERROR_TIMEOUT,
        text("this process is short of descriptors (ulimit -n is ", limit.rlim_cur,
             ", and what the user's programs have on the way to each other counts too) or of memory; trying again")};
}

Result<> check_hello(const Hello& hello, const std::string& key) {
    auto ours = boot_id();
    if (!ours) {
        return ours.error();
    }
    if (hello.boot_id != *ours) {
        return Error{CUFRAMES_ERROR_PROTOCOL,
                     "the subscriber runs on another host (its boot id differs); shared memory "
                     "does not reach there"};
    }
    if (const uint32_t ours_by_bit = bit_of(ContentKind::frames); (hello.contents & ours_by_bit) == 0) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("\"", key, "\" carries ", names_of_contents(ours_by_bit), ", and the subscriber reads ",
                          names_of_contents(hello.contents), " only")};
    }
    if (hello.frames.leases < 1 || hello.frames.leases > CUFRAMES_MAX_HELD || hello.frames.least < 1 ||
        hello.frames.least > hello.frames.leases || hello.frames.copies > 1 || hello.frames.grows > 1 ||
        hello.mode > CUFRAMES_MODE_STRICT) {
        return Error{CUFRAMES_ERROR_PROTOCOL, text("leases ", hello.frames.leases, ", of them at least ",
                                                   hello.frames.least, ", or mode ", hello.mode, " is out of range")};
    }
    return {};
}

} // namespace

Result<> Publisher::check_seats() const {
    if (members_.size() >= options_.max_subscribers) {
        return Error{CUFRAMES_ERROR_TOO_MANY_SUBSCRIBERS,
                     text("the publisher of \"", options_.key, "\" has ", members_.size(),
                          " subscribers, its max-subscribers; raise that, or stop one")};
    }
    return {};
}

uint32_t Publisher::granted() const {
    uint32_t sum = 0;
    for (const Member& member : members_) {
        sum += member.subscriber->granted();
    }
    return sum;
}

uint32_t Publisher::leases_left() const {
    const uint32_t taken = reserved_slots + granted();
    return options_.max_slots > taken ? options_.max_slots - taken : 0;
}

uint32_t Publisher::free_seats() const {
    const auto taken = static_cast<uint32_t>(members_.size());
    return options_.max_subscribers > taken ? options_.max_subscribers - taken : 0;
}

/// How many leases a newcomer gets; 0: fewer than it is content with. A lease is kept for each seat that is still free then:
/// the last reader must not be refused because the first ones were served well. A ring that can never seat them all keeps
/// half. One of a fixed size was made for numbers that its readers name, and gives them; to one that names none it gives
/// two at first.
uint32_t Publisher::leases_to_join(const Hello& hello) const {
    constexpr uint32_t guess_in_fixed_ring = 2;
    const bool fixed = !options_.elastic();
    const bool many_seats = options_.max_subscribers > default_max_subscribers;
    const uint32_t left = leases_left();
    if (left < hello.frames.least) {
        return 0;
    }
    const uint32_t seats = free_seats() - 1;
    uint32_t wanted = hello.frames.leases;
    uint32_t kept = std::min(seats, left / 2);
    if (many_seats || (!fixed && left >= seats + hello.frames.least)) {
        kept = seats;
    } else if (fixed && hello.frames.grows) {
        wanted = std::clamp(wanted, hello.frames.least, guess_in_fixed_ring);
    } else if (fixed) {
        kept = 0;
    }
    return std::clamp(left > kept ? left - kept : 0, hello.frames.least, wanted);
}

/// How many leases more a subscriber gets that is there: what is left when newcomers find one each, if it is to be.
uint32_t Publisher::leases_to_add(uint32_t wanted) const {
    const uint32_t kept = std::min(free_seats(), options_.max_slots / (options_.elastic() ? 2 : 4));
    const uint32_t left = leases_left();
    return std::min(wanted, left > kept ? left - kept : 0);
}

/// Frames that an elastic ring has to keep when so many leases are granted.
uint32_t Publisher::frames_for(uint32_t leases, uint32_t frames) const {
    uint32_t copies = 0;
    for (const Member& member : members_) {
        frames = std::max(frames, member.subscriber->frames());
        copies += member.subscriber->copies();
    }
    return std::clamp(reserved_slots + leases + copies + std::max(spare_slots, frames), options_.slots,
                      options_.max_slots);
}

Error Publisher::ring_full(uint32_t least) const {
    const uint32_t taken = granted();
    const uint32_t needed = reserved_slots + taken + least;
    std::string cure;
    if (needed > max_ring_slots) {
        cure = text("a ring can have no more than ", max_ring_slots, ": stop a reader");
    } else if (options_.elastic()) {
        cure = text("let the publisher have max-slots=", needed);
    } else {
        cure = text("let the publisher have slots=", needed, ", or slots=0, which grows by itself");
    }
    if (least > 1) {
        cure += ", or ask for a smaller max-held";
    }
    return {CUFRAMES_ERROR_RING_FULL,
            text("the ring \"", options_.key, "\" has ", options_.max_slots, " slots",
                 options_.elastic() ? " at most" : "", ", its subscribers may hold ", taken, " of them, and ",
                 reserved_slots, " are for publishing; for ", least, " more ", cure)};
}

/// Lets the ring keep more frames. The memory is got without the lock, so that publishing goes on meanwhile; only the
/// service thread grows rings. A generation that has come in between grows too.
Result<> Publisher::grow(std::unique_lock<std::mutex>& lock, uint32_t kept) {
    while (generation_ && kept > generation_->slots().kept()) {
        const auto generation = generation_;
        lock.unlock();
        auto reserved = generation->reserve(kept);
        lock.lock();
        if (generation != generation_) {
            continue;
        }
        if (!reserved) {
            return reserved;
        }
        generation->grow(kept); // Readers ask for memory that they meet and do not have.
        changed_.notify_all();
    }
    return {};
}

Result<std::shared_ptr<AttachedSubscriber>> Publisher::admit(const Hello& hello,
                                                             const std::shared_ptr<Connection>& connection) {
    if (auto sound = check_hello(hello, options_.key); !sound) {
        return sound.error();
    }
    std::unique_lock lock(mutex_);
    if (auto seats = check_seats(); !seats) {
        return seats.error();
    }
    uint32_t leases = leases_to_join(hello);
    if (leases == 0) {
        return ring_full(hello.frames.least);
    }
    auto grown = grow(lock, frames_for(granted() + leases + hello.frames.copies, 0));
    if (!grown && leases > hello.frames.least) {
        leases = hello.frames.least;
        grown = grow(lock, frames_for(granted() + leases + hello.frames.copies, 0));
    }
    // What is there already may do: the ring keeps a few frames that nobody leases.
    if (!grown && generation_ && reserved_slots + granted() + leases > generation_->slots().kept()) {
        return grown.error();
    }
    auto subscriber = std::make_shared<AttachedSubscriber>(next_id_++, hello, leases,
                                                           peer_credentials(connection->fd()).pid, connection);
    if (const Sent sent = welcome(*subscriber); sent != Sent::yes) {
        return sent == Sent::shortage ? shortage()
                                      : Error{CUFRAMES_ERROR_PUBLISHER_GONE, "it left before it was admitted"};
    }
    members_.push_back({subscriber});
    changed_.notify_all();
    const bool is_short = generation_ && subscriber->owed(*generation_);
    lock.unlock();
    if (is_short) {
        tell_shortage();
    }
    return subscriber;
}

void Publisher::grant(const std::shared_ptr<AttachedSubscriber>& subscriber, const Want& want) {
    std::unique_lock lock(mutex_);
    const uint32_t has = subscriber->granted();
    const uint32_t wanted = std::clamp<uint32_t>(want.leases, has, CUFRAMES_MAX_HELD);
    const uint32_t more = leases_to_add(wanted - has);
    const uint32_t frames = std::min(want.frames, options_.max_slots);
    const auto grown = grow(lock, frames_for(granted() + more, frames));
    if (grown) {
        subscriber->grant(has + more, frames);
    }
    const Sent sent = subscriber->answer(generation_.get());
    if (sent == Sent::not_read || sent == Sent::gone) {
        subscriber->connection().hang_up();
    }
    lock.unlock();
    if (sent == Sent::shortage) {
        tell_shortage();
    }
    if (!grown) {
        log(CUFRAMES_LOG_WARNING, text("the ring \"", options_.key, "\" does not grow: ", grown.error().message));
    }
}

Sent Publisher::welcome(AttachedSubscriber& subscriber) {
    Welcome message = {};
    message.version = protocol_version;
    message.content = static_cast<uint32_t>(ContentKind::frames);
    message.granted = subscriber.granted();
    message.pid = ::getpid();
    message.ends = ends_before_now();
    if (const Sent sent = subscriber.connection().send(message); sent != Sent::yes) {
        return sent;
    }
    if (!generation_) {
        return ended_before_ring_ ? subscriber.connection().send(ended_before_ring()) : Sent::yes;
    }
    // It joins at the newest frame, so that a still picture, or a paused camera's, is seen at once.
    const Latest latest = generation_->latest();
    const uint64_t position = latest.sequence > 0 ? latest.sequence - 1 : stats_.last_sequence;
    const Sent sent = subscriber.serve(*generation_, position);
    return sent == Sent::shortage ? Sent::yes : sent; // Then it gets it later.
}

/// False: it gets it later, as something is short.
bool Publisher::serve(AttachedSubscriber& subscriber) {
    if (!generation_) {
        return true;
    }
    const Sent sent = subscriber.serve(*generation_, generation_->first_sequence() - 1);
    if (sent == Sent::not_read || sent == Sent::gone) {
        subscriber.connection().hang_up(); // The service thread sees that, and removes it.
    }
    return sent != Sent::shortage;
}

/// True: something is short.
bool Publisher::serve_all() {
    bool is_short = false;
    for (const Member& member : members_) {
        is_short |= !serve(*member.subscriber);
        is_short |= member.subscriber->answer_owed() && member.subscriber->answer(generation_.get()) == Sent::shortage;
    }
    return is_short;
}

void Publisher::serve() {
    const std::lock_guard lock(mutex_);
    owes_.store(serve_all());
    changed_.notify_all();
}

void Publisher::supply(const std::shared_ptr<AttachedSubscriber>& subscriber, const Need& need) {
    bool is_short = false;
    {
        const std::lock_guard lock(mutex_);
        subscriber->hear(need);
        is_short = !serve(*subscriber);
        changed_.notify_all();
    }
    if (is_short) {
        tell_shortage();
    }
}

/// Once for each time that something becomes short. Not under the mutex.
void Publisher::tell_shortage() {
    if (!owes_.exchange(true)) {
        log(CUFRAMES_LOG_WARNING, text("readers of \"", options_.key, "\" wait: ", shortage().message));
    }
}

void Publisher::announce(const std::shared_ptr<AttachedSubscriber>& subscriber) {
    cuframes_subscriber_info info = {};
    {
        std::lock_guard lock(mutex_);
        info = subscriber->info(stats_.last_sequence);
    }
    if (options_.on_added) {
        options_.on_added(&info, options_.user_data);
    }
}

void Publisher::remove(const std::shared_ptr<AttachedSubscriber>& subscriber, cuframes_leave_reason reason) {
    cuframes_subscriber_info info = {};
    {
        std::lock_guard lock(mutex_);
        info = subscriber->info(stats_.last_sequence);
        std::erase_if(members_, [&](const Member& member) { return member.subscriber == subscriber; });
        changed_.notify_all();
    }
    if (options_.on_removed) {
        options_.on_removed(&info, reason, options_.user_data);
    }
}

void Publisher::goodbye(const std::shared_ptr<AttachedSubscriber>& subscriber) {
    std::lock_guard lock(mutex_);
    subscriber->leave();
    changed_.notify_all();
}

void Publisher::progress() {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
}

} // namespace cuframes::core
