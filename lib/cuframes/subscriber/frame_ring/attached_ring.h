// SPDX-License-Identifier: LGPL-2.1-or-later
/// One ring generation, as a subscriber has it: the three mappings, the way through the frames, and its lease words.
#pragma once

#include "ipc/shared_memory.h"
#include "memory/frame_store.h"
#include "ring/reader.h"
#include "subscriber/link.h"

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace cuframes::core {

/// Where the frames are to be read.
struct ReadOptions {
    cuframes_mode mode;
    int32_t cuda_device;
    void* cuda_context;
    ReleaseScope release;
};

/// Kept alive by the subscriber and by every frame held. Frames are taken by one thread, and released by any.
class AttachedRing {
public:
    /// Maps what a Generation message brought.
    static Result<std::shared_ptr<AttachedRing>> open(std::shared_ptr<Link> link, const Packet& packet,
                                                      const ReadOptions& options);

    struct Lease {
        ring::Taken taken;
        uint32_t word;
    };
    /// Tells the publisher that this generation was taken up, as open() does, without mapping the rest of it.
    static Result<> pass_over(const Packet& packet);
    /// Whether a newer generation than the one that the message brought has taken its place.
    static bool is_superseded(const Packet& packet);

    enum class Nothing { no_frame, no_lease, lease_under_way, lease_lost, memory_missing, end };

    /// Takes the next frame. `latency`: see cuframes_subscriber_set_latency().
    std::variant<Lease, Nothing> take(uint64_t latency);

    /// Maps one more chunk of a growing ring.
    Result<> add_chunk(const Packet& packet);

    /// Under way: the GPU is about to end one, and then the link's `poke` is woken. Lost: the driver will end none of those
    /// that are missing, see lost_leases().
    enum class Leases { free, under_way, all_held, lost };
    Leases leases();
    const Error& lost_leases() const { return *lost_leases_; }

    /// Ends a lease after the work on `streams`. Any thread.
    void release(uint32_t word, const std::vector<StreamRef>& streams);

    /// Tells the publisher that we are about to sleep, once more, or are awake. Fenced: look for a frame after.
    void set_sleeping(bool sleeping);
    void tell_counters(uint64_t received, uint64_t skipped, uint64_t lost);

    /// Counts what lies between the last frame taken and `sequence`, at the end of this ring.
    uint64_t pass_to(uint64_t sequence);
    /// After Nothing::end: counts what lies between the last frame taken and the end of the stream.
    uint64_t tell_end();

    const RingDescription& description() const { return description_; }
    const ring::Reader& reader() const { return reader_; }
    StreamState stream_state() const {
        return static_cast<StreamState>(state().stream.load(std::memory_order_acquire));
    }
    uint64_t latency() const { return state().latency.load(std::memory_order_relaxed); }
    uint64_t last_sequence() const { return state().last_sequence.load(std::memory_order_acquire); }
    const SlotRecord& record(uint32_t slot) const { return records()[slot]; }
    std::vector<std::byte> metadata(uint32_t slot) const;
    const std::byte* slot_data(uint32_t slot) const { return frames_->base() + description_.slot_offset(slot); }
    /// Frames that could be taken on top of those held.
    uint32_t spare() const;
    FrameAccess& frames() const { return *frames_; }

private:
    AttachedRing(std::shared_ptr<Link> link, RingDescription description, Mapping control, Mapping page,
                 std::unique_ptr<FrameAccess> frames, cuframes_mode mode);
    ~AttachedRing() = default;

    /// The end of the last reference, which a tensor's deleter may hold: whatever the GPU is at, it does not wait.
    static void dispose(AttachedRing* ring);

    static void tell_adopted(const Mapping& page);
    std::optional<uint32_t> free_word();
    ReaderPage& page() const { return lease_page().reader; }
    LeasePage& lease_page() const { return *reinterpret_cast<LeasePage*>(page_.data()); }
    const StreamWords& state() const { return reinterpret_cast<const ControlHeader*>(control_.data())->state; }
    const FrameWords& frame_words() const {
        return reinterpret_cast<const FramesHeader*>(control_.data() + sizeof(ControlHeader))->words;
    }
    std::span<const SlotRecord> records() const;

    // Destroyed in reverse: the frames' releases write to the lease page, so they finish first.
    std::shared_ptr<Link> link_;
    const RingDescription description_;
    Mapping control_;
    Mapping page_;
    std::unique_ptr<FrameAccess> frames_;
    uint32_t next_chunk_ = 1; ///< Chunk 0 came with the generation.
    uint32_t sleeps_ = 0;
    ring::Reader reader_;
    std::optional<Error> lost_leases_;
    std::array<std::atomic<bool>, CUFRAMES_MAX_HELD + 1> held_ = {}; ///< Words whose frame is still referenced here.
};

} // namespace cuframes::core
