// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/story.h"

#include "base/log.h"
#include "base/result.h"

namespace cuframes::core::story {

std::string reader(const cuframes_subscriber_info& who) {
    return text("reader \"", who.name, "\" (pid ", who.pid, ", ", cuframes_mode_name(who.mode), ")");
}

namespace {

const char* reason(cuframes_leave_reason why) {
    switch (why) {
    case CUFRAMES_LEFT_CLOSED:
        return "it closed";
    case CUFRAMES_LEFT_DIED:
        return "its process ended without closing it";
    case CUFRAMES_LEFT_PROTOCOL:
        return "it broke the protocol";
    }
    return "unknown";
}

} // namespace

void key_taken(const std::string& key, const std::string& socket, const std::string& access) {
    log(CUFRAMES_LOG_INFO, text("key \"", key, "\" taken: readers connect to ", socket, " (access=", access, ")"));
}

std::string key_released(const std::string& key) { return text("key \"", key, "\" released"); }

void attached(const std::string& key, const cuframes_subscriber_info& who, const char* item) {
    log(CUFRAMES_LOG_INFO, text(reader(who), " attached to \"", key, "\"",
                                who.max_held > 0 ? text(" and may hold ", who.max_held, " ", item, "s") : ""));
}

void left(const std::string& key, const cuframes_subscriber_info& who, cuframes_leave_reason why) {
    log(CUFRAMES_LOG_INFO, text(reader(who), " left \"", key, "\": ", reason(why), "; received ", who.received,
                                ", skipped ", who.skipped, ", lost ", who.lost));
}

} // namespace cuframes::core::story
