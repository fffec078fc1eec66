// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/ring.h"

#include "media/failure.h"
#include "options/common.h"

#include <fmt/format.h>

#include <cstdio>

namespace cuframes::tools {

namespace {

/// Long enough that everybody who starts a camera and a reader together hears nothing of it.
constexpr Seconds a_moment{1};

std::optional<Ring> ring_of(const cuframes_ring_info& info, const std::string& directory) {
    const bool has_begun = info.state == CUFRAMES_RING_LIVE || info.state == CUFRAMES_RING_ENDED;
    if (!has_begun || *info.caps == '\0') {
        return std::nullopt;
    }
    return Ring{info.key, directory, info.content == CUFRAMES_CONTENT_PACKETS, info.caps};
}

std::string waiting_for(const cuframes_ring_info& info) {
    return *info.message ? info.message : "its publisher has published nothing yet";
}

/// One look at a key: the ring, or why there is none yet. Throws what waiting does not cure.
struct Look {
    std::optional<Ring> ring;
    std::string why;
};

Look look_at(const std::string& key, const std::string& directory) {
    const auto found = inspect(key.c_str(), or_usual(directory));
    if (!found && found.code() != CUFRAMES_ERROR_PUBLISHER_GONE) {
        throw Failure(found.error().message);
    }
    if (!found) {
        return {std::nullopt, "it has no publisher"};
    }
    if ((*found)[0].state == CUFRAMES_RING_REFUSED) {
        throw Failure(fmt::format("{}: {}", key, (*found)[0].message));
    }
    return {ring_of((*found)[0], directory), waiting_for((*found)[0])};
}

} // namespace

CapsRef Ring::parsed_caps() const {
    CapsRef parsed(gst_caps_from_string(caps.c_str()));
    if (!parsed || gst_caps_get_size(parsed.get()) != 1) {
        throw Failure(fmt::format("{}: GStreamer does not understand its caps, {}", key, caps));
    }
    return parsed;
}

std::string Ring::media_type() const { return caps.substr(0, caps.find_first_of(",( ;")); }

Ring wait_for_ring(Loop& loop, const std::string& key, const std::string& directory, Seconds limit, bool quiet) {
    Look look;
    const auto begin = std::chrono::steady_clock::now();
    bool told = quiet;
    const bool found = loop.wait_until(
        [&] {
            look = look_at(key, directory);
            if (!look.ring && !told && std::chrono::steady_clock::now() - begin > a_moment) {
                told = true;
                fmt::print(stderr, "waiting for {}: {}\n", key, look.why);
            }
            return look.ring.has_value();
        },
        limit);
    if (!found && loop.asked_to_end()) {
        throw Interrupted();
    }
    if (!found) {
        throw Failure(fmt::format("nothing of {} came within {:g} s: {}; \"cuframes ls\" lists what there is", key,
                                  limit.count(), look.why));
    }
    return *look.ring;
}

std::vector<Ring> all_rings(const std::string& directory) {
    const auto found = list(or_usual(directory));
    if (!found) {
        throw Failure(found.error().message);
    }
    std::vector<Ring> rings;
    for (size_t i = 0; i < found->size(); ++i) {
        if (auto ring = ring_of((*found)[i], directory)) {
            rings.push_back(*std::move(ring));
        }
    }
    return rings;
}

uint64_t newest_keyframe(const Ring& ring) {
    const auto found = inspect(ring.key.c_str(), or_usual(ring.directory));
    const cuframes_packet_window* window = found ? (*found)[0].window : nullptr;
    return window && window->keyframe_time != CUFRAMES_TIME_NONE ? window->keyframe_time : gst_util_get_timestamp();
}

uint64_t past_since_keyframe(const Ring& ring) {
    const auto found = inspect(ring.key.c_str(), or_usual(ring.directory));
    const cuframes_packet_window* window = found ? (*found)[0].window : nullptr;
    const bool is_known = window && window->keyframe_time != CUFRAMES_TIME_NONE &&
                          window->newest_time != CUFRAMES_TIME_NONE && window->newest_time > window->keyframe_time;
    return is_known ? window->newest_time - window->keyframe_time : 0;
}

std::optional<Ring> find_ring(const std::string& key, const std::string& directory) {
    const auto found = inspect(key.c_str(), or_usual(directory));
    return found ? ring_of((*found)[0], directory) : std::nullopt;
}

} // namespace cuframes::tools
