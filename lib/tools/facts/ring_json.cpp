// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/ring_json.h"

#include "facts/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace cuframes::tools {

namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json stats_json(const cuframes_publisher_stats& stats) {
    return {
        // As text: most readers of JSON keep 53 bits of a number.
        {"epoch", std::to_string(stats.epoch)},
        {"last_sequence", stats.last_sequence},
        {"published", stats.published},
        {"dropped", stats.dropped},
        {"copied", stats.copied},
        {"lapped", stats.lapped},
        {"refused", stats.refused},
        {"metadata_dropped", stats.metadata_dropped},
        {"bytes", stats.bytes},
        {"waited_seconds", static_cast<double>(stats.waited_ns) * 1e-9},
        {"memory_bytes", stats.memory},
        {"slots", stats.slots},
    };
}

Json geometry_json(const cuframes_geometry& geometry) {
    Json planes = Json::array();
    for (uint32_t i = 0; i < std::min<uint32_t>(geometry.plane_count, CUFRAMES_MAX_PLANES); ++i) {
        const cuframes_plane& plane = geometry.planes[i];
        planes.push_back(
            {{"offset", plane.offset}, {"pitch", plane.pitch}, {"row_bytes", plane.row_bytes}, {"rows", plane.rows}});
    }
    return {{"format", geometry.format},
            {"width", geometry.width},
            {"height", geometry.height},
            {"frame_size", geometry.frame_size},
            {"planes", planes}};
}

/// Of CLOCK_MONOTONIC, as how long ago it was.
Json ago(uint64_t time, uint64_t now) {
    return time == CUFRAMES_TIME_NONE ? Json(nullptr) : Json(seconds_between(time, now));
}

Json window_json(const cuframes_packet_window& window, uint64_t now) {
    return {{"packets", window.packets},
            {"bytes", window.bytes},
            {"keyframes", window.keyframes},
            {"bit_rate", window.bit_rate == 0 ? Json(nullptr) : Json(window.bit_rate)},
            {"oldest_age_seconds", ago(window.oldest_time, now)},
            {"newest_age_seconds", ago(window.newest_time, now)},
            {"keyframe_age_seconds", ago(window.keyframe_time, now)}};
}

Json reader_json(const cuframes_subscriber_info& reader) {
    return {{"name", reader.name},
            {"pid", reader.pid == 0 ? Json(nullptr) : Json(reader.pid)},
            {"id", reader.id},
            {"mode", cuframes_mode_name(reader.mode)},
            {"max_held", reader.max_held},
            {"held", reader.held},
            {"lag", reader.lag},
            {"received", reader.received},
            {"skipped", reader.skipped},
            {"lost", reader.lost}};
}

void add_report(Json& out, const cuframes_ring_info& ring, uint64_t now) {
    out["content"] = content_word(ring.content);
    out["policy"] = policy_word(ring.policy);
    out["caps"] = text_or_null(ring.caps);
    const bool has_memory = memory_word(ring) != "-";
    out["memory"] = has_memory ? Json(ring.memory == CUFRAMES_MEMORY_CUDA ? "cuda" : "host") : Json(nullptr);
    out["gpu"] = text_or_null(gpu_name(ring));
    out["rate"] = ring.rate;
    out["age_seconds"] = or_null(age_of(ring, now));
    out["stats"] = ring.stats ? stats_json(*ring.stats) : Json(nullptr);
    out["geometry"] = ring.geometry ? geometry_json(*ring.geometry) : Json(nullptr);
    out["window"] = ring.window ? window_json(*ring.window, now) : Json(nullptr);
    Json readers = Json::array();
    for (size_t i = 0; i < ring.subscriber_count; ++i) {
        readers.push_back(reader_json(*ring.subscribers[i]));
    }
    out["readers"] = readers;
}

} // namespace

void print(const Json& json, Form form) {
    fmt::print("{}\n", json.dump(form == Form::pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace));
}

Json ring_json(const cuframes_ring_info& ring, uint64_t now) {
    Json out = {
        {"key", ring.key},
        {"state", cuframes_ring_state_name(ring.state)},
        {"path", ring.path},
        {"message", text_or_null(ring.message)},
        {"publisher",
         {{"pid", ring.pid == 0 ? Json(nullptr) : Json(ring.pid)},
          {"uid", ring.pid == 0 ? Json(nullptr) : Json(ring.uid)},
          {"program", text_or_null(ring.program)}}},
    };
    if (has_report(ring)) {
        add_report(out, ring, now);
    }
    return out;
}

} // namespace cuframes::tools
