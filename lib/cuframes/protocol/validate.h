// SPDX-License-Identifier: LGPL-2.1-or-later
/// Checks of what comes from outside: a caller's geometry, and a peer's control memory. Pure functions, so that they
/// can be tested and fuzzed by themselves.
#pragma once

#include "base/result.h"
#include "protocol/layout.h"

#include <memory>
#include <string>

namespace cuframes::core {

/// Every visible byte of every plane lies inside frame_size; no field is out of range. Names what is off.
Result<> check_geometry(const cuframes_geometry& geometry);

wire::Geometry to_wire(const cuframes_geometry& geometry);
/// What it says is not checked.
cuframes_geometry from_wire(const wire::Geometry& geometry);

/// Key: `[A-Za-z0-9._-]{1,64}`, and not a name with a meaning to the file system.
Result<> check_key(const char* key);

/// For people: what a Hello says that its sender takes.
std::string names_of_contents(uint32_t bits);

/// What a subscriber keeps of a ControlHeader: a private copy, checked once, never read again from shared memory.
struct ControlDescription {
    uint64_t epoch;
    uint64_t first_sequence;
    uint64_t control_size;
    uint64_t parts_size;
};

/// Copies and checks the header at `control`, which is `control_size` bytes long: what every content has, of this `kind`.
Result<ControlDescription> read_control_header(const void* control, uint64_t control_size, uint64_t parts_size,
                                               ContentKind kind);

/// The same of the section for frames.
struct RingDescription {
    ControlDescription control;
    uint64_t slot_stride;
    uint64_t chunk_stride;
    uint32_t slot_count;
    uint32_t chunk_slots;
    cuframes_memory memory;
    uint32_t records_offset;
    uint32_t metadata_offset;
    uint32_t metadata_stride;
    std::array<uint8_t, 16> gpu_uuid;
    cuframes_geometry geometry;
    std::string caps;

    uint32_t chunk_count() const { return (slot_count + chunk_slots - 1) / chunk_slots; }
    /// Where a slot begins, in the address range of all chunks.
    uint64_t slot_offset(uint32_t slot) const {
        return slot / chunk_slots * chunk_stride + slot % chunk_slots * slot_stride;
    }
};

/// The same of the section for packets.
struct LogDescription {
    ControlDescription control;
    uint64_t max_time;
    uint32_t max_count;
    uint32_t entries_offset;
    uint32_t caps_offset;
};

/// Copies and checks both headers at `control`.
Result<LogDescription> read_log_header(const void* control, uint64_t control_size, uint64_t parts_size);

/// Copies and checks both headers at `control`.
Result<RingDescription> read_ring_header(const void* control, uint64_t control_size, uint64_t parts_size);

} // namespace cuframes::core
