// SPDX-License-Identifier: LGPL-2.1-or-later
/// One ring generation, as its publisher has it: control memory, frame memory and the choice of slots.
#pragma once

#include "ipc/shared_memory.h"
#include "memory/frame_store.h"
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
    uint64_t latency;
};

/// Lives as long as any slot of it is held. Calls that touch the slot table are under the publisher's mutex.
class RingGeneration {
public:
    static Result<std::shared_ptr<RingGeneration>> create(const GenerationConfig& config, uint64_t epoch,
                                                          uint64_t first_sequence);

    uint64_t epoch() const { return header().epoch; }
    uint64_t first_sequence() const { return header().first_sequence; }
    /// The most that the ring may grow to.
    uint32_t slot_count() const { return frames().slot_count; }
    const cuframes_geometry& geometry() const { return geometry_; }
    bool on_gpu() const { return frames().memory == CUFRAMES_MEMORY_CUDA; }
    bool superseded() const { return stream_state() == StreamState::superseded; }
    bool ended() const { return stream_state() == StreamState::eos; }
    StreamState stream_state() const { return static_cast<StreamState>(state().stream.load()); }

    std::byte* slot_data(uint32_t slot) const;
    FrameStore& store() const { return *store_; }
    ring::SlotTable& slots() { return slots_; }
    uint32_t kept() const { return slots_.kept(); }
    StreamWords& state() const { return header().state; }
    Latest latest() const { return Latest::unpack(frames().words.latest.load(std::memory_order_relaxed)); }

    /// Gets the memory to keep `kept` frames. Not under the mutex, as it takes its time; one thread at a time.
    Result<> reserve(uint32_t kept);
    /// Keeps so many frames from now on, for which reserve() has got the memory.
    void grow(uint32_t kept) { slots_.grow(kept); }

    /// Fills the record of a held slot. False: the metadata did not fit and was left out.
    bool describe(uint32_t slot, const cuframes_frame_info& info, uint64_t now);
    void make_visible(uint32_t slot, uint64_t sequence);

    /// The stream ends after the frame `sequence`. Nothing new where it has ended already.
    void end(uint64_t sequence);
    /// Goes on from `before`, which is superseded: ends that a reader has not looked at are told in this one.
    void supersede(RingGeneration& before);

    int control_fd() const { return control_.fd.get(); }
    uint64_t control_size() const { return control_.mapping.size(); }

private:
    RingGeneration(SharedMemory control, std::unique_ptr<FrameStore> store, const GenerationConfig& config);
    ControlHeader& header() const { return *reinterpret_cast<ControlHeader*>(control_.mapping.data()); }
    FramesHeader& frames() const {
        return *reinterpret_cast<FramesHeader*>(control_.mapping.data() + sizeof(ControlHeader));
    }

    SharedMemory control_;
    std::unique_ptr<FrameStore> store_;
    cuframes_geometry geometry_;
    uint32_t producer_slots_;
    std::span<SlotRecord> records_;
    ring::SlotTable slots_;
};

} // namespace cuframes::core
