// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a publisher of frames tells in the log besides. Lines for the caller to log when it has given the mutex back.
#pragma once

#include "publisher/frame_ring/ring_generation.h"

#include <string>
#include <vector>

namespace cuframes::core::story {

std::string generation_made(const std::string& key, const RingGeneration& generation, const GenerationConfig& config);

/// Which of the reader's leases are of frames that were published more than a second ago.
std::vector<std::string> long_leases(const std::string& key, const cuframes_subscriber_info& reader,
                                     const LeasePage* words, uint32_t leases, const RingGeneration& generation,
                                     uint64_t now);

} // namespace cuframes::core::story
