// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <string>
#include <vector>

namespace cuframes::tools {

/// Where an RTSP server finds the keys: `/KEY`, of each that is there when a client asks, or of those named. Packets each
/// client gets from the newest keyframe on; frames are encoded once for all that look, and while one does.
/// The caller owns it.
GstRTSPMountPoints* make_key_mounts(const std::string& directory, const std::vector<std::string>& keys);

} // namespace cuframes::tools
