// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/membership.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "ipc/boot_id.h"
#include "publisher/service.h"
#include "publisher/story.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

namespace cuframes::core {

namespace {

/// Epochs tell generations apart over restarts too, so they start at random.
uint64_t random_epoch() {
    uint64_t epoch = 0;
    if (::getrandom(&epoch, sizeof(epoch), GRND_NONBLOCK) != sizeof(epoch)) {
        epoch = monotonic_ns();
    }
    return epoch >> 1 | 1;
}

} // namespace

Result<std::unique_ptr<Membership>> Membership::create(MembershipOptions options) {
    auto key = KeyHolder::take(options.directory, options.key, options.access);
    if (!key) {
        return key.error();
    }
    (void)static_cast<bool>(boot_id()); // While there are descriptors to read it.
    std::unique_ptr<Membership> membership(new Membership(std::move(options), std::move(*key)));
    auto service = Service::start(*membership);
    if (!service) {
        return service.error();
    }
    membership->service_ = std::move(*service);
    return membership;
}

Membership::Membership(MembershipOptions options, KeyHolder key)
    : options_(std::move(options)), key_(std::move(key)), next_epoch_(random_epoch()) {}

Membership::~Membership() = default;

void Membership::open(Content& content) {
    {
        std::lock_guard lock(mutex_);
        content_ = &content;
    }
    open_.store(true);
    service_->look_again();
    story::key_taken(options_.key, path(), options_.access.name());
}

void Membership::close() {
    {
        // Who was not sent the newest generation yet would never see what is in it.
        std::unique_lock lock(mutex_);
        (void)await_those_behind(lock);
    }
    set_interrupted(true);
    service_.reset();
    LogLater later;
    std::lock_guard lock(mutex_);
    if (!std::exchange(closed_, true)) {
        later.add(CUFRAMES_LOG_INFO, story::key_released(options_.key));
    }
    if (generation_ && generation_->stream_state() == StreamState::live) {
        generation_->state().stream.store(static_cast<uint32_t>(StreamState::closed));
    }
    members_.clear(); // Their connections close, which wakes them.
    generation_.reset();
    content_ = nullptr;
    key_.release();
}

Result<> Membership::renew(const Maker& make) {
    std::unique_lock lock(mutex_);
    if (auto waited = await_those_behind(lock); !waited) {
        return waited.error();
    }
    if (closed_) {
        return Error{CUFRAMES_ERROR_INVALID_STATE,
                     text("the publisher of \"", options_.key, "\" was closed meanwhile")};
    }
    auto made = make({next_epoch_, stats_.last_sequence + 1, latency_});
    if (!made) {
        return made.error();
    }
    next_epoch_ += 1;
    const bool is_short =
        ring::change_then_look([&] { replace_generation(std::move(*made)); }, [&] { return serve_all(); });
    changed_.notify_all(); // Who waits for room in the generation before waits in vain.
    lock.unlock();
    if (is_short) {
        tell_shortage();
        service_->look_again();
    }
    return {};
}

void Membership::replace_generation(std::shared_ptr<ContentGeneration> next) {
    if (generation_) {
        next->supersede(*generation_);
    } else if (ended_before_generation_) {
        next->state().ends.store(1);
    }
    generation_ = std::move(next);
    ended_before_generation_ = false;
    stats_.epoch = generation_->epoch();
}

void Membership::plan_chores() {
    chores_.store(true);
    service_->look_again();
}

void Membership::set_latency(uint64_t latency) {
    std::lock_guard lock(mutex_);
    latency_ = latency;
    if (generation_) {
        generation_->state().latency.store(latency);
    }
}

uint64_t Membership::next_sequence() {
    stats_.last_sequence += 1;
    stats_.published += 1;
    rate_.count(monotonic_ns());
    if (generation_->ended()) {
        generation_->state().stream.store(static_cast<uint32_t>(StreamState::live));
    }
    return stats_.last_sequence;
}

void Membership::wake_sleepers() {
    for (const auto& member : members_) {
        member->wake_if_sleeping();
    }
}

bool Membership::is_needed(uint64_t sequence) const {
    return std::any_of(members_.begin(), members_.end(), [&](const auto& member) { return member->needs(sequence); });
}

void Membership::count_lapped(uint64_t sequence) {
    if (sequence != invalid_sequence) {
        stats_.lapped += static_cast<uint64_t>(std::count_if(
            members_.begin(), members_.end(), [&](const auto& member) { return member->misses(sequence); }));
    }
}

void Membership::count_dropped() {
    stats_.last_sequence += 1;
    stats_.dropped += 1;
}

void Membership::drop() {
    std::lock_guard lock(mutex_);
    count_dropped();
    if (generation_) {
        generation_->state().last_sequence.store(stats_.last_sequence);
    }
}

void Membership::eos() {
    std::lock_guard lock(mutex_);
    if (generation_) {
        make_visible([&] { generation_->end(stats_.last_sequence); });
    } else if (!std::exchange(ended_before_generation_, true)) {
        for (const auto& member : members_) {
            member->connection().send(ended_before_generation());
        }
    }
}

Ended Membership::ended_before_generation() {
    Ended message = {};
    message.ends = 1;
    return message;
}

uint32_t Membership::ends_before_now() const {
    // A stream that has ended is told so to those who join it.
    return generation_ ? generation_->state().ends.load() - (generation_->ended() ? 1 : 0) : 0;
}

uint32_t Membership::present() const {
    return static_cast<uint32_t>(
        std::count_if(members_.begin(), members_.end(), [](const auto& member) { return !member->leaving(); }));
}

uint32_t Membership::free_seats() const {
    const auto taken = static_cast<uint32_t>(members_.size());
    return options_.max_subscribers > taken ? options_.max_subscribers - taken : 0;
}

Result<> Membership::wait_subscribers(uint32_t count, int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    auto done = [&] { return interrupted_ || present() >= count; };
    if (const Deadline deadline = deadline_in(timeout_ms); !deadline) {
        changed_.wait(lock, done);
    } else if (!changed_.wait_until(lock, *deadline, done)) {
        return Error{CUFRAMES_ERROR_TIMEOUT, text(present(), " of ", count, " subscribers attached to \"", options_.key,
                                                  "\" within ", timeout_ms, " ms")};
    }
    if (interrupted_) {
        return Error{CUFRAMES_ERROR_INTERRUPTED, "interrupted while waiting for subscribers"};
    }
    return {};
}

void Membership::set_interrupted(bool interrupted) {
    std::lock_guard lock(mutex_);
    interrupted_ = interrupted;
    changed_.notify_all();
}

cuframes_publisher_stats Membership::stats() {
    std::lock_guard lock(mutex_);
    return stats_now();
}

cuframes_publisher_stats Membership::stats_now() const {
    cuframes_publisher_stats out = stats_;
    out.struct_size = sizeof(out);
    out.subscribers = present();
    if (content_) {
        content_->add_to(out);
    }
    return out;
}

std::vector<cuframes_subscriber_info> Membership::subscribers() {
    std::lock_guard lock(mutex_);
    std::vector<cuframes_subscriber_info> out;
    for (const auto& member : members_) {
        out.push_back(info(*member));
    }
    return out;
}

cuframes_subscriber_info Membership::info(const Member& member) const {
    cuframes_subscriber_info out = member.info(stats_.last_sequence);
    content_->add_to(out, member);
    return out;
}

Result<Report::Sealed> Membership::report() {
    Report report;
    {
        std::lock_guard lock(mutex_);
        report.facts.content = CUFRAMES_CONTENT_UNDECIDED;
        report.facts.policy = static_cast<uint32_t>(options_.policy);
        report.facts.pid = ::getpid();
        copy_text(report.facts.program, program_invocation_short_name);
        report.facts.newest_time = rate_.newest();
        report.facts.rate = rate_.per_1000_s(monotonic_ns());
        report.facts.stream = static_cast<uint32_t>(ended_before_generation_ || (generation_ && generation_->ended())
                                                        ? ReportedStream::ended
                                                    : stats_.published > 0 ? ReportedStream::live
                                                                           : ReportedStream::waiting);
        report.add(ReportKind::stats, stats_now());
        for (const auto& member : members_) {
            report.add(ReportKind::subscriber, info(*member));
        }
        if (content_) {
            content_->add_to(report);
        }
    }
    return report.seal();
}

} // namespace cuframes::core
