// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/frame_ring/frame_publisher.h"

#include "base/clock.h"
#include "base/log.h"
#include "publisher/frame_ring/slot.h"
#include "publisher/frame_ring/story.h"

#include <algorithm>

namespace cuframes::core {

std::shared_ptr<FramePublisher> FramePublisher::create(std::shared_ptr<Membership> membership, RingOptions options) {
    std::shared_ptr<FramePublisher> publisher(new FramePublisher(std::move(membership), options));
    publisher->membership_->open(*publisher);
    return publisher;
}

FramePublisher::~FramePublisher() = default;

Result<> FramePublisher::configure(GenerationConfig config) {
    std::shared_ptr<RingGeneration> ring;
    auto renewed = membership_->renew([&](const GenerationPlace& place) -> Result<std::shared_ptr<ContentGeneration>> {
        config.slots = std::max(config.slots, options_.elastic() ? frames_for(granted(), 0) : 0);
        auto made = RingGeneration::create(config, place);
        if (!made) {
            return made.error();
        }
        ring = *made;
        return std::shared_ptr<ContentGeneration>(std::move(*made));
    });
    if (renewed && log_enabled(CUFRAMES_LOG_INFO)) {
        log(CUFRAMES_LOG_INFO, story::generation_made(key(), *ring, config));
    }
    return renewed;
}

Result<std::unique_ptr<Slot>> FramePublisher::acquire(uint32_t flags) {
    LogLater later;
    auto lock = membership_->lock();
    if (!ring()) {
        return Error{CUFRAMES_ERROR_INVALID_STATE,
                     text("the ring \"", key(), "\" has no geometry yet; call cuframes_publisher_configure()")};
    }
    auto generation = std::static_pointer_cast<RingGeneration>(membership_->generation());
    const bool waits = membership_->options().policy == CUFRAMES_POLICY_WAIT;
    // Readers may lease so many, and one more is needed to publish what lies in no slot yet.
    const ring::SlotTable& slots = generation->slots();
    if ((flags & CUFRAMES_ACQUIRE_SPARE) && slots.held() > 0 && slots.held() + granted() + 2 >= slots.usable()) {
        return Error{CUFRAMES_ERROR_NO_FREE_SLOT,
                     text("the slots of \"", key(), "\" that are left are for its readers")};
    }
    auto slot = try_acquire(waits);
    if (!slot && waits && !(flags & CUFRAMES_ACQUIRE_NO_WAIT)) {
        const uint64_t waited_before = membership_->waited_ns();
        slot = wait_for_slot(lock);
        tell_of_wait(membership_->waited_ns() - waited_before, later);
        if (!slot && membership_->interrupted()) {
            return Error{CUFRAMES_ERROR_INTERRUPTED, "interrupted while waiting for strict subscribers"};
        }
        if (!slot && generation.get() != ring()) {
            return Error{CUFRAMES_ERROR_INVALID_STATE, text("\"", key(),
                                                            "\" was configured anew while its slots were waited for; "
                                                            "acquire one of the new generation")};
        }
    }
    if (!slot) {
        tell_of_leases(later);
        return Error{CUFRAMES_ERROR_NO_FREE_SLOT,
                     text("all ", slots.usable(), " slots of \"", key(),
                          "\" are leased by readers or held by the producer",
                          options_.max_slots < CUFRAMES_MAX_RING_SLOTS ? "; let the ring have more slots" : "")};
    }
    return std::make_unique<Slot>(shared_from_this(), std::move(generation), *slot);
}

/// At debug, when readers have made the publisher wait.
void FramePublisher::tell_of_wait(uint64_t waited_ns, LogLater& later) const {
    constexpr uint64_t worth_a_line = 100'000'000;
    if (waited_ns >= worth_a_line && log_enabled(CUFRAMES_LOG_DEBUG)) {
        later.add(CUFRAMES_LOG_DEBUG, text("\"", key(), "\" waited ", waited_ns / 1'000'000, " ms for its readers"));
        tell_of_leases(later);
    }
}

/// At debug, when there was no slot to be had: who holds frames for long. Once in a second at most.
void FramePublisher::tell_of_leases(LogLater& later) const {
    constexpr uint64_t pause = 1'000'000'000;
    if (!log_enabled(CUFRAMES_LOG_DEBUG) || !ring()) {
        return;
    }
    const uint64_t now = monotonic_ns();
    if (now < leases_told_ + pause) {
        return;
    }
    leases_told_ = now;
    for (const auto& member : membership_->members()) {
        const auto& share = member->share<FrameShare>();
        for (std::string& line :
             story::long_leases(key(), member->info(membership_->last_sequence()), lease_page(member->page(*ring())),
                                share.granted() + share.copies(), *ring(), now)) {
            later.add(CUFRAMES_LOG_DEBUG, std::move(line));
        }
    }
}

std::optional<uint32_t> FramePublisher::try_acquire(bool protect_unread) {
    auto may_overwrite = [&](uint64_t sequence) { return !protect_unread || !membership_->is_needed(sequence); };
    auto slot = ring()->slots().acquire(may_overwrite, [this](uint32_t taken) { return is_leased(taken); });
    if (slot) {
        membership_->count_lapped(ring()->slots().overwritten(*slot));
    }
    return slot;
}

bool FramePublisher::is_leased(uint32_t slot) const {
    const RingGeneration& generation = *ring();
    const auto leases = [&](const std::shared_ptr<Member>& member) {
        const auto& share = member->share<FrameShare>();
        const LeasePage* words = lease_page(member->page(generation));
        for (uint32_t i = 0; words && i < share.granted() + share.copies(); ++i) {
            if (ring::leased_slot(words->leases[i], generation.slot_count()) == slot) {
                return true;
            }
        }
        return false;
    };
    return generation.store().is_busy(slot) ||
           std::any_of(membership_->members().begin(), membership_->members().end(), leases);
}

/// CUFRAMES_POLICY_WAIT: until a strict subscriber moves on, or is given up.
std::optional<uint32_t> FramePublisher::wait_for_slot(Lock& lock) {
    std::optional<uint32_t> slot;
    Room room;
    room.take = [&] {
        slot = try_acquire(true);
        return slot.has_value();
    };
    room.hopeless = [this] { return !ring()->slots().blocked_by_readers(); };
    room.wanted = [this] {
        return ring()->slots().oldest_unleased([this](uint32_t candidate) { return is_leased(candidate); });
    };
    if (ring()->on_gpu()) {
        // A lease that a GPU clears brings no message, so those are looked at again.
        room.look_again = std::chrono::milliseconds(2);
    }
    membership_->wait_for_room(lock, room);
    return slot;
}

Result<> FramePublisher::publish(const std::shared_ptr<RingGeneration>& generation, uint32_t slot,
                                 const cuframes_frame_info& info, bool copied) {
    bool metadata_lost = false;
    {
        const auto lock = membership_->lock();
        if (generation.get() != ring()) {
            return Error{CUFRAMES_ERROR_INVALID_STATE, text("this slot of \"", key(),
                                                            "\" belongs to a generation that was superseded or "
                                                            "closed")};
        }
        metadata_lost = !generation->describe(slot, info, monotonic_ns());
        own_.copied += copied ? 1 : 0;
        own_.bytes += generation->geometry().frame_size;
        own_.metadata_dropped += metadata_lost ? 1 : 0;
        membership_->make_visible([&] { generation->make_visible(slot, membership_->next_sequence()); });
    }
    if (metadata_lost) {
        log(CUFRAMES_LOG_WARNING, text("the metadata of a frame of \"", key(), "\" has ", info.metadata_size,
                                       " bytes, more than the ring can carry; it was left out"));
    }
    return {};
}

void FramePublisher::release(RingGeneration& generation, uint32_t slot) {
    const auto lock = membership_->lock();
    // On a GPU there may be work in it that nobody named.
    generation.slots().release(slot, generation.on_gpu());
    membership_->notify();
}

void FramePublisher::add_to(Report& report) const {
    report.facts.content = CUFRAMES_CONTENT_FRAMES;
    if (ring()) {
        report.facts.memory = ring()->on_gpu() ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST;
        report.facts.gpu_uuid = ring()->gpu_uuid();
        report.add(ReportKind::geometry, ring()->geometry());
        report.add_text(ReportKind::caps, ring()->caps());
    }
}

void FramePublisher::add_to(cuframes_publisher_stats& stats) const {
    stats.copied = own_.copied;
    stats.bytes = own_.bytes;
    stats.metadata_dropped = own_.metadata_dropped;
    if (ring()) {
        stats.slots = ring()->slots().kept();
        stats.memory = ring()->store().committed();
    }
}

void FramePublisher::add_to(cuframes_subscriber_info& info, const Member& member) const {
    const auto& share = member.share<FrameShare>();
    info.max_held = share.granted();
    if (const LeasePage* words = lease_page(member.page())) {
        info.held = static_cast<uint32_t>(std::count_if(words->leases.begin(),
                                                        words->leases.begin() + share.granted() + share.copies(),
                                                        [](const auto& lease) { return lease.load() != 0; }));
    }
}

} // namespace cuframes::core
