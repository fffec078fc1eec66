// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/frame_ring/attached_ring.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <algorithm>
#include <cstring>

namespace cuframes::core {

Result<std::shared_ptr<AttachedRing>> AttachedRing::open(std::shared_ptr<Link> link,
                                                         std::shared_ptr<LeaseAccount> account,
                                                         const Datagram& datagram, cuframes_mode mode,
                                                         const ReadOptions& options) {
    auto mapped = map(datagram, descriptors);
    if (!mapped) {
        return mapped.error();
    }
    auto description =
        read_ring_header(mapped->control.data(), mapped->message.control_size, mapped->message.parts_size);
    if (!description) {
        return description.error();
    }
    auto frames = description->memory == CUFRAMES_MEMORY_CUDA
                      ? open_cuda_frames(datagram.fds[2], *description, mapped->page.data(), options.cuda_device,
                                         options.cuda_context, options.release)
                      : open_host_frames(datagram.fds[2], *description);
    if (!frames) {
        return frames.error();
    }
    return std::shared_ptr<AttachedRing>(new AttachedRing(std::move(link), std::move(account), std::move(*description),
                                                          std::move(*mapped), std::move(*frames), mode),
                                         dispose);
}

void AttachedRing::dispose(AttachedRing* ring) {
    if (!ring->frames_->has_releases_under_way()) {
        delete ring;
        return;
    }
    auto thread = start_thread("cuframes-end", [ring] { delete ring; });
    if (thread) {
        thread->detach();
        return;
    }
    log(CUFRAMES_LOG_WARNING, text("the GPU's work on frames of a ring is waited for here: ", thread.error().message));
    delete ring; // Late is better than never.
}

AttachedRing::AttachedRing(std::shared_ptr<Link> link, std::shared_ptr<LeaseAccount> account,
                           RingDescription description, Mapped mapped, std::unique_ptr<FrameAccess> frames,
                           cuframes_mode mode)
    : AdoptedGeneration(std::move(link), std::move(mapped), description.control),
      account_(std::move(account)),
      description_(std::move(description)),
      frames_(std::move(frames)),
      reader_(state(), frame_words(), records(), mode, page().position.load(std::memory_order_relaxed),
              this->link().ends_told) {
    tell_adopted();
}

std::span<const SlotRecord> AttachedRing::records() const {
    return {reinterpret_cast<const SlotRecord*>(control(description_.records_offset)), description_.slot_count};
}

Result<> AttachedRing::add_part(const Datagram& datagram) {
    Chunk chunk;
    if (!datagram.as(chunk, 1) || chunk.index != next_chunk_ || next_chunk_ >= description_.chunk_count()) {
        return Error{CUFRAMES_ERROR_PROTOCOL, "the publisher sent a damaged chunk message"};
    }
    next_chunk_ += 1;
    return frames_->add_chunk(datagram.fds[0]);
}

uint32_t AttachedRing::spare() const {
    const uint32_t granted = account_->most();
    const uint32_t held = account_->held.load(std::memory_order_relaxed);
    return granted > held ? granted - held : 0;
}

std::variant<AttachedRing::Lease, AttachedRing::Nothing> AttachedRing::take(uint64_t latency) {
    const uint64_t behind = reader_.behind();
    uint64_t late_until = CUFRAMES_TIME_NONE;
    if (behind > 1 && latency != CUFRAMES_TIME_NONE) {
        const uint64_t now = monotonic_ns();
        late_until = now > latency ? now - latency : 0;
    }
    if (reader_.look_for_end(late_until)) {
        return Nothing::end; // For which no lease is needed.
    }
    if (behind == 0) {
        return Nothing::no_frame;
    }
    if (const Leases state = leases(); state != Leases::free) {
        return state == Leases::under_way ? Nothing::lease_under_way
               : state == Leases::lost    ? Nothing::lease_lost
                                          : Nothing::no_lease;
    }
    const uint32_t word = *free_word();
    const uint32_t mapped = frames_->mapped_slots();
    const auto taken = reader_.take(lease_page().leases[word], late_until, mapped);
    if (!taken && reader_.end_is_next()) {
        return Nothing::end;
    }
    if (!taken) {
        return reader_.slots_in_use() > mapped ? Nothing::memory_missing : Nothing::no_frame;
    }
    held_[word].store(true, std::memory_order_relaxed);
    account_->held.fetch_add(1);
    give_back([&] { tell_position(taken->sequence); }); // It may wait for just this.
    return Lease{*taken, word};
}

uint64_t AttachedRing::pass_to(uint64_t sequence) {
    const uint64_t missed = reader_.pass_to(sequence);
    tell_position(reader_.position());
    return missed;
}

uint64_t AttachedRing::tell_end() {
    const uint64_t missed = reader_.tell_end();
    tell_position(reader_.position());
    link().ends_told = reader_.ends_told();
    return missed;
}

std::optional<uint32_t> AttachedRing::free_word() {
    const uint32_t granted = account_->most();
    for (uint32_t word = 0; word < granted; ++word) {
        if (!held_[word].load(std::memory_order_acquire) &&
            lease_page().leases[word].load(std::memory_order_acquire) == ring::no_lease) {
            return word;
        }
    }
    return {};
}

AttachedRing::Leases AttachedRing::leases() {
    // Frames of an earlier generation count too: what was granted is a number of frames.
    if (account_->held.load() >= account_->most()) {
        return Leases::all_held;
    }
    if (free_word()) {
        return Leases::free;
    }
    auto under_way = frames_->when_released(link().poke);
    if (!under_way) {
        lost_leases_ = under_way.error();
        return Leases::lost;
    }
    if (*under_way) {
        return Leases::under_way;
    }
    return free_word() ? Leases::free : Leases::all_held; // It was done just then.
}

void AttachedRing::release(uint32_t word, const std::vector<StreamRef>& streams) {
    give_back([&] {
        frames_->release(lease_page().leases[word], streams);
        held_[word].store(false, std::memory_order_release);
        account_->held.fetch_sub(1);
    });
    if (account_->starving.exchange(false)) {
        link().poke->wake();
    }
}

std::vector<std::byte> AttachedRing::metadata(uint32_t slot) const {
    // Copied, so that whoever parses it reads words that cannot change meanwhile.
    const uint32_t size = std::min(record(slot).metadata_size, description_.metadata_stride);
    const std::byte* begin = control(description_.metadata_offset + uint64_t{description_.metadata_stride} * slot);
    return {begin, begin + size};
}

} // namespace cuframes::core
