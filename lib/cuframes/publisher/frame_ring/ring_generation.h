// SPDX-License-Identifier: LGPL-2.1-or-later
/// One generation of the frame ring: frame memory, the section of frames in control memory, and the choice of slots.
#pragma once

#include "memory/frame_store.h"
#include "publisher/generation.h"
#include "ring/slot_table.h"

#include <memory>
#include <span>
#include <string>

namespace cuframes::core {

struct GenerationConfig {
    cuframes_memory memory;
    cuframes_geometry geometry;
    std::string caps;
    int32_t cuda_device;
    void* cuda_context;
    uint32_t slots;          ///< Frames kept for readers, at first.
    uint32_t max_slots;      ///< And at most.
    uint32_t producer_slots; ///< On top, for what the producer holds.
    uint32_t metadata_size;
};

/// Lives as long as any slot of it is held. Calls that touch the slot table are under the publisher's mutex.
class RingGeneration final : public ContentGeneration {
public:
    static Result<std::shared_ptr<RingGeneration>> create(const GenerationConfig& config, const GenerationPlace& place);

    /// Chunks of frame memory.
    uint32_t parts() const override { return store_->chunks(); }
    int part_fd(uint32_t part) const override { return store_->chunk_fd(part); }

    /// The most that the ring may grow to.
    uint32_t slot_count() const { return frames().slot_count; }
    const cuframes_geometry& geometry() const { return geometry_; }
    std::string_view caps() const {
        return {reinterpret_cast<const char*>(at(frames().caps_offset)), frames().caps_size};
    }
    const std::array<uint8_t, 16>& gpu_uuid() const { return frames().gpu_uuid; }
    bool on_gpu() const { return frames().memory == CUFRAMES_MEMORY_CUDA; }

    std::byte* slot_data(uint32_t slot) const;
    FrameStore& store() const { return *store_; }
    ring::SlotTable& slots() { return slots_; }
    uint32_t kept() const { return slots_.kept(); }
    const SlotRecord& record(uint32_t slot) const { return records_[slot]; }
    Latest latest() const { return Latest::unpack(frames().words.latest.load(std::memory_order_relaxed)); }

    /// Gets the memory to keep `kept` frames. Not under the mutex, as it takes its time; one thread at a time.
    Result<> reserve(uint32_t kept);
    /// Keeps so many frames from now on, for which reserve() has got the memory.
    void grow(uint32_t kept) { slots_.grow(kept); }

    /// Fills the record of a held slot. False: the metadata did not fit and was left out.
    bool describe(uint32_t slot, const cuframes_frame_info& info, uint64_t now);
    void make_visible(uint32_t slot, uint64_t sequence);

private:
    RingGeneration(SharedMemory control, std::unique_ptr<FrameStore> store, const GenerationConfig& config);
    FramesHeader& frames() const { return *reinterpret_cast<FramesHeader*>(at(sizeof(ControlHeader))); }

    std::unique_ptr<FrameStore> store_;
    cuframes_geometry geometry_;
    uint32_t producer_slots_;
    std::span<SlotRecord> records_;
    ring::SlotTable slots_;
};

} // namespace cuframes::core
