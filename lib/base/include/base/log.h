// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cuframes/cuframes.h"

#include <string>

namespace cuframes::core {

/// Whether a message of `level` would go anywhere: ask before building an expensive one.
bool log_enabled(cuframes_log_level level);

/// Hands `message` to the log function. Thread-safe; callers must not hold a lock that the API takes.
void log(cuframes_log_level level, const std::string& message);

} // namespace cuframes::core
