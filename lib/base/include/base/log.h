// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cuframes/cuframes.h"

#include <string>
#include <utility>
#include <vector>

namespace cuframes::core {

/// Whether a message of `level` would go anywhere: ask before building an expensive one.
bool log_enabled(cuframes_log_level level);

/// Hands `message` to the log function. Thread-safe; callers must not hold a lock that the API takes.
void log(cuframes_log_level level, const std::string& message);

/// Lines of somebody who holds a lock. Declared before the lock, it logs them when that is given back.
class LogLater {
public:
    LogLater() = default;
    LogLater(const LogLater&) = delete;
    ~LogLater() {
        for (const auto& [level, message] : lines_) {
            log(level, message);
        }
    }
    void add(cuframes_log_level level, std::string message) { lines_.emplace_back(level, std::move(message)); }

private:
    std::vector<std::pair<cuframes_log_level, std::string>> lines_;
};

} // namespace cuframes::core
