// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <string_view>
#include <utility>

namespace cuframes::tools {

uint64_t now_ns() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
}

double seconds_between(uint64_t then, uint64_t now) { return static_cast<double>(now - std::min(now, then)) * 1e-9; }

std::optional<double> age_of(const cuframes_ring_info& ring, uint64_t now) {
    const uint64_t newest = ring.newest_time;
    return newest == CUFRAMES_TIME_NONE ? std::nullopt : std::optional(seconds_between(newest, now));
}

bool has_report(const cuframes_ring_info& ring) {
    return ring.state == CUFRAMES_RING_LIVE || ring.state == CUFRAMES_RING_WAITING || ring.state == CUFRAMES_RING_ENDED;
}

std::string content_word(cuframes_content content) {
    switch (content) {
    case CUFRAMES_CONTENT_FRAMES:
        return "frames";
    case CUFRAMES_CONTENT_PACKETS:
        return "packets";
    case CUFRAMES_CONTENT_UNDECIDED:
        return "undecided";
    }
    return fmt::format("{}", static_cast<int>(content));
}

std::string policy_word(cuframes_policy policy) { return policy == CUFRAMES_POLICY_WAIT ? "wait" : "drop"; }

std::string duration_word(double seconds) {
    if (seconds < 0.01) {
        return fmt::format("{:.1f} ms", seconds * 1e3);
    }
    if (seconds < 1) {
        return fmt::format("{:.0f} ms", seconds * 1e3);
    }
    if (seconds < 120) {
        return fmt::format("{:.1f} s", seconds);
    }
    return seconds < 7200 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

std::string bytes_word(uint64_t bytes) {
    constexpr std::array<const char*, 5> units = {"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string format_word(const cuframes_ring_info& ring) {
    if (ring.geometry) {
        return printable(fmt::format("{}x{} {}", ring.geometry->width, ring.geometry->height, ring.geometry->format));
    }
    const std::string_view caps = ring.caps;
    return caps.empty() ? "-" : printable(caps.substr(0, caps.find_first_of(",(;")));
}

std::string memory_word(const cuframes_ring_info& ring) {
    if (!has_report(ring) || (ring.content != CUFRAMES_CONTENT_PACKETS && !ring.geometry)) {
        return "-";
    }
    constexpr size_t short_name = sizeof("GPU-1f3c09aa") - 1;
    const std::string gpu = gpu_name(ring);
    return gpu.empty() ? "host" : gpu.substr(0, short_name);
}

std::string gpu_name(const uint8_t (&uuid)[16]) {
    std::string out = "GPU";
    for (size_t i = 0; i < std::size(uuid); ++i) {
        const bool begins_group = i == 0 || i == 4 || i == 6 || i == 8 || i == 10;
        out += fmt::format("{}{:02x}", begins_group ? "-" : "", uuid[i]);
    }
    return out;
}

std::string gpu_name(const cuframes_ring_info& ring) {
    return ring.memory == CUFRAMES_MEMORY_CUDA ? gpu_name(ring.gpu_uuid) : "";
}

std::string held_word(const cuframes_ring_info& ring, const cuframes_subscriber_info& reader) {
    return ring.content == CUFRAMES_CONTENT_PACKETS ? "-" : fmt::format("{}/{}", reader.held, reader.max_held);
}

std::string publisher_word(const cuframes_ring_info& ring) {
    const std::string name = printable(ring.program);
    if (ring.pid == 0) {
        return name.empty() ? "-" : name;
    }
    return name.empty() ? fmt::format("({})", ring.pid) : fmt::format("{} ({})", name, ring.pid);
}

std::string printable(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        // Controls: of ASCII, and in UTF-8 those of Latin-1 (C2 80 to C2 9F).
        const bool latin_control = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (latin_control) {
            ++i;
        }
        const bool control = c < 0x20 || c == 0x7F || latin_control;
        out += control ? '?' : text[i];
    }
    return out;
}

} // namespace cuframes::tools
