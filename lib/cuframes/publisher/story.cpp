// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/story.h"

#include "base/log.h"

namespace cuframes::core::story {

namespace {

std::string reader(const cuframes_subscriber_info& who) {
    const char* mode = who.mode == CUFRAMES_MODE_STRICT ? "strict" : "newest";
    return text("reader \"", who.name, "\" (pid ", who.pid, ", ", mode, ")");
}

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

void attached(const std::string& key, const cuframes_subscriber_info& who) {
    log(CUFRAMES_LOG_INFO, text(reader(who), " attached to \"", key, "\" and may hold ", who.max_held, " frames"));
}

void left(const std::string& key, const cuframes_subscriber_info& who, cuframes_leave_reason why) {
    log(CUFRAMES_LOG_INFO, text(reader(who), " left \"", key, "\": ", reason(why), "; received ", who.received,
                                ", skipped ", who.skipped, ", lost ", who.lost));
}

std::string generation_made(const std::string& key, const RingGeneration& generation, const GenerationConfig& config) {
    const cuframes_geometry& geometry = generation.geometry();
    return text("\"", key, "\" has a new generation: epoch ", generation.epoch(), ", ", geometry.format, " ",
                geometry.width, "x", geometry.height, ", ", config.slots, " slots of ", geometry.frame_size,
                " bytes (at most ", config.max_slots, ") in ",
                generation.on_gpu() ? text("memory of GPU ", config.cuda_device) : "host memory");
}

std::vector<std::string> long_leases(const std::string& key, const AttachedSubscriber& subscriber,
                                     const RingGeneration& generation, uint64_t last_sequence, uint64_t now) {
    constexpr uint64_t long_time = 1'000'000'000;
    std::vector<std::string> out;
    for (uint32_t slot = 0; slot < generation.slot_count(); ++slot) {
        const SlotRecord& record = generation.record(slot);
        if (now < record.publish_time + long_time || !subscriber.leases(slot, generation)) {
            continue;
        }
        out.push_back(text(reader(subscriber.info(last_sequence)), " holds frame ", record.sequence.load(), " of \"",
                           key, "\", published ", (now - record.publish_time) / 1'000'000, " ms ago"));
    }
    return out;
}

} // namespace cuframes::core::story
