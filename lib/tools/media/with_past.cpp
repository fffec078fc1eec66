// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/with_past.h"

#include "media/failure.h"

#include <fmt/format.h>

#include <algorithm>

namespace cuframes::tools {

void check_past(const Ring& ring) {
    if (ring.has_packets) {
        return;
    }
    const std::vector<Ring> rings = all_rings(ring.directory);
    const auto packets = std::find_if(rings.begin(), rings.end(), [&](const Ring& other) {
        return other.has_packets && other.is_video() && other.key.starts_with(ring.key + ".");
    });
    throw Failure(
        packets == rings.end()
            ? fmt::format("{} carries frames, of which nothing is kept; publish the camera's packets as "
                          "well, as {}.h264, say",
                          ring.key, ring.key)
            : fmt::format("{} carries frames, of which nothing is kept; its past is in {}", ring.key, packets->key));
}

} // namespace cuframes::tools
