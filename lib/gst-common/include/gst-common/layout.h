// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <gst/video/video.h>

#include <optional>
#include <string>

namespace cuframes::gst {

/// How frames lie in a slot, in GStreamer's words and in the ring's.
struct Layout {
    GstVideoInfo info; ///< Offsets and strides are the slot's.
    cuframes_geometry geometry;
};

/// Either a layout, or why these caps cannot be held.
struct LayoutResult {
    std::optional<Layout> layout;
    std::string why;
};

/// Host memory: GStreamer's default layout. `padding` bytes follow the last plane.
LayoutResult host_layout(const GstVideoInfo& info, gsize padding = 0);

/// GPU memory: one pitch for all planes, as GstCudaMemory has it and CUDA kernels and encoders expect.
LayoutResult cuda_layout(const GstVideoInfo& info);

/// The other way round, for a reader: `caps` say what the pixels mean, `geometry` where they are.
LayoutResult layout_of_ring(const GstCaps* caps, const cuframes_geometry& geometry);

bool same_geometry(const cuframes_geometry& a, const cuframes_geometry& b);

/// Whether planes lie where an element expects them that knows the caps but no GstVideoMeta.
bool is_default_layout(const Layout& layout);

/// A meta's format. Whoever attached it may have written any number, which the enum cannot hold.
gint format_number(const GstVideoMeta& meta);
/// Of any number that claims to be a format; "none" if it is none.
std::string format_name(gint number);

/// Why a buffer cannot be mapped as a frame of these caps, by what its GstVideoMeta says; empty if it can. GStreamer takes
/// the contradiction for a programming error.
std::string contradiction(const GstVideoInfo& info, GstBuffer* buffer);

/// Why the rows of a mapped frame cannot be read, though its planes begin within the buffer; empty if they can. Nobody else
/// looks: a GstVideoMeta may say anything of strides and offsets.
std::string unreadable_rows(const GstVideoFrame& frame);

/// A mapped frame as the far side of a copy.
cuframes_image image_of(const GstVideoFrame& frame, cuframes_memory memory);

/// The buffer's one video meta describes exactly the slot's layout.
bool meta_matches(const GstVideoMeta* meta, const Layout& layout);

/// Says in a video meta where the planes of `info` are.
GstVideoMeta* add_video_meta(GstBuffer* buffer, const GstVideoInfo& info);

} // namespace cuframes::gst
