// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/ring.h"

#include <vector>

namespace cuframes::tools {

/// What a decoder takes for the picture of the moment: the packets since the newest keyframe, with their caps. Waits up to
/// `limit` for the first. Empty: none came.
std::vector<SampleRef> packets_since_keyframe(const Ring& ring, const char* verb, Seconds limit);

} // namespace cuframes::tools
