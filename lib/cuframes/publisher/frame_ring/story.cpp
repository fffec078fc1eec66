// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/frame_ring/story.h"

#include "publisher/story.h"
#include "ring/lease.h"

namespace cuframes::core::story {

std::string generation_made(const std::string& key, const RingGeneration& generation, const GenerationConfig& config) {
    const cuframes_geometry& geometry = generation.geometry();
    return text("\"", key, "\" has a new generation: epoch ", generation.epoch(), ", ", geometry.format, " ",
                geometry.width, "x", geometry.height, ", ", config.slots, " slots of ", geometry.frame_size,
                " bytes (at most ", config.max_slots, ") in ",
                generation.on_gpu() ? text("memory of GPU ", config.cuda_device) : "host memory");
}

std::vector<std::string> long_leases(const std::string& key, const cuframes_subscriber_info& who,
                                     const LeasePage* words, uint32_t leases, const RingGeneration& generation,
                                     uint64_t now) {
    constexpr uint64_t long_time = 1'000'000'000;
    std::vector<std::string> out;
    for (uint32_t i = 0; words && i < leases; ++i) {
        const int64_t slot = ring::leased_slot(words->leases[i], generation.slot_count());
        if (slot < 0) {
            continue;
        }
        const SlotRecord& record = generation.record(static_cast<uint32_t>(slot));
        if (now >= record.publish_time + long_time) {
            out.push_back(text(reader(who), " holds frame ", record.sequence.load(), " of \"", key, "\", published ",
                               (now - record.publish_time) / 1'000'000, " ms ago"));
        }
    }
    return out;
}

} // namespace cuframes::core::story
