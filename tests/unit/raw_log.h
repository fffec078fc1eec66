// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "publisher/packet_log/log_generation.h"
#include "raw_generation.h"

#include <memory>
#include <string>

namespace cuframes::core {

inline constexpr const char* raw_caps = "video/x-h264, alignment=(string)au";

/// A sound log of `count` packets, a keyframe in every five, 40 ms from one to the next, of 64 bytes on. Their bytes count
/// up from their number.
inline std::shared_ptr<LogGeneration> sound_log(uint64_t count) {
    auto made = LogGeneration::create({1'000'000'000, 64 * 1024}, {7, 1, CUFRAMES_TIME_NONE});
    if (!made || !(*made)->set_caps(raw_caps)) {
        throw std::runtime_error("no packet log");
    }
    for (uint64_t sequence = 1; sequence <= count; ++sequence) {
        std::string data(64 + sequence, '\0');
        for (size_t i = 0; i < data.size(); ++i) {
            data[i] = static_cast<char>(sequence + i);
        }
        PacketInput packet = {};
        packet.data = data.data();
        packet.size = static_cast<uint32_t>(data.size());
        packet.delta = sequence % 5 != 1;
        packet.pts = sequence * 40'000'000;
        packet.dts = packet.duration = CUFRAMES_TIME_NONE;
        packet.publish_time = 1'000'000'000 + packet.pts;
        const auto room = (*made)->take_room(LogGeneration::room_of(packet.size, 0));
        if (!room) {
            throw std::runtime_error("no room");
        }
        (*made)->write(sequence, packet, *room);
        (*made)->show(sequence);
    }
    return std::move(*made);
}

} // namespace cuframes::core
