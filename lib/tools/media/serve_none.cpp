// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes serve`, in a build without GStreamer's RTSP server.
#include "media/failure.h"
#include "media/run.h"

namespace cuframes::tools {

int run(const ServeOptions&) {
    throw Failure("this build has no RTSP server; build it with gstreamer-rtsp-server-1.0");
}

} // namespace cuframes::tools
