// SPDX-License-Identifier: LGPL-2.1-or-later
/// The planes of a buffer, where this process can reach them.
#pragma once

#include "error.h"
#include "tensors/tensor.h"

#include <memory>

namespace cuframes::gst {

class BufferMapping {
public:
    virtual ~BufferMapping() = default;

    const cuframes_geometry& geometry() const { return geometry_; }
    bool is_read_only() const { return read_only_; }

    bool describe(guint plane, tensors::View view, tensors::PlaneTensor& tensor, GError** error) const;

    /// Makes the named stream wait for the pixels, and the end of the mapping wait for the stream.
    virtual bool wait(gint64 stream, GError** error) = 0;

    /// Gives the buffer back, now or when the GPU is through with it. Never blocks.
    virtual void end() noexcept = 0;

protected:
    /// Takes the layout that the buffer really has: `info` with its own strides and offsets.
    bool set_layout(const GstVideoInfo& info, GError** error);
    /// Takes a plane's address; `available` bytes from there are the buffer's.
    bool set_plane(guint plane, void* data, gsize available, GError** error);

    cuframes_geometry geometry_ = {};
    void* planes_[CUFRAMES_MAX_PLANES] = {};
    DLDevice device_ = {kDLCPU, 0};
    bool read_only_ = true;
};

struct EndMapping {
    void operator()(BufferMapping* mapping) const { mapping->end(); }
};
using BufferMappingPtr = std::unique_ptr<BufferMapping, EndMapping>;

/// Empty, with `error` set: the buffer cannot be mapped, or is not what the caps say.
BufferMappingPtr map_buffer(GstBuffer* buffer, const GstVideoInfo& info, GError** error);

/// Whether nobody else has the buffer, and its memory allows it.
bool is_writable(GstBuffer* buffer);

/// Raw video in memory that can be mapped, or `error` is set.
bool parse_caps(const GstCaps* caps, GstVideoInfo& info, GError** error);

} // namespace cuframes::gst
