// SPDX-License-Identifier: LGPL-2.1-or-later
/// What is under a key, as far as a pipeline has to know.
#pragma once

#include "media/loop.h"
#include "media/owners.h"

#include <cuframes/cuframes.hpp>

#include <optional>
#include <string>
#include <vector>

namespace cuframes::tools {

struct Ring {
    std::string key;
    std::string directory; ///< "": the usual one.
    bool has_packets = false;
    std::string caps;

    /// Of the newest caps. Never null, and of one structure.
    CapsRef parsed_caps() const;
    /// As "video/x-h264".
    std::string media_type() const;
    bool is_video() const { return media_type().starts_with("video/") || media_type().starts_with("image/"); }
    bool is_sound() const { return media_type().starts_with("audio/"); }
};

/// Waits until something was published under the key; throws why there is nothing, or Interrupted. Who waits for longer
/// than a moment, and is not `quiet`, is told.
Ring wait_for_ring(Loop& loop, const std::string& key, const std::string& directory, Seconds limit, bool quiet = true);

/// All that are there and have published something.
std::vector<Ring> all_rings(const std::string& directory);

/// When the newest keyframe of a ring of packets was captured, ns of CLOCK_MONOTONIC; now, if there is none.
uint64_t newest_keyframe(const Ring& ring);

/// How long before its newest packet that keyframe was, in ns.
uint64_t past_since_keyframe(const Ring& ring);

/// The one of this key, if something was published under it.
std::optional<Ring> find_ring(const std::string& key, const std::string& directory);

} // namespace cuframes::tools
