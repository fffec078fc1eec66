// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/publisher.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/boot_id.h"
#include "publisher/frame_ring/slot.h"
#include "publisher/service.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>

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
    return publisher;
}

Publisher::Publisher(PublisherOptions options, KeyHolder key)
    : options_(std::move(options)), key_(std::move(key)), next_epoch_(random_epoch()) {}

Publisher::~Publisher() = default;

void Publisher::close() {
    set_interrupted(true);
    service_.reset();
    std::lock_guard lock(mutex_);
    closed_ = true;
    if (generation_ && generation_->stream_state() == StreamState::live) {
        generation_->state().stream.store(static_cast<uint32_t>(StreamState::closed));
    }
    members_.clear(); // Their connections close, which wakes them.
    generation_.reset();
    key_.release();
}

Result<> Publisher::configure(GenerationConfig config) {
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
    if (generation_) {
        (*made)->supersede(*generation_);
    } else if (ended_before_ring_) {
        (*made)->state().ends.store(1);
    }
    generation_ = std::move(*made);
    ended_before_ring_ = false;
    stats_.epoch = generation_->epoch();
    // Pairs with the subscriber's fence between adopting a ring and looking whether it was superseded.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const bool is_short = serve_all();
    changed_.notify_all(); // Who waits for a slot of the generation before waits in vain.
    lock.unlock();
    if (is_short) {
        tell_shortage();
        service_->look_again();
    }
    return {};
}

void Publisher::set_latency(uint64_t latency) {
    std::lock_guard lock(mutex_);
    latency_ = latency;
    if (generation_) {
        generation_->state().latency.store(latency);
    }
}

Result<std::unique_ptr<Slot>> Publisher::acquire(uint32_t flags) {
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
        slot = wait_for_slot(lock);
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
        return Error{CUFRAMES_ERROR_NO_FREE_SLOT,
                     text("all ", slots.usable(), " slots of \"", options_.key,
                          "\" are leased by readers or held by the producer",
                          options_.max_slots < max_ring_slots ? "; let the ring have more slots" : "")};
    }
    return std::make_unique<Slot>(shared_from_this(), generation_, *slot);
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
        generation->make_visible(slot, stats_.last_sequence);
        // Pairs with the subscriber's fence between setting `sleeping` and looking at `latest`.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        for (const Member& member : members_) {
            member.subscriber->wake_if_sleeping();
        }
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
        generation_->end(stats_.last_sequence);
        std::atomic_thread_fence(std::memory_order_seq_cst); // As in publish().
        for (const Member& member : members_) {
            member.subscriber->wake_if_sleeping();
        }
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

} // namespace cuframes::core
