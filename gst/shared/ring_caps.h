// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <gst/gst.h>

namespace cuframes::gst {

/// The caps of a ring of frames, without a word of memory. A publisher that is no GStreamer pipeline may have named none
/// (""): format and size say enough. NULL: they are no caps.
GstCaps* ring_caps(const char* caps, const cuframes_geometry& geometry);

/// Says where frames of these caps are; what is not about memory stays.
void set_memory_feature(GstCaps* caps, bool on_gpu);

} // namespace cuframes::gst
