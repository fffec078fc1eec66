// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/packet_log/log_generation.h"

#include "ring/packet_window.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace cuframes::core {

namespace {

constexpr uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

} // namespace

/// Enough for sound of 512 packets a second, and for every video; more would be memory for nothing.
uint32_t LogGeneration::max_count(const LogConfig& config) {
    constexpr uint64_t fewest = 1024, most = 1 << 20, each_second = 512;
    const uint64_t seconds = config.max_time / 1'000'000'000 + 1;
    return static_cast<uint32_t>(std::bit_ceil(std::clamp(std::min(seconds, most) * each_second, fewest, most)));
}

Result<std::shared_ptr<LogGeneration>> LogGeneration::create(const LogConfig& config, const GenerationPlace& place) {
    const uint64_t size = round_up(config.max_bytes, page_size);
    const uint32_t count = max_count(config);
    const uint64_t entries = round_up(sizeof(ControlHeader) + sizeof(PacketsHeader), page_size);
    const uint64_t caps = round_up(entries + uint64_t{count} * sizeof(PacketEntry), page_size);
    auto control =
        create_control(ContentKind::packets, place, caps + uint64_t{packet_caps} * sizeof(CapsEntry), caps, size);
    if (!control) {
        return control.error();
    }
    auto memory = LogMemory::create(size);
    if (!memory) {
        return memory.error();
    }
    std::shared_ptr<LogGeneration> made(new LogGeneration(std::move(*control), std::move(*memory)));
    auto& header = *new (made->at(sizeof(ControlHeader))) PacketsHeader{};
    header.max_time = config.max_time;
    header.max_count = count;
    header.entries_offset = static_cast<uint32_t>(entries);
    header.caps_offset = static_cast<uint32_t>(caps);
    header.words.tail.store(place.first_sequence);
    return made;
}

LogGeneration::LogGeneration(SharedMemory control, LogMemory memory)
    : ContentGeneration(std::move(control)), memory_(std::move(memory)) {}

uint64_t LogGeneration::time_of(uint64_t sequence) const {
    const PacketEntry& one = entry(sequence);
    const uint64_t pts = one.pts.load(), dts = one.dts.load();
    return pts != CUFRAMES_TIME_NONE ? pts : dts != CUFRAMES_TIME_NONE ? dts : one.publish_time.load();
}

std::optional<uint64_t> LogGeneration::second_keyframe() const {
    const auto found = std::upper_bound(keyframes_.begin(), keyframes_.end(), tail());
    return found == keyframes_.end() ? std::nullopt : std::optional(*found);
}

cuframes_packet_window LogGeneration::window() const {
    cuframes_packet_window out = {};
    out.struct_size = sizeof(out);
    out.keyframes = static_cast<uint32_t>(keyframes_.size());
    out.packets = packets_;
    out.bytes = packet_bytes_;
    out.oldest_time = out.keyframe_time = out.newest_time = CUFRAMES_TIME_NONE;
    if (packets_ == 0) {
        return out;
    }
    uint64_t oldest = tail();
    while (!is_there(oldest)) {
        oldest += 1;
    }
    out.oldest_time = time_of(oldest);
    out.newest_time = newest_time_;
    out.keyframe_time = keyframes_.empty() ? CUFRAMES_TIME_NONE : time_of(keyframes_.back());
    out.bit_rate = ring::bit_rate_of(out);
    return out;
}

uint64_t LogGeneration::room_of(uint32_t size, uint32_t metadata_size) {
    return round_up(uint64_t{size} + metadata_size, packet_alignment);
}

/// What packets from `before` to `tail` had.
void LogGeneration::give_back(uint64_t before, uint64_t tail) {
    for (uint64_t sequence = before; sequence < tail; ++sequence) {
        const PacketEntry& one = entry(sequence);
        if (is_there(sequence)) {
            packets_ -= 1;
            packet_bytes_ -= one.size.load();
            memory_.give(one.offset.load(), room_of(one.size.load(), one.metadata_size.load()));
        }
    }
    while (!keyframes_.empty() && keyframes_.front() < tail) {
        keyframes_.pop_front();
    }
}

bool LogGeneration::caps_are_full() const {
    return newest() >= tail() && caps_version_ >= packet_caps &&
           entry(tail()).caps.load() <= caps_version_ + 1 - packet_caps;
}

Result<> LogGeneration::set_caps(const std::string& caps) {
    const uint32_t version = caps_version_ + 1;
    if (version <= packet_caps) {
        const uint64_t offset = header().caps_offset + uint64_t{version % packet_caps} * sizeof(CapsEntry);
        if (auto got = commit(control_fd(), offset, sizeof(CapsEntry), "the caps of packets"); !got) {
            return got;
        }
    }
    CapsEntry& place = caps_entry(version);
    std::memcpy(place.text, caps.data(), caps.size());
    place.size.store(static_cast<uint32_t>(caps.size()));
    caps_version_ = version;
    return {};
}

void LogGeneration::write(uint64_t sequence, const PacketInput& packet, uint64_t offset) {
    std::byte* to = memory_.at(offset);
    if (packet.size > 0) {
        std::memcpy(to, packet.data, packet.size);
    }
    if (packet.metadata_size > 0) {
        std::memcpy(to + packet.size, packet.metadata, packet.metadata_size);
    }
    if (!packet.delta) {
        keyframes_.push_back(sequence);
    }
    const uint64_t since = keyframes_.empty() ? PacketEntry::no_keyframe : sequence - keyframes_.back();
    PacketEntry& one = entry(sequence);
    one.offset.store(offset, std::memory_order_relaxed);
    one.pts.store(packet.pts, std::memory_order_relaxed);
    one.dts.store(packet.dts, std::memory_order_relaxed);
    one.duration.store(packet.duration, std::memory_order_relaxed);
    one.publish_time.store(packet.publish_time, std::memory_order_relaxed);
    one.size.store(packet.size, std::memory_order_relaxed);
    one.metadata_size.store(packet.metadata_size, std::memory_order_relaxed);
    one.flags.store(packet.flags, std::memory_order_relaxed);
    one.caps.store(caps_version_, std::memory_order_relaxed);
    one.since_keyframe.store(static_cast<uint32_t>(std::min<uint64_t>(since, PacketEntry::no_keyframe)),
                             std::memory_order_relaxed);
    packets_ += 1;
    packet_bytes_ += packet.size;
    newest_time_ = time_of(sequence);
}

void LogGeneration::write_nothing(uint64_t sequence) {
    PacketEntry& one = entry(sequence);
    one.size.store(PacketEntry::nothing, std::memory_order_relaxed);
    one.caps.store(caps_version_, std::memory_order_relaxed);
    const uint64_t since = keyframes_.empty() ? PacketEntry::no_keyframe : sequence - keyframes_.back();
    one.since_keyframe.store(static_cast<uint32_t>(std::min<uint64_t>(since, PacketEntry::no_keyframe)),
                             std::memory_order_relaxed);
}

void LogGeneration::show(uint64_t sequence) {
    state().last_sequence.store(sequence);
    header().words.newest.store(Latest{sequence, 0}.pack());
}

} // namespace cuframes::core
