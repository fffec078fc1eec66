// SPDX-License-Identifier: LGPL-2.1-or-later
// Builds without the CUDA headers or GStreamer's CUDA library: there is no GPU memory.
#include "device.h"

namespace cuframes::gst {
namespace {

void set_absent(GError** error) {
    set_error(error, CUFRAMES_GST_ERROR_NO_DEVICE,
              "this build of libcuframes-gst knows system memory only; for GPU memory build it with cuda.h and "
              "gstreamer-cuda-1.0 at hand");
}

} // namespace

bool is_device_buffer(GstBuffer*) { return false; }

BufferMappingPtr map_device_buffer(GstBuffer*, const GstVideoInfo&, GError** error) {
    set_absent(error);
    return {};
}

bool wait_for_stream(GstBuffer*, gint64, GError** error) {
    set_absent(error);
    return false;
}

GstBuffer* make_device_buffer(const Import&, TensorsPtr, const tensors::SourceFrame&, GError** error) {
    set_absent(error);
    return nullptr;
}

GstContext* new_primary_context(int, GError** error) {
    set_absent(error);
    return nullptr;
}

void forget_streams() {}

} // namespace cuframes::gst
