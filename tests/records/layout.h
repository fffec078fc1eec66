// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "protocol/layout.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace cuframes::test {

/// The smallest content there can be: records of one number, the last few of them in control memory and nowhere else.
/// It shows that membership and connector know nothing of frames, by running through their tests.
struct Record {
    std::atomic<uint64_t> sequence; ///< 0: being written.
    std::atomic<uint64_t> number;
};

inline constexpr uint32_t most_records = 128;

/// Behind ControlHeader.
struct RecordsSection {
    alignas(64) std::atomic<uint64_t> latest; ///< core::Latest, with the record's place for the slot.
    uint32_t count;                           ///< Records in use, 2 to most_records.
    uint32_t reserved;
    std::array<Record, most_records> records;

    uint32_t place_of(uint64_t sequence) const { return static_cast<uint32_t>(sequence % count); }
};

inline constexpr uint64_t records_control_size = sizeof(core::ControlHeader) + sizeof(RecordsSection);
static_assert(sizeof(core::ControlHeader) % alignof(RecordsSection) == 0);

} // namespace cuframes::test
