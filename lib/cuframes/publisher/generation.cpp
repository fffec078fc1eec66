// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/generation.h"

#include "ring/ends.h"

#include <new>

namespace cuframes::core {

Result<SharedMemory> ContentGeneration::create_control(ContentKind kind, const GenerationPlace& place, uint64_t size,
                                                       uint64_t committed, uint64_t parts_size) {
    auto control = create_shared_memory("cuframes-control", size, committed, Writers::only_present_mappings);
    if (!control) {
        return control;
    }
    auto& header = *new (control->mapping.data()) ControlHeader{};
    header.magic = control_magic;
    header.version = protocol_version;
    header.header_size = sizeof(ControlHeader);
    header.content = static_cast<uint32_t>(kind);
    header.epoch = place.epoch;
    header.first_sequence = place.first_sequence;
    header.control_size = size;
    header.parts_size = parts_size;
    header.state.last_sequence.store(place.first_sequence - 1);
    header.state.latency.store(place.latency);
    return control;
}

void ContentGeneration::end(uint64_t sequence) {
    if (!ended()) {
        ring::add_end(state().ends, state().end_positions, sequence);
        state().stream.store(static_cast<uint32_t>(StreamState::eos));
    }
}

void ContentGeneration::supersede(ContentGeneration& before) {
    for (size_t i = 0; i < known_ends; ++i) {
        state().end_positions[i].store(before.state().end_positions[i].load());
    }
    state().ends.store(before.state().ends.load());
    before.state().stream.store(static_cast<uint32_t>(StreamState::superseded));
}

} // namespace cuframes::core
