// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/loop.h"
#include "media/ring.h"

#include <optional>
#include <string>
#include <vector>

namespace cuframes::tools {

/// What goes into a file, and from when to when.
struct RecordingPlan {
    const char* verb;
    std::vector<Ring> rings; ///< The picture first, if there is one.
    std::string file;        ///< Its name says what it is: .mkv, .mp4, …
    bool overwrite = false;
    bool quiet = false;
    std::optional<Seconds> before; ///< Packets: how far back to begin. Nothing: with the newest keyframe.
    std::optional<Seconds> length; ///< Of the file.
    std::optional<Seconds> after;  ///< Until then from now on.
};

/// Records until the plan, the streams or the user ends it, and finishes the file. Throws what goes wrong; what is in the
/// file by then stays.
void record(Loop& loop, const RecordingPlan& plan);

} // namespace cuframes::tools
