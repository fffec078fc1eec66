// SPDX-License-Identifier: LGPL-2.1-or-later
/// One generation of a content, as its publisher has it: control memory that begins as that of every content does.
#pragma once

#include "ipc/shared_memory.h"
#include "protocol/layout.h"

#include <cstdint>

namespace cuframes::core {

/// Where a generation stands among those of its publisher.
struct GenerationPlace {
    uint64_t epoch;
    uint64_t first_sequence;
    uint64_t latency;
};

/// A content derives its own. Changed under the membership's mutex.
class ContentGeneration {
public:
    ContentGeneration(const ContentGeneration&) = delete;
    virtual ~ContentGeneration() = default;

    /// Parts of memory that there are beside control memory by now, and the descriptor of each, owned by this. The
    /// first is sent with the generation, the others behind it; one that comes to be later is sent to who asks. None:
    /// there are none.
    virtual uint32_t parts() const { return 0; }
    virtual int part_fd([[maybe_unused]] uint32_t part) const { return -1; }

    uint64_t epoch() const { return header().epoch; }
    uint64_t first_sequence() const { return header().first_sequence; }
    uint64_t parts_size() const { return header().parts_size; }
    StreamState stream_state() const { return static_cast<StreamState>(state().stream.load()); }
    bool ended() const { return stream_state() == StreamState::eos; }
    StreamWords& state() const { return header().state; }

    /// The stream ends after the item `sequence`. Nothing new where it has ended already.
    void end(uint64_t sequence);
    /// Goes on from `before`, which is superseded: ends that a reader has not looked at are told in this one.
    void supersede(ContentGeneration& before);

    int control_fd() const { return control_.fd.get(); }
    uint64_t control_size() const { return control_.mapping.size(); }

protected:
    explicit ContentGeneration(SharedMemory control) : control_(std::move(control)) {}

    /// Control memory of `size` bytes, of which `committed` are to be had at once, with its header written.
    static Result<SharedMemory> create_control(ContentKind kind, const GenerationPlace& place, uint64_t size,
                                               uint64_t committed, uint64_t parts_size);

    /// From the beginning of the control memory.
    std::byte* at(uint64_t offset) const { return control_.mapping.data() + offset; }

private:
    ControlHeader& header() const { return *reinterpret_cast<ControlHeader*>(at(0)); }

    SharedMemory control_;
};

} // namespace cuframes::core
