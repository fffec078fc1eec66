// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/cuda/gstcuda.h>

namespace cuframes::gst {

/// The device's primary CUDA context as GStreamer's object. Elements compare these objects, not what they wrap, so there
/// is one for each device in a process, whoever asks: the plugin or libcuframes-gst. It lives while it is referenced.
/// NULL: there is no such device, or no driver. (transfer full)
GstCudaContext* primary_context(int device);

} // namespace cuframes::gst
