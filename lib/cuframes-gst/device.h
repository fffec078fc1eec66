// SPDX-License-Identifier: LGPL-2.1-or-later
/// What differs between builds with GStreamer's CUDA library and those without.
#pragma once

#include "mapping.h"
#include "tensors.h"

namespace cuframes::gst {

/// Whether a buffer is in the memory of a GPU, in part at least.
bool is_device_buffer(GstBuffer* buffer);

/// Without a map for the CPU: addresses are the GPU's.
BufferMappingPtr map_device_buffer(GstBuffer* buffer, const GstVideoInfo& info, GError** error);

/// Orders the elements' work behind what is queued on a stream.
bool wait_for_stream(GstBuffer* buffer, gint64 stream, GError** error);

/// A buffer in GPU memory, from tensors wherever they are.
GstBuffer* make_device_buffer(const Import& import, TensorsPtr tensors, const tensors::SourceFrame& source,
                              GError** error);

/// The primary context in a GstContext.
GstContext* new_primary_context(int device, GError** error);

/// Lets go of streams that are kept for the next import.
void forget_streams();

} // namespace cuframes::gst
