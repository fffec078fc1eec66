// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The header of a ring as a reader finds it. Input: the sizes of the memory, what stands once in both headers, and what
// follows these.
#include "fuzz.h"
#include "protocol/validate.h"
#include "sound.h"

#include <algorithm>
#include <array>
#include <memory>

using namespace cuframes::core;
using namespace cuframes::fuzz;

namespace {

constexpr size_t once_written = offsetof(ControlHeader, state);
constexpr size_t headers = sizeof(ControlHeader) + sizeof(FramesHeader);
constexpr uint32_t control_size = 64 * 1024;

bool within(uint64_t offset, uint64_t count, uint64_t stride, uint64_t size) {
    uint64_t length = 0, end = 0;
    return !__builtin_mul_overflow(count, stride, &length) && !__builtin_add_overflow(offset, length, &end) &&
           end <= size;
}

void check(const RingDescription& ring, uint64_t size, uint64_t parts_size) {
    must(ring.slot_count > 1 && ring.slot_count <= CUFRAMES_MAX_SLOTS && ring.chunk_slots > 0, "slots out of range");
    must(within(ring.records_offset, ring.slot_count, sizeof(SlotRecord), size), "a record beyond control memory");
    must(ring.records_offset % alignof(SlotRecord) == 0, "records between words");
    must(within(ring.metadata_offset, ring.slot_count, ring.metadata_stride, size), "metadata beyond control memory");
    for (uint32_t slot = 0; slot < ring.slot_count; ++slot) {
        must(within(ring.slot_offset(slot), 1, ring.geometry.frame_size, parts_size), "a frame beyond its memory");
    }
    must(static_cast<bool>(cuframes::core::check_geometry(ring.geometry)), "a geometry that cannot be");
    must(ring.caps.size() <= max_caps_size, "caps without end");
}

struct Sound {
    uint32_t width, height, slots, chunk_slots, metadata;
};

Bytes sound(const Sound& of) {
    ControlHeader header = {};
    FramesHeader frames = {};
    const cuframes_geometry geometry = one_plane(of.width, of.height);
    header.magic = control_magic;
    header.version = protocol_version;
    header.header_size = sizeof(ControlHeader);
    header.content = static_cast<uint32_t>(ContentKind::frames);
    header.epoch = header.first_sequence = 1;
    header.control_size = control_size;
    frames.slot_stride = (geometry.frame_size + 63) / 64 * 64;
    frames.chunk_stride = frames.slot_stride * of.chunk_slots;
    frames.slot_count = of.slots;
    frames.chunk_slots = of.chunk_slots;
    frames.memory = CUFRAMES_MEMORY_HOST;
    frames.caps_offset = headers;
    frames.caps_size = 4;
    frames.records_offset = 4096;
    frames.metadata_offset = frames.records_offset + of.slots * static_cast<uint32_t>(sizeof(SlotRecord));
    frames.metadata_stride = of.metadata;
    frames.geometry = to_wire(geometry);
    header.parts_size = frames.chunk_stride * ((of.slots + of.chunk_slots - 1) / of.chunk_slots);
    Output out;
    out.put(control_size).put(header.parts_size);
    std::array<uint8_t, once_written> once;
    std::memcpy(once.data(), &header, once.size());
    return out.put(once).put(frames).put(std::array{'c', 'a', 'p', 's'}).bytes();
}

} // namespace

std::vector<Bytes> cuframes::fuzz::corpus() {
    return {sound({64, 48, 8, 8, 4096}), sound({1, 1, 128, 3, 0}), sound({640, 480, 2, 1, 16})};
}

void cuframes::fuzz::finish() {}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input(data, size);
    const uint32_t memory_size = input.take<uint32_t>() % (control_size + 1);
    const auto parts_size = input.take<uint64_t>();
    // Exactly as large as it says, so that sanitizers see what reads beyond it.
    const auto memory = std::make_unique<uint8_t[]>(memory_size);
    const auto put = [&](size_t at, std::span<const uint8_t> bytes) {
        if (at < memory_size) {
            std::copy_n(bytes.begin(), std::min(bytes.size(), memory_size - at), memory.get() + at);
        }
    };
    put(0, input.take_bytes(once_written));
    put(sizeof(ControlHeader), input.take_bytes(sizeof(FramesHeader)));
    put(headers, input.take_bytes(size));
    if (auto ring = read_ring_header(memory.get(), memory_size, parts_size)) {
        check(*ring, memory_size, parts_size);
        got_through();
    }
    return 0;
}
