// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace cuframes::tools {

/// Presses the past of a recording together, by its timestamps: who gets the packets since a keyframe and then those of now
/// shows the picture of now at once, and not `past` late. In order they stay. For the source pad of a cuframessrc with
/// `join=record`; `past`: how long before its newest packet the first one was.
void press_past(GstPad* pad, GstClockTime past);

} // namespace cuframes::tools
