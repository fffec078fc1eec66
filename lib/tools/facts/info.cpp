// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes info KEY`: all that a publisher tells.
#include "facts/ring_json.h"
#include "facts/run.h"
#include "facts/table.h"
#include "facts/words.h"
#include "shared/say.h"

#include <algorithm>

namespace cuframes::tools {

namespace {

void print_fact(const char* name, const std::string& value) { fmt::print("  {:<11}{}\n", name, value); }

void print_publisher(const cuframes_ring_info& ring) {
    if (ring.pid != 0) {
        const std::string name = printable(ring.program);
        print_fact("publisher", fmt::format("{}{}pid {}, uid {}", name, name.empty() ? "" : ", ", ring.pid, ring.uid));
    } else if (has_report(ring)) {
        print_fact("publisher", fmt::format("{}, of another PID namespace", printable(ring.program)));
    }
    print_fact("socket", ring.path);
}

void print_geometry(const cuframes_geometry& geometry) {
    print_fact("planes", fmt::format("{}, in {} bytes a frame", geometry.plane_count, geometry.frame_size));
    for (uint32_t i = 0; i < std::min<uint32_t>(geometry.plane_count, CUFRAMES_MAX_PLANES); ++i) {
        const cuframes_plane& plane = geometry.planes[i];
        print_fact("", fmt::format("{} rows of {} bytes, {} apart, from byte {}", plane.rows, plane.row_bytes,
                                   plane.pitch, plane.offset));
    }
}

std::string ago(uint64_t time, uint64_t now) {
    return time == CUFRAMES_TIME_NONE ? "-" : duration_word(seconds_between(time, now)) + " ago";
}

void print_window(const cuframes_packet_window& window, uint64_t now) {
    print_fact("window",
               fmt::format("{} packets, {}, {} keyframes", window.packets, bytes_word(window.bytes), window.keyframes));
    print_fact("", fmt::format("the oldest {}, the newest keyframe {}", ago(window.oldest_time, now),
                               ago(window.keyframe_time, now)));
    print_fact("bit rate",
               window.bit_rate == 0 ? "-" : fmt::format("{:.3f} Mbit/s", static_cast<double>(window.bit_rate) / 1e6));
}

void print_stats(const cuframes_publisher_stats& stats, const std::string& memory) {
    const std::string slots = stats.slots == 0 ? "" : fmt::format("{} slots, ", stats.slots);
    print_fact("memory", fmt::format("{}, {}{} so far", memory, slots, bytes_word(stats.memory)));
    print_fact("epoch", fmt::format("{}", stats.epoch));
    print_fact("published",
               fmt::format("{}, of which copied {}; {}", stats.published, stats.copied, bytes_word(stats.bytes)));
    print_fact("dropped", fmt::format("{}; metadata of {} left out", stats.dropped, stats.metadata_dropped));
    print_fact("lapped",
               fmt::format("{}; waited {}", stats.lapped, duration_word(static_cast<double>(stats.waited_ns) * 1e-9)));
    print_fact("readers", fmt::format("{}; refused {}", stats.subscribers, stats.refused));
}

void print_readers(const cuframes_ring_info& ring) {
    using Align = Table::Align;
    Table table({{"READER"},
                 {"PID", Align::right},
                 {"MODE"},
                 {"HELD", Align::right},
                 {"LAG", Align::right},
                 {"RECEIVED", Align::right},
                 {"SKIPPED", Align::right},
                 {"LOST", Align::right}});
    for (size_t i = 0; i < ring.subscriber_count; ++i) {
        const cuframes_subscriber_info& reader = *ring.subscribers[i];
        table.add({printable(reader.name), reader.pid == 0 ? "-" : fmt::format("{}", reader.pid),
                   cuframes_mode_name(reader.mode), held_word(ring, reader), fmt::format("{}", reader.lag),
                   fmt::format("{}", reader.received), fmt::format("{}", reader.skipped),
                   fmt::format("{}", reader.lost)});
    }
    fmt::print("\n");
    for (const std::string& line : table.lines()) {
        fmt::print("{}\n", line);
    }
}

void print_report(const cuframes_ring_info& ring, uint64_t now) {
    print_fact("content", fmt::format("{}; policy {}", content_word(ring.content), policy_word(ring.policy)));
    print_fact("caps", *ring.caps ? printable(ring.caps) : "-");
    print_fact("format", format_word(ring));
    if (ring.geometry) {
        print_geometry(*ring.geometry);
    }
    const std::string gpu = gpu_name(ring);
    if (ring.stats) {
        print_stats(*ring.stats, gpu.empty() ? memory_word(ring) : gpu);
    }
    print_fact("rate", fmt::format("{:.1f}/s; the newest came {}", ring.rate, ago(ring.newest_time, now)));
    if (ring.window) {
        print_window(*ring.window, now);
    }
    if (ring.subscriber_count > 0) {
        print_readers(ring);
    }
}

} // namespace

int run(const InfoOptions& options) {
    const uint64_t asked = now_ns();
    const auto found = inspect(options.key.c_str(), or_usual(options.directory), to_timeout(options.timeout));
    if (!found) {
        return failed("info", found.error().message);
    }
    const cuframes_ring_info& ring = (*found)[0];
    if (options.json) {
        print(ring_json(ring, asked));
        return has_report(ring) ? exit_done : exit_failed;
    }
    fmt::print("{}: {}\n", ring.key, cuframes_ring_state_name(ring.state));
    print_publisher(ring);
    if (!has_report(ring)) {
        return failed("info", fmt::format("{}: {}", ring.key, printable(ring.message)));
    }
    print_report(ring, asked);
    return exit_done;
}

} // namespace cuframes::tools
