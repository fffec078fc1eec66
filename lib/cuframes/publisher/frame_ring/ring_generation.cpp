// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/frame_ring/ring_generation.h"

#include "protocol/frame_record.h"
#include "protocol/validate.h"

#include <cstring>
#include <new>

namespace cuframes::core {

namespace {

/// Slots of a chunk in GPU memory that may grow: the fewest frames that a ring keeps by itself.
constexpr uint32_t growing_chunk_slots = 8;

constexpr uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

/// Where things lie in the control memory.
struct ControlLayout {
    uint64_t caps, records, metadata, size;

    ControlLayout(uint32_t slots, size_t caps_size, uint32_t metadata_size)
        : caps(sizeof(ControlHeader) + sizeof(FramesHeader)),
          records(round_up(caps + caps_size, alignof(SlotRecord))),
          metadata(round_up(records + slots * sizeof(SlotRecord), page_size)),
          size(metadata + uint64_t{slots} * metadata_size) {}
};

void write_header(FramesHeader& header, const GenerationConfig& config, const ControlLayout& layout,
                  const FrameStore& store) {
    header.slot_stride = store.layout().slot_stride;
    header.chunk_stride = store.layout().chunk_stride;
    header.slot_count = store.layout().slots;
    header.chunk_slots = store.layout().chunk_slots;
    header.gpu_uuid = store.gpu_uuid();
    header.memory = config.memory;
    header.caps_offset = static_cast<uint32_t>(layout.caps);
    header.caps_size = static_cast<uint32_t>(config.caps.size());
    header.records_offset = static_cast<uint32_t>(layout.records);
    header.metadata_offset = static_cast<uint32_t>(layout.metadata);
    header.metadata_stride = config.metadata_size;
    header.geometry = to_wire(config.geometry);
}

Result<std::unique_ptr<FrameStore>> create_store(const GenerationConfig& config, uint64_t stride) {
    const uint32_t slots = config.max_slots + config.producer_slots;
    if (config.memory == CUFRAMES_MEMORY_CUDA) {
        const uint32_t chunk_slots = config.max_slots > config.slots ? growing_chunk_slots : slots;
        return create_cuda_store(stride, slots, chunk_slots, config.cuda_device, config.cuda_context);
    }
    return create_host_store(stride, slots);
}

} // namespace

Result<std::shared_ptr<RingGeneration>> RingGeneration::create(const GenerationConfig& config,
                                                               const GenerationPlace& place) {
    const uint64_t stride = round_up(config.geometry.frame_size, page_size);
    auto store = create_store(config, stride);
    if (!store) {
        return store.error();
    }
    const ControlLayout layout((*store)->layout().slots, config.caps.size(), config.metadata_size);
    auto control = create_control(ContentKind::frames, place, layout.size, layout.metadata, (*store)->size());
    if (!control) {
        return control.error();
    }
    write_header(*new (control->mapping.data() + sizeof(ControlHeader)) FramesHeader{}, config, layout, **store);
    std::memcpy(control->mapping.data() + layout.caps, config.caps.data(), config.caps.size());
    std::shared_ptr<RingGeneration> made(new RingGeneration(std::move(*control), std::move(*store), config));
    if (auto reserved = made->reserve(config.slots); !reserved) {
        return reserved.error();
    }
    return made;
}

RingGeneration::RingGeneration(SharedMemory control, std::unique_ptr<FrameStore> store, const GenerationConfig& config)
    : ContentGeneration(std::move(control)),
      store_(std::move(store)),
      geometry_(config.geometry),
      producer_slots_(config.producer_slots),
      records_(reinterpret_cast<SlotRecord*>(at(frames().records_offset)), frames().slot_count),
      slots_(records_, config.slots, config.producer_slots) {}

std::byte* RingGeneration::slot_data(uint32_t slot) const {
    const ChunkLayout& layout = store_->layout();
    return store_->base() + slot / layout.chunk_slots * layout.chunk_stride +
           slot % layout.chunk_slots * layout.slot_stride;
}

Result<> RingGeneration::reserve(uint32_t kept) {
    // Host memory for what the producer holds is committed when it is touched: most of it never is.
    return store_->grow(kept + (on_gpu() ? producer_slots_ : 0));
}

bool RingGeneration::describe(uint32_t slot, const cuframes_frame_info& info, uint64_t now) {
    SlotRecord& record = records_[slot];
    to_record(record, info, now);
    const bool fits = info.metadata_size <= frames().metadata_stride;
    record.metadata_size = fits && info.metadata ? static_cast<uint32_t>(info.metadata_size) : 0;
    if (record.metadata_size > 0) {
        std::memcpy(at(frames().metadata_offset + uint64_t{frames().metadata_stride} * slot), info.metadata,
                    record.metadata_size);
    }
    return fits;
}

void RingGeneration::make_visible(uint32_t slot, uint64_t sequence) {
    state().last_sequence.store(sequence, std::memory_order_relaxed);
    frames().words.slots_in_use.store(slots_.used(), std::memory_order_release);
    ring::make_visible(records_[slot].sequence, frames().words.latest, slot, sequence);
    slots_.published(slot, sequence);
}

} // namespace cuframes::core
