// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a publisher says of itself to somebody who asks without attaching: parts, one behind the other.
///
///     | ReportPart | bytes, filled up to a multiple of 8 | ReportPart | bytes … | …
///
/// A reader passes over kinds that it does not know. Of a struct that is longer than the one it knows it takes the
/// beginning, and what a shorter one lacks is zero: they grow at their ends, those of the C ABI as it says. So reports
/// need no version of their own.
#pragma once

#include "cuframes/cuframes.h"

#include <array>
#include <cstdint>

namespace cuframes::core {

enum class ReportKind : uint32_t {
    facts = 1,      ///< ReportFacts. There is one.
    stats = 2,      ///< cuframes_publisher_stats. There is one.
    subscriber = 3, ///< cuframes_subscriber_info: one for each.
    caps = 4,       ///< Text, if there is a generation that has any.
    geometry = 5,   ///< cuframes_geometry, of frames.
    window = 6,     ///< cuframes_packet_window, of packets.
};

struct ReportPart {
    uint32_t kind; ///< ReportKind
    uint32_t size; ///< Of the bytes behind this.
};

constexpr uint64_t report_room(uint64_t size) { return sizeof(ReportPart) + (size + 7) / 8 * 8; }

/// What the first subscribers reported were: a shorter one is damaged.
inline constexpr uint64_t shortest_subscriber = 128;

/// No more is read of anybody's.
inline constexpr uint64_t max_report_size = 4 * 1024 * 1024;

enum class ReportedStream : uint32_t {
    waiting = 0, ///< There is nothing yet.
    live = 1,
    ended = 2,
};

struct ReportFacts {
    uint32_t stream;  ///< ReportedStream
    uint32_t content; ///< cuframes_content
    uint32_t memory;  ///< cuframes_memory, of frames.
    uint32_t policy;  ///< cuframes_policy
    int32_t pid;      ///< In the publisher's PID namespace.
    uint32_t reserved;
    uint64_t rate;        ///< Items in 1000 s, of the newest ones.
    uint64_t newest_time; ///< CLOCK_MONOTONIC when the newest became visible; CUFRAMES_TIME_NONE: there is none.
    std::array<uint8_t, 16> gpu_uuid; ///< Zero in host memory.
    char program[64];                 ///< Zero-terminated.
};

static_assert(sizeof(cuframes_subscriber_info) >= shortest_subscriber);
static_assert(sizeof(ReportPart) == 8 && sizeof(ReportFacts) == 120);

} // namespace cuframes::core
