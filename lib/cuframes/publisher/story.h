// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a publisher tells in the log of what happens to it: one line for each event, and each with the key.
#pragma once

#include <cuframes/cuframes.h>

#include <string>

namespace cuframes::core::story {

// At info. Not under the publisher's mutex.
void key_taken(const std::string& key, const std::string& socket, const std::string& access);
/// `item`: what it may hold some of.
void attached(const std::string& key, const cuframes_subscriber_info& who, const char* item);
void left(const std::string& key, const cuframes_subscriber_info& who, cuframes_leave_reason why);

/// For the caller to log when it has given the mutex back.
std::string key_released(const std::string& key);

/// Who it is, in such a line.
std::string reader(const cuframes_subscriber_info& who);

} // namespace cuframes::core::story
