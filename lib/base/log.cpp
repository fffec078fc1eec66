// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/log.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>

namespace cuframes::core {

namespace {

constexpr std::array<const char*, 5> level_names = {"", "error", "warning", "info", "debug"};

void log_to_stderr(cuframes_log_level level, const char* message, void*) {
    std::fprintf(stderr, "cuframes: %s: %s\n", level_names[level], message);
}

int level_from_environment() {
    const char* wanted = std::getenv("CUFRAMES_LOG");
    for (int level = CUFRAMES_LOG_ERROR; wanted && level <= CUFRAMES_LOG_DEBUG; ++level) {
        if (std::string_view(wanted) == level_names[level]) {
            return level;
        }
    }
    return CUFRAMES_LOG_WARNING;
}

struct Sink {
    std::mutex mutex;
    cuframes_log_func func = log_to_stderr;
    void* user_data = nullptr;
    std::atomic<int> max_level{level_from_environment()};
};

Sink& sink() {
    // Never destroyed: service threads may log while the process runs its exit handlers.
    static Sink* instance = new Sink;
    return *instance;
}

} // namespace

bool log_enabled(cuframes_log_level level) { return level <= sink().max_level.load(std::memory_order_relaxed); }

void log(cuframes_log_level level, const std::string& message) {
    if (!log_enabled(level)) {
        return;
    }
    cuframes_log_func func = nullptr;
    void* user_data = nullptr;
    {
        std::lock_guard lock(sink().mutex);
        func = sink().func;
        user_data = sink().user_data;
    }
    func(level, message.c_str(), user_data);
}

} // namespace cuframes::core

extern "C" void cuframes_set_log_func(cuframes_log_func func, void* user_data, cuframes_log_level max_level) {
    using namespace cuframes::core;
    std::lock_guard lock(sink().mutex);
    sink().func = func ? func : log_to_stderr;
    sink().user_data = user_data;
    sink().max_level = func ? static_cast<int>(max_level) : level_from_environment();
}
