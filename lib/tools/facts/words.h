// SPDX-License-Identifier: LGPL-2.1-or-later
/// Facts as people read them: short, and the same in every verb.
#pragma once

#include <cuframes/cuframes.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cuframes::tools {

/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t now_ns();

/// Of an option's seconds.
inline Timeout to_timeout(double seconds) { return Timeout(static_cast<int64_t>(seconds * 1e3)); }

/// How long before `now` that was; 0: it came after.
double seconds_between(uint64_t then, uint64_t now);

/// How old the newest frame or packet was at `now`, which is when its publisher was asked; nothing: there is none.
std::optional<double> age_of(const cuframes_ring_info& ring, uint64_t now);

/// Whether its publisher told what it does.
bool has_report(const cuframes_ring_info& ring);

/// "frames", "packets", "undecided".
std::string content_word(cuframes_content content);
/// "drop", "wait".
std::string policy_word(cuframes_policy policy);
/// "0.4 ms", "12 ms", "3.2 s", "5 min", "2.5 h".
std::string duration_word(double seconds);
/// "820 B", "6.2 MB".
std::string bytes_word(uint64_t bytes);
/// "1920x1080 NV12" of frames, "video/x-h264" of packets; "-": not known yet.
std::string format_word(const cuframes_ring_info& ring);
/// "host", "GPU-1f3c09aa"; "-": not known yet.
std::string memory_word(const cuframes_ring_info& ring);
/// "GPU-1f3c09aa-…", as nvidia-smi -L calls it.
std::string gpu_name(const uint8_t (&uuid)[16]);
/// Where the ring's frames lie; "": in host memory.
std::string gpu_name(const cuframes_ring_info& ring);
/// Of the frames that it may hold: "1/3"; "-": of packets nothing is held.
std::string held_word(const cuframes_ring_info& ring, const cuframes_subscriber_info& reader);
/// "gst-launch-1.0 (4711)"
std::string publisher_word(const cuframes_ring_info& ring);

/// Names come from other processes: without what a terminal would obey.
std::string printable(std::string_view text);

} // namespace cuframes::tools
