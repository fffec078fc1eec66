// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/packet_log/attached_log.h"

#include "base/utf8.h"
#include "ring/ends.h"
#include "ring/packet_window.h"
#include "ring/tail.h"

#include <cstring>

namespace cuframes::core {

Result<std::shared_ptr<AttachedLog>> AttachedLog::open(std::shared_ptr<Link> link, const Datagram& datagram,
                                                       const std::optional<StartWish>& wish) {
    auto mapped = map(datagram, descriptors);
    if (!mapped) {
        return mapped.error();
    }
    auto description =
        read_log_header(mapped->control.data(), mapped->message.control_size, mapped->message.parts_size);
    if (!description) {
        return description.error();
    }
    auto bytes = map_shared_memory(datagram.fds[2], description->control.parts_size, Access::read_only);
    if (!bytes) {
        return bytes.error();
    }
    std::shared_ptr<AttachedLog> log(
        new AttachedLog(std::move(link), std::move(*mapped), *description, std::move(*bytes)));
    log->begin(wish);
    log->tell_adopted();
    return log;
}

AttachedLog::AttachedLog(std::shared_ptr<Link> link, Mapped mapped, const LogDescription& description, Mapping bytes)
    : AdoptedGeneration(std::move(link), std::move(mapped), description.control),
      description_(description),
      bytes_(std::move(bytes)),
      position_(page().position.load(std::memory_order_relaxed)) {}

uint64_t AttachedLog::newest() const {
    return Latest::unpack(header().words.newest.load(std::memory_order_acquire)).sequence;
}

Result<AttachedLog::Took> AttachedLog::take() {
    for (;;) {
        const auto now = ring::look(state().ends, header().words.newest);
        if (!now) {
            continue;
        }
        const uint64_t newest = now->newest.sequence, next = position_ + 1;
        if (ends_left(now->ends) && end_comes_before(newest > position_ ? next : UINT64_MAX)) {
            return Took(Nothing::end);
        }
        if (newest <= position_) {
            return Took(Nothing::no_packet);
        }
        const uint64_t there = tail();
        if (!can_hold(there, newest)) {
            return damaged(newest);
        }
        if (there > next) {
            miss_to(there - 1);
            continue;
        }
        if (entry(next).size.load(std::memory_order_relaxed) == PacketEntry::nothing) {
            if (ring::was_whole(header().words.tail, next)) {
                miss_to(next);
            }
            continue;
        }
        if (passes_over(next)) {
            move_to(next);
            continue;
        }
        auto packet = copy(next);
        if (!packet) {
            return packet.error();
        }
        if (*packet) {
            (*packet)->view().behind = newest - next;
            move_to(next);
            return Took(Taken{std::move(*packet), std::exchange(missed_, 0)});
        }
    }
}

/// Whoever waits for us to take what may leave is told.
void AttachedLog::move_to(uint64_t sequence) {
    position_ = sequence;
    give_back([&] { tell_position(sequence); });
}

/// None of those is to be had any more.
void AttachedLog::miss_to(uint64_t sequence) {
    missed_ += sequence - position_;
    move_to(sequence);
}

bool AttachedLog::has_more() const { return newest() > position_ || ends_left(state().ends.load()); }

bool AttachedLog::end_comes_before(uint64_t sequence) const {
    const auto end = ring::end_position(state().ends, state().end_positions, link().ends_told + 1);
    return sequence == UINT64_MAX || !end || *end < sequence;
}

uint64_t AttachedLog::pass_to(uint64_t sequence) {
    const uint64_t more = sequence > position_ ? sequence - position_ : 0;
    if (sequence > position_) {
        position_ = sequence;
        tell_position(position_);
    }
    return std::exchange(missed_, 0) + more;
}

uint64_t AttachedLog::tell_end() {
    const auto end = ring::end_position(state().ends, state().end_positions, ++link().ends_told);
    return end ? pass_to(*end) : 0;
}

/// The packet `sequence`; NULL: it has left meanwhile. What its entry says counts once it is known that it had not.
Result<std::unique_ptr<PacketCopy>> AttachedLog::copy(uint64_t sequence) {
    const auto& tail = header().words.tail;
    const PacketEntry& one = entry(sequence);
    const auto read = [](const auto& word) { return word.load(std::memory_order_relaxed); };
    const uint64_t offset = read(one.offset);
    const uint32_t size = read(one.size), metadata_size = read(one.metadata_size), caps = read(one.caps);
    cuframes_packet_view view = {};
    view.flags = read(one.flags);
    view.delta = read(one.since_keyframe) != 0;
    view.pts = read(one.pts);
    view.dts = read(one.dts);
    view.duration = read(one.duration);
    view.publish_time = read(one.publish_time);
    if (!ring::was_whole(tail, sequence)) {
        return std::unique_ptr<PacketCopy>();
    }
    if (size > CUFRAMES_MAX_PACKET_SIZE || metadata_size > max_metadata_size || offset > bytes_.size() ||
        uint64_t{size} + metadata_size > bytes_.size() - offset) {
        return damaged(sequence);
    }
    auto packet = PacketCopy::make(size, metadata_size);
    if (!packet) {
        return Error{CUFRAMES_ERROR_NO_MEMORY, text("there is no memory for a packet of ", size, " bytes")};
    }
    if (size + metadata_size > 0) {
        std::memcpy(packet->bytes(), bytes_.data() + offset, size_t{size} + metadata_size);
    }
    std::optional<std::string> new_caps;
    if (caps != caps_version_) {
        new_caps = copy_caps(caps);
    }
    if (!ring::was_whole(tail, sequence)) {
        return std::unique_ptr<PacketCopy>();
    }
    if (caps != caps_version_) {
        if (!new_caps || !is_utf8(*new_caps)) {
            return damaged(sequence);
        }
        caps_ = std::make_shared<const std::string>(std::move(*new_caps));
        caps_version_ = caps;
    }
    view.struct_size = packet->view().struct_size;
    view.data = packet->view().data;
    view.size = size;
    view.metadata = packet->view().metadata;
    view.metadata_size = metadata_size;
    view.epoch = epoch();
    view.sequence = sequence;
    view.caps_version = caps;
    view.latency = latency();
    packet->view() = view;
    packet->set_caps(caps_);
    return packet;
}

/// Empty: they are damaged, or were overwritten.
std::optional<std::string> AttachedLog::copy_caps(uint32_t version) const {
    if (version == 0) {
        return std::string();
    }
    const auto& place = reinterpret_cast<const CapsEntry*>(control(description_.caps_offset))[version % packet_caps];
    const uint32_t size = place.size.load(std::memory_order_relaxed);
    return size <= max_caps_size ? std::optional(std::string(place.text, size)) : std::nullopt;
}

Error AttachedLog::damaged(uint64_t sequence) const {
    return {CUFRAMES_ERROR_PROTOCOL, text("the publisher's packet ", sequence, " is damaged")};
}

cuframes_packet_window AttachedLog::window() const {
    cuframes_packet_window out = {};
    out.struct_size = sizeof(out);
    out.oldest_time = out.newest_time = out.keyframe_time = CUFRAMES_TIME_NONE;
    const uint64_t newest = this->newest(), oldest = tail();
    for (uint64_t sequence = oldest; sequence <= newest && can_hold(oldest, newest); ++sequence) {
        const PacketEntry& one = entry(sequence);
        const uint32_t size = one.size.load(std::memory_order_relaxed);
        const bool key = one.since_keyframe.load(std::memory_order_relaxed) == 0;
        const uint64_t time = time_of(sequence);
        if (size == PacketEntry::nothing || !ring::was_whole(header().words.tail, sequence)) {
            continue;
        }
        out.packets += 1;
        out.bytes += size;
        out.keyframes += key ? 1 : 0;
        out.keyframe_time = key ? time : out.keyframe_time;
        out.oldest_time = out.packets == 1 ? time : out.oldest_time;
        out.newest_time = time;
    }
    out.bit_rate = ring::bit_rate_of(out);
    return out;
}

} // namespace cuframes::core
