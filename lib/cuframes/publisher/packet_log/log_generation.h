// SPDX-License-Identifier: LGPL-2.1-or-later
/// The memory of a packet log, as its publisher has it: entries, caps and the packets' bytes.
#pragma once

#include "publisher/generation.h"
#include "publisher/packet_log/log_memory.h"
#include "ring/tail.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace cuframes::core {

struct LogConfig {
    uint64_t max_time;  ///< Nanoseconds.
    uint64_t max_bytes; ///< Of packets with their metadata.
};

/// A packet of the caller's.
struct PacketInput {
    const void* data;
    uint32_t size;
    const void* metadata;
    uint32_t metadata_size;
    uint32_t flags;
    bool delta;
    uint64_t pts, dts, duration; ///< CUFRAMES_TIME_NONE: not known.
    uint64_t publish_time;
};

/// Changed under the publisher's mutex.
class LogGeneration final : public ContentGeneration {
public:
    static Result<std::shared_ptr<LogGeneration>> create(const LogConfig& config, const GenerationPlace& place);
    /// Packets that such a log can hold at most, whatever their size.
    static uint32_t max_count(const LogConfig& config);

    uint32_t parts() const override { return 1; }
    int part_fd(uint32_t) const override { return memory_.fd(); }

    // What there is: from tail() to newest(), nothing where that is before.
    uint64_t newest() const { return Latest::unpack(header().words.newest.load(std::memory_order_relaxed)).sequence; }
    uint64_t tail() const { return header().words.tail.load(std::memory_order_relaxed); }
    bool is_there(uint64_t sequence) const { return entry(sequence).size.load() != PacketEntry::nothing; }
    uint64_t newest_time() const { return newest_time_; }
    /// Of a packet that is there: its pts, else its dts, else when it was published.
    uint64_t time_of(uint64_t sequence) const;
    /// The first keyframe behind the packet at the tail. Empty: there is none.
    std::optional<uint64_t> second_keyframe() const;
    bool begins_with_keyframe() const { return !keyframes_.empty() && keyframes_.front() == tail(); }
    /// Whether nothing that is there is in the place of the packet that comes next.
    bool entry_is_free(uint64_t sequence) const { return sequence - tail() < header().max_count; }
    cuframes_packet_window window() const;
    uint64_t committed() const { return memory_.committed(); }

    /// Room for so many bytes in a row, in memory that is there or can be had. Empty: packets have to leave first.
    std::optional<uint64_t> take_room(uint64_t size) { return memory_.take(size); }
    LogMemory& memory() { return memory_; }
    static uint64_t room_of(uint32_t size, uint32_t metadata_size);
    /// Room of the largest packet that there can be.
    uint64_t most_room() const { return memory_.most(); }

    /// Packets before `sequence` leave, unless `is_needed` then says otherwise.
    template <class IsNeeded>
    bool move_tail(uint64_t sequence, IsNeeded&& is_needed);

    /// Whether caps that follow those there are need a place that packets still have.
    bool caps_are_full() const;
    /// Those of packets from here on.
    std::string_view caps() const {
        return caps_version_ == 0
                   ? std::string_view()
                   : std::string_view(caps_entry(caps_version_).text, caps_entry(caps_version_).size.load());
    }
    /// For the packets from here on. After caps_are_full() has said no.
    Result<> set_caps(const std::string& caps);

    /// The next packet, into room that was taken for it. Nobody sees it before show().
    void write(uint64_t sequence, const PacketInput& packet, uint64_t offset);
    /// A number that was given to a packet that is not there.
    void write_nothing(uint64_t sequence);
    void show(uint64_t sequence);

private:
    LogGeneration(SharedMemory control, LogMemory memory);

    PacketsHeader& header() const { return *reinterpret_cast<PacketsHeader*>(at(sizeof(ControlHeader))); }
    PacketEntry& entry(uint64_t sequence) const {
        return reinterpret_cast<PacketEntry*>(at(header().entries_offset))[sequence % header().max_count];
    }
    CapsEntry& caps_entry(uint32_t version) const {
        return reinterpret_cast<CapsEntry*>(at(header().caps_offset))[version % packet_caps];
    }
    void give_back(uint64_t before, uint64_t tail);

    LogMemory memory_;
    uint32_t caps_version_ = 0;
    std::deque<uint64_t> keyframes_; ///< Those that are there.
    uint64_t packets_ = 0, packet_bytes_ = 0;
    uint64_t newest_time_ = 0;
};

template <class IsNeeded>
bool LogGeneration::move_tail(uint64_t sequence, IsNeeded&& is_needed) {
    const uint64_t before = tail();
    if (!ring::move_tail(header().words.tail, sequence, std::forward<IsNeeded>(is_needed))) {
        return false;
    }
    give_back(before, sequence);
    return true;
}

} // namespace cuframes::core
