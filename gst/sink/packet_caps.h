// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

namespace cuframes::gst {

/// Raw video is frames; all else is packets.
bool are_packets(const GstCaps* caps);

/// Decoded sound or text, and nothing else.
bool is_raw_but_video(const GstCaps* caps);

/// Forms of packets that are asked for where upstream can choose: whole access units, and parameter sets in the caps,
/// where a reader that begins in the middle of the stream finds them.
GstCaps* preferred_packet_caps();

/// What of `offered` is packets in system memory, in whatever form.
GstCaps* packets_among(const GstCaps* offered);

/// Why buffers of these caps may be more or less than a packet each, and what to put before the sink. Empty: each is one.
std::string why_not_whole(const GstCaps* caps);

} // namespace cuframes::gst
