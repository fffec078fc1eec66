// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/generation.h"

#include <cstring>
#include <new>

namespace cuframes {

namespace {

constexpr uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

/** Where things lie in the control memory. */
struct ControlLayout {
    uint64_t caps, records, metadata, size;

    ControlLayout(uint32_t slots, size_t caps_size, uint32_t metadata_size)
        : caps(sizeof(RingHeader)),
          records(round_up(caps + caps_size, alignof(SlotRecord))),
          metadata(round_up(records + slots * sizeof(SlotRecord), page_size)),
          size(metadata + uint64_t{slots} * metadata_size) {}
};

void write_header(RingHeader& header, const GenerationConfig& config, const ControlLayout& layout) {
    header.magic = ring_magic;
    header.version = protocol_version;
    header.header_size = sizeof(RingHeader);
    header.control_size = layout.size;
    header.slot_count = config.slots + config.producer_slots;
    header.memory = config.memory;
    header.caps_offset = static_cast<uint32_t>(layout.caps);
    header.caps_size = static_cast<uint32_t>(config.caps.size());
    header.records_offset = static_cast<uint32_t>(layout.records);
    header.metadata_offset = static_cast<uint32_t>(layout.metadata);
    header.metadata_stride = config.metadata_size;
    header.geometry = config.geometry;
    std::memcpy(reinterpret_cast<std::byte*>(&header) + layout.caps, config.caps.data(), config.caps.size());
}

Result<std::unique_ptr<FrameStore>> create_store(const GenerationConfig& config, uint64_t stride) {
    const uint32_t slots = config.slots + config.producer_slots;
    if (config.memory == CUFRAMES_MEMORY_CUDA) {
        return create_cuda_store(stride, slots, config.cuda_device, config.cuda_context);
    }
    return create_host_store(stride, slots, config.slots);
}

} // namespace

Result<std::shared_ptr<RingGeneration>> RingGeneration::create(const GenerationConfig& config, uint64_t epoch,
                                                               uint64_t first_sequence) {
    const uint64_t stride = round_up(config.geometry.frame_size, page_size);
    auto store = create_store(config, stride);
    if (!store) {
        return store.error();
    }
    const ControlLayout layout(config.slots + config.producer_slots, config.caps.size(), config.metadata_size);
    auto control =
        create_shared_memory("cuframes-control", layout.size, layout.metadata, Writers::only_present_mappings);
    if (!control) {
        return control.error();
    }
    auto& header = *new (control->mapping.data()) RingHeader{};
    write_header(header, config, layout);
    header.epoch = epoch;
    header.first_sequence = first_sequence;
    header.slot_stride = stride;
    header.frames_size = (*store)->size();
    header.gpu_uuid = (*store)->gpu_uuid();
    header.state.last_sequence.store(first_sequence - 1);
    return std::shared_ptr<RingGeneration>(new RingGeneration(std::move(*control), std::move(*store), config.slots));
}

RingGeneration::RingGeneration(SharedMemory control, std::unique_ptr<FrameStore> store, uint32_t kept)
    : control_(std::move(control)),
      store_(std::move(store)),
      records_(reinterpret_cast<SlotRecord*>(control_.mapping.data() + header().records_offset), header().slot_count),
      slots_(records_, kept) {}

bool RingGeneration::describe(uint32_t slot, const cuframes_frame_info& info, uint64_t now) {
    SlotRecord& record = records_[slot];
    record.publish_time = now;
    record.pts = info.pts;
    record.dts = info.dts;
    record.duration = info.duration;
    record.offset = info.offset;
    record.offset_end = info.offset_end;
    record.flags = info.flags;
    const bool fits = info.metadata_size <= header().metadata_stride;
    record.metadata_size = fits && info.metadata ? static_cast<uint32_t>(info.metadata_size) : 0;
    if (record.metadata_size > 0) {
        std::byte* area = control_.mapping.data() + header().metadata_offset;
        std::memcpy(area + uint64_t{header().metadata_stride} * slot, info.metadata, record.metadata_size);
    }
    return fits;
}

void RingGeneration::make_visible(uint32_t slot, uint64_t sequence) {
    state().last_sequence.store(sequence, std::memory_order_relaxed);
    ring::make_visible(records_[slot].sequence, state().latest, slot, sequence);
    slots_.published(slot, sequence);
}

} // namespace cuframes
