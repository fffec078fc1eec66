// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/packet_log/packet_publisher.h"

#include "base/log.h"
#include "ipc/available_memory.h"

#include <algorithm>

namespace cuframes::core {

Result<std::unique_ptr<PacketPublisher>> PacketPublisher::create(std::shared_ptr<Membership> membership,
                                                                 const LogConfig& config) {
    std::unique_ptr<PacketPublisher> publisher(new PacketPublisher(std::move(membership), config));
    Membership& members = *publisher->membership_;
    members.open(*publisher);
    auto made = members.renew([&](const GenerationPlace& place) -> Result<std::shared_ptr<ContentGeneration>> {
        auto log = LogGeneration::create(config, place);
        if (!log) {
            return log.error();
        }
        return std::shared_ptr<ContentGeneration>(std::move(*log));
    });
    if (!made) {
        return made.error();
    }
    publisher->do_chores(); // For the first packets.
    core::log(CUFRAMES_LOG_INFO,
              text("\"", members.options().key, "\" has a packet log: epoch ", members.generation()->epoch(),
                   ", the past ", static_cast<double>(config.max_time) / 1e9, " s in at most ",
                   readable_size(config.max_bytes)));
    return publisher;
}

PacketPublisher::~PacketPublisher() { membership_->close(); }

Result<> PacketPublisher::set_caps(const std::string& caps) {
    auto lock = membership_->lock();
    if (!let_go_until(lock, [this] { return !log().caps_are_full(); })) {
        return Error{CUFRAMES_ERROR_INTERRUPTED, "interrupted while waiting for strict subscribers"};
    }
    return log().set_caps(caps);
}

Result<> PacketPublisher::publish(const PacketInput& packet) {
    const uint64_t room = LogGeneration::room_of(packet.size, packet.metadata_size);
    auto lock = membership_->lock();
    if (packet.size > CUFRAMES_MAX_PACKET_SIZE || room > log().most_room()) {
        count_nothing(lock); // It is one of the stream all the same: readers learn of the gap.
        return too_large(packet);
    }
    std::optional<uint64_t> offset;
    const auto has_room = [&] {
        if (log().entry_is_free(membership_->last_sequence() + 1)) {
            offset = log().take_room(room);
        }
        return offset.has_value();
    };
    if (!let_go_until(lock, has_room)) {
        if (membership_->interrupted()) {
            return Error{CUFRAMES_ERROR_INTERRUPTED, "interrupted while waiting for strict subscribers"};
        }
        count_nothing(lock);
        return Error{CUFRAMES_ERROR_NO_MEMORY,
                     text("there is no memory for a packet of ", packet.size,
                          " bytes, though all others left for it; it is dropped, and counted")};
    }
    log().write(membership_->last_sequence() + 1, packet, *offset);
    membership_->make_visible([&] { log().show(membership_->next_sequence()); });
    bytes_ += packet.size;
    let_old_ones_go(log().newest_time());
    if (!chores_planned_ && log().memory().wanted()) {
        chores_planned_ = true;
        membership_->plan_chores();
    }
    return {};
}

/// Memory for packets to come.
void PacketPublisher::do_chores() {
    auto lock = membership_->lock();
    const auto generation = membership_->generation(); // Ours, whoever closes meanwhile.
    if (const auto stretch = log().memory().wanted()) {
        LogMemory& memory = log().memory();
        lock.unlock();
        const auto got = memory.get(*stretch);
        lock.lock();
        memory.note(*stretch, got);
    }
    chores_planned_ = false;
}

Error PacketPublisher::too_large(const PacketInput& packet) const {
    return Error{CUFRAMES_ERROR_NO_MEMORY,
                 text("a packet of ", packet.size, " bytes does not fit into the log of \"", membership_->options().key,
                      "\", of ", readable_size(std::min<uint64_t>(log().most_room(), CUFRAMES_MAX_PACKET_SIZE)),
                      "; it is dropped, and counted. Let the publisher have more max-bytes")};
}

void PacketPublisher::drop() {
    auto lock = membership_->lock();
    count_nothing(lock);
}

void PacketPublisher::count_nothing(Lock& lock) {
    if (!let_go_until(lock, [this] { return log().entry_is_free(membership_->last_sequence() + 1); })) {
        return; // Interrupted.
    }
    const uint64_t sequence = membership_->last_sequence() + 1;
    log().write_nothing(sequence);
    membership_->make_visible([&] {
        membership_->count_dropped();
        log().show(sequence);
    });
}

/// Which packet is the first one after the next to leave: those of a whole GOP at once, as what is left of one is of no use
/// to those who come. The only GOP there is leaves packet by packet.
uint64_t PacketPublisher::next_tail() const { return log().second_keyframe().value_or(log().tail() + 1); }

/// False: under CUFRAMES_POLICY_WAIT somebody has yet to take one of them.
bool PacketPublisher::try_to_let_go(uint64_t tail) {
    const auto is_needed = [&] { return waits() && membership_->is_needed(tail - 1); };
    const uint64_t before = log().tail();
    if (is_needed() || !log().move_tail(tail, is_needed)) {
        return false;
    }
    for (uint64_t sequence = before; sequence < tail; ++sequence) {
        if (log().is_there(sequence)) {
            membership_->count_lapped(sequence);
        }
    }
    return true;
}

/// Lets packets go until `enough` says so; under CUFRAMES_POLICY_WAIT it waits for those who have yet to take them. False:
/// interrupted, or all have gone and it was not enough.
template <class Enough>
bool PacketPublisher::let_go_until(Lock& lock, Enough&& enough) {
    while (!enough()) {
        if (log().tail() > log().newest()) {
            return false;
        }
        if (try_to_let_go(next_tail())) {
            continue;
        }
        const Room room{.take = [this] { return try_to_let_go(next_tail()); },
                        .hopeless = [] { return false; },
                        .wanted = [this] { return next_tail() - 1; },
                        .look_again = {}};
        if (!membership_->wait_for_room(lock, room)) {
            return false;
        }
    }
    return true;
}

/// Whole GOPs, while those behind them cover what is to be kept; of packets that no keyframe comes before, one by one.
/// What somebody has yet to take stays while there is room.
void PacketPublisher::let_old_ones_go(uint64_t now) {
    for (;;) {
        const uint64_t tail = log().tail(), newest = log().newest();
        const auto second = log().second_keyframe();
        const bool orphaned = tail < newest && !log().begins_with_keyframe();
        if (!second && !orphaned) {
            return;
        }
        const uint64_t next = second.value_or(tail + 1);
        const uint64_t time = log().is_there(next) ? log().time_of(next) : now;
        if (now < time || now - time < config_.max_time || !try_to_let_go(next)) {
            return;
        }
    }
}

cuframes_packet_window PacketPublisher::window() {
    auto lock = membership_->lock();
    return log().window();
}

Result<std::unique_ptr<Share>> PacketPublisher::admit(const Hello&, Lock&) { return std::make_unique<Share>(); }

/// Where it begins it chooses itself, in what there is then; until then nothing is kept for it.
uint64_t PacketPublisher::joins_after() const { return membership_->last_sequence(); }

/// Each packet that it takes brings the time nearer when there is room.
uint32_t PacketPublisher::patience(const Share&) const { return capacity(); }

uint32_t PacketPublisher::capacity() const { return LogGeneration::max_count(config_); }

void PacketPublisher::add_to(Report& report) const {
    report.facts.content = CUFRAMES_CONTENT_PACKETS;
    if (membership_->generation()) {
        report.add(ReportKind::window, log().window());
        report.add_text(ReportKind::caps, log().caps());
    }
}

void PacketPublisher::add_to(cuframes_publisher_stats& stats) const {
    if (membership_->generation()) {
        stats.bytes = bytes_;
        stats.memory = log().committed();
    }
}

} // namespace cuframes::core
