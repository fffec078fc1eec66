// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "bench.h"

#include <optional>

/// Numbers in the pixels of a frame, in its first and in its last visible bytes, wherever its memory is.
namespace bench {

/// What a reader found in a frame, and when it had it.
struct Reading {
    uint32_t head;
    uint32_t tail; ///< Read after `time`, so that the check for torn frames is no part of the measurement.
    int64_t time;
};

/// Writes `number` at head and tail. On the GPU the writes are queued on the memory's stream and not waited for, as a
/// decoder's are.
bool stamp(GstBuffer* buffer, const GstVideoInfo& info, uint32_t number);

/// Reads the number back, from the GPU with a small copy to the host.
std::optional<Reading> read_back(GstBuffer* buffer, const GstVideoInfo& info);

} // namespace bench
