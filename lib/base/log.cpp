// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/log.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string_view>

namespace cuframes::core {

namespace {

constexpr std::array<const char*, 5> level_names = {"", "error", "warning", "info", "debug"};

int level_from_environment() {
    const char* wanted = std::getenv("CUFRAMES_LOG");
    for (int level = CUFRAMES_LOG_ERROR; wanted && level <= CUFRAMES_LOG_DEBUG; ++level) {
        if (std::string_view(wanted) == level_names[level]) {
            return level;
        }
    }
    return CUFRAMES_LOG_WARNING;
}

/// A framework's own log. The list only grows, and is read without a lock.
struct Listener {
    cuframes_log_listener func;
    void* user_data;
    Listener* next;
};

/// The application's function; without one stderr gets what no listener shows.
struct Application {
    cuframes_log_func func = nullptr;
    void* user_data = nullptr;
    int max_level = level_from_environment();
};

struct Sinks {
    std::mutex mutex;
    Application application; ///< Under the mutex.
    std::atomic<Listener*> listeners{nullptr};
    std::atomic<int> max_level{application.max_level}; ///< Of all.
};

Sinks& sinks() {
    // Never destroyed: service threads may log while the process runs its exit handlers.
    static Sinks* instance = new Sinks;
    return *instance;
}

bool tell_listeners(cuframes_log_level level, const char* message) {
    bool shown = false;
    for (const Listener* one = sinks().listeners.load(); one; one = one->next) {
        shown = one->func(level, message, one->user_data) || shown;
    }
    return shown;
}

} // namespace

bool log_enabled(cuframes_log_level level) { return level <= sinks().max_level.load(std::memory_order_relaxed); }

void log(cuframes_log_level level, const std::string& message) {
    if (!log_enabled(level)) {
        return;
    }
    Application application;
    {
        std::lock_guard lock(sinks().mutex);
        application = sinks().application;
    }
    const bool shown = tell_listeners(level, message.c_str());
    if (level > application.max_level) {
        return;
    }
    if (application.func) {
        application.func(level, message.c_str(), application.user_data);
    } else if (!shown) {
        std::fprintf(stderr, "cuframes: %s: %s\n", level_names[level], message.c_str());
    }
}

} // namespace cuframes::core

extern "C" {

void cuframes_set_log_func(cuframes_log_func func, void* user_data, cuframes_log_level max_level) {
    using namespace cuframes::core;
    std::lock_guard lock(sinks().mutex);
    sinks().application = func ? Application{func, user_data, static_cast<int>(max_level)} : Application{};
    // Listeners choose for themselves.
    sinks().max_level = sinks().listeners.load() ? CUFRAMES_LOG_DEBUG : sinks().application.max_level;
}

int cuframes_add_log_listener(cuframes_log_listener listener, void* user_data) {
    using namespace cuframes::core;
    if (!listener) {
        return CUFRAMES_ERROR_INVALID_ARGUMENT;
    }
    auto* added = new (std::nothrow) Listener{listener, user_data, nullptr};
    if (!added) {
        return CUFRAMES_ERROR_NO_MEMORY;
    }
    std::lock_guard lock(sinks().mutex);
    added->next = sinks().listeners.load();
    sinks().listeners = added;
    sinks().max_level = CUFRAMES_LOG_DEBUG;
    return CUFRAMES_OK;
}

} // extern "C"
