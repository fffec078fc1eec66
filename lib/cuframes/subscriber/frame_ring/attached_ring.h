// SPDX-License-Identifier: LGPL-2.1-or-later
/// One generation of the frame ring, as a subscriber has it: frame memory, the way through the frames, and its lease words.
#pragma once

#include "memory/frame_store.h"
#include "ring/reader.h"
#include "subscriber/frame_ring/lease_account.h"
#include "subscriber/generation.h"
#include "subscriber/link.h"

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace cuframes::core {

/// Where the frames are to be read.
struct ReadOptions {
    int32_t cuda_device;
    void* cuda_context;
    ReleaseScope release;
};

/// Frames are taken by one thread, and released by any.
class AttachedRing final : public AdoptedGeneration {
public:
    /// Maps what a Generation message brought.
    static Result<std::shared_ptr<AttachedRing>> open(std::shared_ptr<Link> link, std::shared_ptr<LeaseAccount> account,
                                                      const Datagram& datagram, cuframes_mode mode,
                                                      const ReadOptions& options);
    /// Descriptors that such a message has.
    static constexpr size_t descriptors = 3;

    struct Lease {
        ring::Taken taken;
        uint32_t word;
    };
    enum class Nothing { no_frame, no_lease, lease_under_way, lease_lost, memory_missing, end };

    /// Takes the next frame. `latency`: see cuframes_subscriber_set_latency().
    std::variant<Lease, Nothing> take(uint64_t latency);

    bool has_more() const override { return reader_.has_next() || reader_.has_end(); }
    uint64_t pass_to(uint64_t sequence) override;
    uint64_t tell_end() override;
    /// Maps one more chunk of a growing ring.
    Result<> add_part(const Datagram& datagram) override;
    uint32_t parts_added() const override { return next_chunk_ - 1; }

    /// Under way: the GPU is about to end one, and then the link's `poke` is woken. Lost: the driver will end none of those
    /// that are missing, see lost_leases().
    enum class Leases { free, under_way, all_held, lost };
    Leases leases();
    const Error& lost_leases() const { return *lost_leases_; }

    /// Ends a lease after the work on `streams`. Any thread.
    void release(uint32_t word, const std::vector<StreamRef>& streams);

    const RingDescription& description() const { return description_; }
    const SlotRecord& record(uint32_t slot) const { return records()[slot]; }
    std::vector<std::byte> metadata(uint32_t slot) const;
    const std::byte* slot_data(uint32_t slot) const { return frames_->base() + description_.slot_offset(slot); }
    /// Frames that could be taken on top of those held.
    uint32_t spare() const;
    FrameAccess& frames() const { return *frames_; }

private:
    AttachedRing(std::shared_ptr<Link> link, std::shared_ptr<LeaseAccount> account, RingDescription description,
                 Mapped mapped, std::unique_ptr<FrameAccess> frames, cuframes_mode mode);
    ~AttachedRing() override = default;

    /// The end of the last reference, which a tensor's deleter may hold: whatever the GPU is at, it does not wait.
    static void dispose(AttachedRing* ring);

    std::optional<uint32_t> free_word();
    LeasePage& lease_page() const { return reinterpret_cast<LeasePage&>(page()); }
    const FrameWords& frame_words() const {
        return reinterpret_cast<const FramesHeader*>(control(sizeof(ControlHeader)))->words;
    }
    std::span<const SlotRecord> records() const;

    // Destroyed in reverse, and before the page: the frames' releases write to that, so they finish first.
    std::shared_ptr<LeaseAccount> account_;
    const RingDescription description_;
    std::unique_ptr<FrameAccess> frames_;
    uint32_t next_chunk_ = 1; ///< Chunk 0 came with the generation.
    ring::Reader reader_;
    std::optional<Error> lost_leases_;
    std::array<std::atomic<bool>, CUFRAMES_MAX_HELD + 1> held_ = {}; ///< Words whose frame is still referenced here.
};

} // namespace cuframes::core
