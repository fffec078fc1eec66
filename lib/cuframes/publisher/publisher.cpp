// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/publisher.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/boot_id.h"
#include "memory/copy.h"
#include "publisher/service.h"
#include "publisher/story.h"
#include "ring/handshake.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>

namespace cuframes::core {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Epochs tell generations apart over restarts too, so they start at random.
uint64_t random_epoch() {
    uint64_t epoch = 0;
    if (::getrandom(&epoch, sizeof(epoch), GRND_NONBLOCK) != sizeof(epoch)) {
        epoch = monotonic_ns();
    }
    return epoch >> 1 | 1;
}

} // namespace

Result<std::shared_ptr<Publisher>> Publisher::create(PublisherOptions options) {
    auto key = KeyHolder::take(options.directory, options.key, options.access);
    if (!key) {
        return key.error();
    }
    (void)static_cast<bool>(boot_id()); // While there are descriptors to read it.
    std::shared_ptr<Publisher> publisher(new Publisher(std::move(options), std::move(*key)));
    auto service = Service::start(*publisher);
    if (!service) {
        return service.error();
    }
    publisher->service_ = std::move(*service);
    story::key_taken(publisher->options_.key, publisher->path(), publisher->options_.access.name());
    return publisher;
}

Publisher::Publisher(PublisherOptions options, KeyHolder key)
    : options_(std::move(options)), key_(std::move(key)), next_epoch_(random_epoch()) {}

Publisher::~Publisher() = default;

void Publisher::close() {
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
    key_.release();
}

Result<> Publisher::configure(GenerationConfig config) {
    LogLater later;
    std::unique_lock lock(mutex_);
    if (auto waited = await_those_behind(lock); !waited) {
        return waited.error();
    }
    if (closed_) {
        return Error{CUFRAMES_ERROR_INVALID_STATE,
                     text("the publisher of \"", options_.key, "\" was closed meanwhile")};
    }
    config.slots = std::max(config.slots, options_.elastic() ? frames_for(granted(), 0) : 0);
    config.latency = latency_;
    auto made = RingGeneration::create(config, next_epoch_, stats_.last_sequence + 1);
    if (!made) {
        return made.error();
    }
    next_epoch_ += 1;
    const bool is_short =
        ring::change_then_look([&] { replace_generation(std::move(*made)); }, [&] { return serve_all(); });
    if (log_enabled(CUFRAMES_LOG_INFO)) {
        later.add(CUFRAMES_LOG_INFO, story::generation_made(options_.key, *generation_, config));
    }
    changed_.notify_all(); // Who waits for a slot of the generation before waits in vain.
    lock.unlock();
    if (is_short) {
        tell_shortage();
        service_->look_again();
    }
    return {};
}

void Publisher::replace_generation(std::shared_ptr<RingGeneration> next) {
    if (generation_) {
        next->supersede(*generation_);
    } else if (ended_before_ring_) {
        next->state().ends.store(1);
    }
    generation_ = std::move(next);
    ended_before_ring_ = false;
    stats_.epoch = generation_->epoch();
}

void Publisher::wake_sleepers() {
    for (const Member& member : members_) {
        member.subscriber->wake_if_sleeping();
    }
}

/// CUFRAMES_POLICY_WAIT: a subscriber is sent the next generation when it has taken up the one before. With two of them on
/// the way it would never see the frames of the first. One that takes frames is waited for, as it will come to their end.
Result<> Publisher::await_those_behind(std::unique_lock<std::mutex>& lock) {
    if (options_.policy != CUFRAMES_POLICY_WAIT || !generation_) {
        return {};
    }
    const auto start = steady_clock::now();
    const auto is_behind = [this](const Member& member) {
        return member.subscriber->needs(stats_.last_sequence) && member.subscriber->behind(*generation_);
    };
    // Two rings lie before a reader at most.
    forget_wait(2 * CUFRAMES_MAX_SLOTS);
    Result<> result;
    for (;;) {
        Deadline look_again; // Of the first that is in the way, and empty if none is.
        for (const Member& member : members_) {
            if (is_behind(member)) {
                give_up_if_late(member, stats_.last_sequence, look_again);
            }
        }
        if (!look_again) {
            break;
        }
        if (interrupted_) {
            result = Error{CUFRAMES_ERROR_INTERRUPTED, "interrupted while waiting for strict subscribers"};
            break;
        }
        changed_.wait_until(lock, *look_again);
    }
    stats_.waited_ns += static_cast<uint64_t>(std::chrono::nanoseconds(steady_clock::now() - start).count());
    return result;
}

void Publisher::set_latency(uint64_t latency) {
    std::lock_guard lock(mutex_);
    latency_ = latency;
    if (generation_) {
        generation_->state().latency.store(latency);
    }
}

Result<std::unique_ptr<Slot>> Publisher::acquire(uint32_t flags) {
    LogLater later;
    std::unique_lock lock(mutex_);
    if (!generation_) {
        return Error{CUFRAMES_ERROR_INVALID_STATE,
                     text("the ring \"", options_.key, "\" has no geometry yet; call cuframes_publisher_configure()")};
    }
    const auto generation = generation_;
    const bool waits = options_.policy == CUFRAMES_POLICY_WAIT;
    // Readers may lease so many, and one more is needed to publish what lies in no slot yet.
    const ring::SlotTable& slots = generation->slots();
    if ((flags & CUFRAMES_ACQUIRE_SPARE) && slots.held() > 0 && slots.held() + granted() + 2 >= slots.usable()) {
        return Error{CUFRAMES_ERROR_NO_FREE_SLOT,
                     text("the slots of \"", options_.key, "\" that are left are for its readers")};
    }
    auto slot = try_acquire(waits);
    if (!slot && waits && !(flags & CUFRAMES_ACQUIRE_NO_WAIT)) {
        const uint64_t waited_before = stats_.waited_ns;
        slot = wait_for_slot(lock);
        tell_of_wait(stats_.waited_ns - waited_before, later);
        if (!slot && interrupted_) {
            return Error{CUFRAMES_ERROR_INTERRUPTED, "interrupted while waiting for strict subscribers"};
        }
        if (!slot && generation != generation_) {
            return Error{CUFRAMES_ERROR_INVALID_STATE, text("\"", options_.key,
                                                            "\" was configured anew while its slots were waited for; "
                                                            "acquire one of the new generation")};
        }
    }
    if (!slot) {
        tell_of_leases(later);
        return Error{CUFRAMES_ERROR_NO_FREE_SLOT,
                     text("all ", slots.usable(), " slots of \"", options_.key,
                          "\" are leased by readers or held by the producer",
                          options_.max_slots < CUFRAMES_MAX_RING_SLOTS ? "; let the ring have more slots" : "")};
    }
    return std::make_unique<Slot>(shared_from_this(), generation_, *slot);
}

/// At debug, when readers have made the publisher wait.
void Publisher::tell_of_wait(uint64_t waited_ns, LogLater& later) {
    constexpr uint64_t worth_a_line = 100'000'000;
    if (waited_ns >= worth_a_line && log_enabled(CUFRAMES_LOG_DEBUG)) {
        later.add(CUFRAMES_LOG_DEBUG,
                  text("\"", options_.key, "\" waited ", waited_ns / 1'000'000, " ms for its readers"));
        tell_of_leases(later);
    }
}

/// At debug, when there was no slot to be had: who holds frames for long. Once in a second at most.
void Publisher::tell_of_leases(LogLater& later) {
    constexpr uint64_t pause = 1'000'000'000;
    if (!log_enabled(CUFRAMES_LOG_DEBUG) || !generation_) {
        return;
    }
    const uint64_t now = monotonic_ns();
    if (now < leases_told_ + pause) {
        return;
    }
    leases_told_ = now;
    for (const Member& member : members_) {
        for (std::string& line :
             story::long_leases(options_.key, *member.subscriber, *generation_, stats_.last_sequence, now)) {
            later.add(CUFRAMES_LOG_DEBUG, std::move(line));
        }
    }
}

std::optional<uint32_t> Publisher::try_acquire(bool protect_unread) {
    auto may_overwrite = [&](uint64_t sequence) {
        return !protect_unread || std::none_of(members_.begin(), members_.end(), [&](const Member& member) {
            return member.subscriber->needs(sequence);
        });
    };
    auto slot = generation_->slots().acquire(may_overwrite, [this](uint32_t taken) { return is_leased(taken); });
    if (slot) {
        count_lapped(generation_->slots().overwritten(*slot));
    }
    return slot;
}

bool Publisher::is_leased(uint32_t slot) const {
    return generation_->store().is_busy(slot) ||
           std::any_of(members_.begin(), members_.end(),
                       [&](const Member& member) { return member.subscriber->leases(slot, *generation_); });
}

/// CUFRAMES_POLICY_WAIT: until a strict subscriber moves on, or is given up.
std::optional<uint32_t> Publisher::wait_for_slot(std::unique_lock<std::mutex>& lock) {
    const auto start = steady_clock::now();
    const auto generation = generation_;
    RingState& state = generation->state();
    waiters_ += 1;
    if (waiters_ == 1) {
        forget_wait();
    }
    const auto slot = ring::wait_for_readers(state.publisher_waits, [&] { return acquire_in_time(lock); });
    // A decoder's threads may wait here side by side: the last one to leave takes the flag down.
    waiters_ -= 1;
    if (waiters_ == 0) {
        forget_wait();
        state.publisher_waits.store(0);
    }
    stats_.waited_ns += static_cast<uint64_t>(std::chrono::nanoseconds(steady_clock::now() - start).count());
    return slot;
}

void Publisher::forget_wait(uint32_t more) {
    for (const Member& member : members_) {
        member.subscriber->forget_wait(more);
    }
}

std::optional<uint32_t> Publisher::acquire_in_time(std::unique_lock<std::mutex>& lock) {
    const auto generation = generation_;
    // For leases: those of readers that are not waited for, and of frames that everybody has taken.
    const auto deadline = deadline_in(options_.wait_timeout_ms);
    while (generation == generation_ && !interrupted_) {
        const auto slot = try_acquire(true);
        if (slot || !generation->slots().blocked_by_readers()) {
            return slot;
        }
        Deadline look_again;
        if (give_up_late_readers(look_again)) {
            continue;
        }
        if (!look_again && steady_clock::now() >= *deadline) {
            return {};
        }
        look_again = look_again ? look_again : deadline;
        if (generation->on_gpu()) {
            // A lease that a GPU clears brings no message, so those are looked at again.
            look_again = std::min(*look_again, steady_clock::now() + milliseconds(2));
        }
        changed_.wait_until(lock, *look_again);
    }
    return {};
}

/// Gives up who is in the way and has taken nothing for as long as one is waited for. Others, who may be as far behind and
/// yet at work, are waited for. False: nobody is that late; `look_again` is when the first will be, empty if none is in
/// the way.
bool Publisher::give_up_late_readers(Deadline& look_again) {
    const uint64_t wanted = generation_->slots().oldest_unleased([this](uint32_t slot) { return is_leased(slot); });
    bool given_up = false;
    for (const Member& member : members_) {
        given_up = give_up_if_late(member, wanted, look_again) || given_up;
    }
    return given_up;
}

bool Publisher::give_up_if_late(const Member& member, uint64_t wanted, Deadline& look_again) {
    const auto now = steady_clock::now();
    const auto since = member.subscriber->waited_for_since(wanted, now);
    if (!since) {
        return false;
    }
    const auto until = *since + milliseconds(options_.wait_timeout_ms);
    if (now >= until) {
        member.subscriber->give_up();
        return true;
    }
    look_again = look_again ? std::min(*look_again, until) : until;
    return false;
}

void Publisher::count_lapped(uint64_t sequence) {
    if (sequence != invalid_sequence) {
        stats_.lapped += static_cast<uint64_t>(std::count_if(
            members_.begin(), members_.end(), [&](const Member& m) { return m.subscriber->misses(sequence); }));
    }
}

Result<> Publisher::publish(const std::shared_ptr<RingGeneration>& generation, uint32_t slot,
                            const cuframes_frame_info& info, bool copied) {
    bool metadata_lost = false;
    {
        std::lock_guard lock(mutex_);
        if (generation != generation_) {
            return Error{CUFRAMES_ERROR_INVALID_STATE, text("this slot of \"", options_.key,
                                                            "\" belongs to a generation that was superseded or "
                                                            "closed")};
        }
        metadata_lost = !generation->describe(slot, info, monotonic_ns());
        stats_.last_sequence += 1;
        stats_.published += 1;
        stats_.copied += copied ? 1 : 0;
        stats_.bytes += generation->geometry().frame_size;
        stats_.metadata_dropped += metadata_lost ? 1 : 0;
        if (generation->ended()) {
            generation->state().stream.store(static_cast<uint32_t>(StreamState::live));
        }
        ring::change_then_look([&] { generation->make_visible(slot, stats_.last_sequence); }, [&] { wake_sleepers(); });
    }
    if (metadata_lost) {
        log(CUFRAMES_LOG_WARNING, text("the metadata of a frame of \"", options_.key, "\" has ", info.metadata_size,
                                       " bytes, more than the ring can carry; it was left out"));
    }
    return {};
}

void Publisher::release(RingGeneration& generation, uint32_t slot) {
    std::lock_guard lock(mutex_);
    // On a GPU there may be work in it that nobody named.
    generation.slots().release(slot, generation.on_gpu());
    changed_.notify_all();
}

void Publisher::drop() {
    std::lock_guard lock(mutex_);
    stats_.last_sequence += 1;
    stats_.dropped += 1;
    if (generation_) {
        generation_->state().last_sequence.store(stats_.last_sequence);
    }
}

void Publisher::eos() {
    std::lock_guard lock(mutex_);
    if (generation_) {
        ring::change_then_look([&] { generation_->end(stats_.last_sequence); }, [&] { wake_sleepers(); });
    } else if (!std::exchange(ended_before_ring_, true)) {
        for (const Member& member : members_) {
            member.subscriber->connection().send(ended_before_ring());
        }
    }
}

Ended Publisher::ended_before_ring() {
    Ended message = {};
    message.ends = 1;
    return message;
}

uint32_t Publisher::ends_before_now() const {
    // A stream that has ended is told so to those who join it.
    return generation_ ? generation_->state().ends.load() - (generation_->ended() ? 1 : 0) : 0;
}

uint32_t Publisher::present() const {
    return static_cast<uint32_t>(
        std::count_if(members_.begin(), members_.end(), [](const Member& m) { return !m.subscriber->leaving(); }));
}

Result<> Publisher::wait_subscribers(uint32_t count, int64_t timeout_ms) {
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

void Publisher::set_interrupted(bool interrupted) {
    std::lock_guard lock(mutex_);
    interrupted_ = interrupted;
    changed_.notify_all();
}

cuframes_publisher_stats Publisher::stats() {
    std::lock_guard lock(mutex_);
    cuframes_publisher_stats out = stats_;
    out.subscribers = present();
    if (generation_) {
        out.slots = generation_->slots().kept();
        out.memory = generation_->store().committed();
    }
    return out;
}

std::vector<cuframes_subscriber_info> Publisher::subscribers() {
    std::lock_guard lock(mutex_);
    std::vector<cuframes_subscriber_info> out;
    for (const Member& member : members_) {
        out.push_back(member.subscriber->info(stats_.last_sequence));
    }
    return out;
}

// ---------------------------------------------------------------------------------------------------------- a slot

Slot::~Slot() {
    if (!published_) {
        // Whoever has it next would find what is still under way in its frame.
        if (first_stream_) {
            more_streams_.push_back(*first_stream_);
        }
        generation_->store().make_busy(index_, more_streams_);
    }
    publisher_->release(*generation_, index_);
}

Result<> Slot::record_stream(const StreamRef& stream) {
    if (!generation_->on_gpu()) {
        return {};
    }
    auto own = generation_->store().identify(stream);
    if (!own) {
        return own.error();
    }
    std::lock_guard lock(mutex_);
    if (!first_stream_) {
        first_stream_ = *own;
    } else if (*first_stream_ != *own &&
               std::find(more_streams_.begin(), more_streams_.end(), *own) == more_streams_.end()) {
        more_streams_.push_back(*own);
    }
    return {};
}

std::optional<StreamRef> Slot::stream(size_t index) {
    std::lock_guard lock(mutex_);
    if (index == 0) {
        return first_stream_;
    }
    return index <= more_streams_.size() ? std::optional(more_streams_[index - 1]) : std::nullopt;
}

Result<> Slot::write(const cuframes_image& image) {
    if (published_) {
        return Error{CUFRAMES_ERROR_INVALID_STATE, "this slot was published; its pixels belong to its readers now"};
    }
    if (auto fits = check_image(image, generation_->geometry()); !fits) {
        return fits.error();
    }
    // Also a copy that fails may have begun.
    if (auto named = record_stream(image.cuda_stream); !named) {
        return named;
    }
    copied_ = true;
    return generation_->store().write(data(), generation_->geometry(), image);
}

Result<> Slot::publish(const cuframes_frame_info& info, const StreamRef& stream) {
    if (published_) {
        return Error{CUFRAMES_ERROR_INVALID_STATE, "this slot was published before; acquire another one"};
    }
    if (auto named = record_stream(stream); !named) {
        return named;
    }
    for (size_t i = 0; const auto one = this->stream(i); ++i) {
        if (auto complete = generation_->store().complete(*one); !complete) {
            return complete.error();
        }
    }
    auto done = publisher_->publish(generation_, index_, info, copied_);
    published_ = static_cast<bool>(done);
    return done;
}

} // namespace cuframes::core
