// SPDX-License-Identifier: LGPL-2.1-or-later
/// A packet log, as a subscriber has it: where it begins in it, and the way through the packets.
#pragma once

#include "subscriber/generation.h"
#include "subscriber/packet_log/packet.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace cuframes::core {

/// Where to begin.
struct StartWish {
    cuframes_start start;
    uint64_t preroll;    ///< Nanoseconds, with CUFRAMES_START_PREROLL.
    uint64_t start_time; ///< With CUFRAMES_START_TIME.
};

/// Packets are taken by one thread.
class AttachedLog final : public AdoptedGeneration {
public:
    /// Maps what a Generation message brought. `wish`: empty to begin with the first packet that is there.
    static Result<std::shared_ptr<AttachedLog>> open(std::shared_ptr<Link> link, const Datagram& datagram,
                                                     const std::optional<StartWish>& wish);
    /// Descriptors that such a message has.
    static constexpr size_t descriptors = 3;

    struct Taken {
        std::unique_ptr<PacketCopy> packet;
        uint64_t missed;
    };
    enum class Nothing { no_packet, end };
    using Took = std::variant<Taken, Nothing>;

    /// Copies the next packet.
    Result<Took> take();

    bool has_more() const override;
    uint64_t pass_to(uint64_t sequence) override;
    uint64_t tell_end() override;

    cuframes_packet_window window() const;

private:
    AttachedLog(std::shared_ptr<Link> link, Mapped mapped, const LogDescription& description, Mapping bytes);

    const PacketsHeader& header() const {
        return *reinterpret_cast<const PacketsHeader*>(control(sizeof(ControlHeader)));
    }
    const PacketEntry& entry(uint64_t sequence) const {
        return reinterpret_cast<const PacketEntry*>(
            control(description_.entries_offset))[sequence % description_.max_count];
    }
    uint64_t newest() const;
    uint64_t tail() const { return header().words.tail.load(std::memory_order_acquire); }
    /// Whether so many packets fit into the log: no loop over them is longer than a sound publisher makes it.
    bool can_hold(uint64_t tail, uint64_t newest) const {
        return newest < tail || newest - tail < description_.max_count;
    }
    bool ends_left(uint32_t ends) const { return static_cast<int32_t>(ends - link().ends_told) > 0; }
    bool end_comes_before(uint64_t sequence) const;
    void move_to(uint64_t sequence);
    void miss_to(uint64_t sequence);

    // Where to begin.
    void begin(const std::optional<StartWish>& wish);
    void begin_live();
    std::optional<uint64_t> choose(const StartWish& wish) const;
    std::optional<uint64_t> keyframe_at_or_before(uint64_t time) const;
    std::optional<uint64_t> keyframe_of(uint64_t sequence) const;
    uint64_t time_of(uint64_t sequence) const;
    bool passes_over(uint64_t sequence);

    // What there is.
    Result<std::unique_ptr<PacketCopy>> copy(uint64_t sequence);
    std::optional<std::string> copy_caps(uint32_t version) const;
    Error damaged(uint64_t sequence) const;

    const LogDescription description_;
    Mapping bytes_;
    uint64_t position_;
    uint64_t missed_ = 0;             ///< Passed since the last packet taken, as they were not there.
    bool looks_for_keyframe_ = false; ///< And passes over what comes before that.
    uint64_t looks_since_ = 0;        ///< Time of the first packet passed over; 0: none was.
    uint32_t caps_version_ = 0;
    std::shared_ptr<const std::string> caps_ = std::make_shared<std::string>();
};

} // namespace cuframes::core
