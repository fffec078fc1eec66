// SPDX-License-Identifier: LGPL-2.1-or-later
// Builds without GStreamer's CUDA library.
#include "src/copy_pool.h"

namespace cuframes::gst {

GstBufferPool* new_cuda_copy_pool(const CudaHandles&) { return nullptr; }

} // namespace cuframes::gst
