// SPDX-License-Identifier: LGPL-2.1-or-later
// Builds without GStreamer's CUDA library.
#include "sink/slot_pool.h"

namespace cuframes::gst {

GstBufferPool* new_cuda_slot_pool(std::shared_ptr<Publication>, GstElement*, const GenerationSpec&) { return nullptr; }

} // namespace cuframes::gst
