// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a publisher tells in the log of what happens to it: one line for each event, and each with the key.
#pragma once

#include "publisher/attached.h"
#include "publisher/generation.h"

#include <string>
#include <vector>

namespace cuframes::core::story {

// At info. Not under the publisher's mutex.
void key_taken(const std::string& key, const std::string& socket, const std::string& access);
void attached(const std::string& key, const cuframes_subscriber_info& who);
void left(const std::string& key, const cuframes_subscriber_info& who, cuframes_leave_reason why);

// For the caller to log when it has given the mutex back.
std::string key_released(const std::string& key);
std::string generation_made(const std::string& key, const RingGeneration& generation, const GenerationConfig& config);

/// Who holds frames that were published more than a second ago. Looks at every lease.
std::vector<std::string> long_leases(const std::string& key, const AttachedSubscriber& subscriber,
                                     const RingGeneration& generation, uint64_t last_sequence, uint64_t now);

} // namespace cuframes::core::story
