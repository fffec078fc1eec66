// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

namespace cuframes::gst {

/// Tries to share GPU memory, for an element that was told to. False: it cannot be
/// done, and an error was posted. `device` -1: the first GPU.
bool gpu_can_be_shared(GstElement* element, const std::string& key, int device);

} // namespace cuframes::gst
