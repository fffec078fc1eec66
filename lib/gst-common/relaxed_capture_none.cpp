// SPDX-License-Identifier: LGPL-2.1-or-later
// Builds without GStreamer's CUDA library.
#include "gst-common/relaxed_capture.h"

namespace cuframes::gst {

void RelaxedCapture::enter() {}
void RelaxedCapture::leave() {}
bool load_cuda() { return false; }

} // namespace cuframes::gst
