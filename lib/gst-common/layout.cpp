// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst-common/layout.h"

#include <algorithm>
#include <cstring>

namespace cuframes::gst {
namespace {

/// Rows and bytes of a plane that carry picture, whatever the padding around them.
struct PlaneShape {
    guint row_bytes;
    guint rows;
};

guint plane_bytes(const GstVideoInfo& info, guint plane) {
    const gsize end = plane + 1 < GST_VIDEO_INFO_N_PLANES(&info) ? info.offset[plane + 1] : info.size;
    return static_cast<guint>(end - info.offset[plane]);
}

bool is_tiled(const GstVideoInfo& info) { return GST_VIDEO_FORMAT_INFO_IS_TILED(info.finfo); }

/// Bytes that the pixels of a row take, or 0 where a pixel is not a whole number of bytes (v210 and its like).
guint row_bytes_of_components(const GstVideoInfo& info, const gint* components) {
    guint bytes = 0;
    for (guint i = 0; i < GST_VIDEO_MAX_COMPONENTS && components[i] >= 0; ++i) {
        const guint component = static_cast<guint>(components[i]);
        const guint step = static_cast<guint>(GST_VIDEO_INFO_COMP_PSTRIDE(&info, component));
        if (step == 0) {
            return 0;
        }
        bytes = std::max(bytes, static_cast<guint>(GST_VIDEO_INFO_COMP_WIDTH(&info, component)) * step);
    }
    return bytes;
}

PlaneShape plane_shape(const GstVideoInfo& tight, guint plane) {
    const GstVideoFormatInfo* format = tight.finfo;
    if (GST_VIDEO_FORMAT_INFO_HAS_PALETTE(format) && plane == 1) {
        return {4, 256};
    }
    if (is_tiled(tight)) {
        // Tiles have no rows; a row of tiles is a contiguous run of bytes, and that is what travels.
        const guint rows = static_cast<guint>(GST_VIDEO_TILE_Y_TILES(tight.stride[plane]));
        return {plane_bytes(tight, plane) / rows, rows};
    }
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(format, plane, components);
    const guint stride = static_cast<guint>(tight.stride[plane]);
    const guint bytes = GST_VIDEO_FORMAT_INFO_IS_COMPLEX(format) ? 0 : row_bytes_of_components(tight, components);
    const gint rows = GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT(format, components[0], GST_VIDEO_INFO_FIELD_HEIGHT(&tight));
    return {bytes ? std::min(bytes, stride) : stride, static_cast<guint>(rows)};
}

std::string why_not(const GstVideoInfo& info) {
    const std::string name = gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info));
    if (GST_VIDEO_INFO_FORMAT(&info) == GST_VIDEO_FORMAT_ENCODED || GST_VIDEO_INFO_N_PLANES(&info) == 0) {
        return "format " + name + " has no planes of pixels that a frame could hold; put videoconvert before the sink";
    }
    if (GST_VIDEO_INFO_WIDTH(&info) < 1 || GST_VIDEO_INFO_HEIGHT(&info) < 1) {
        return "a frame needs at least one pixel; the caps say " + std::to_string(GST_VIDEO_INFO_WIDTH(&info)) + "x" +
               std::to_string(GST_VIDEO_INFO_HEIGHT(&info));
    }
    if (GST_VIDEO_INFO_MULTIVIEW_MODE(&info) == GST_VIDEO_MULTIVIEW_MODE_SEPARATED) {
        return "views in separate memories (multiview-mode=separated) do not fit one slot; use a frame-packed mode";
    }
    return {};
}

/// GStreamer's default layout of the same picture: the shapes come from it.
GstVideoInfo tight_info(const GstVideoInfo& info) {
    GstVideoInfo tight;
    gst_video_info_set_interlaced_format(&tight, GST_VIDEO_INFO_FORMAT(&info), GST_VIDEO_INFO_INTERLACE_MODE(&info),
                                         static_cast<guint>(GST_VIDEO_INFO_WIDTH(&info)),
                                         static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&info)));
    return tight;
}

guint pitch_of(const GstVideoInfo& info, guint plane, const PlaneShape& shape) {
    return is_tiled(info) ? shape.row_bytes : static_cast<guint>(info.stride[plane]);
}

cuframes_geometry geometry_of(const GstVideoInfo& info) {
    cuframes_geometry geometry;
    CUFRAMES_INIT(geometry);
    geometry.width = static_cast<uint32_t>(GST_VIDEO_INFO_WIDTH(&info));
    geometry.height = static_cast<uint32_t>(GST_VIDEO_INFO_HEIGHT(&info));
    geometry.plane_count = GST_VIDEO_INFO_N_PLANES(&info);
    g_strlcpy(geometry.format, gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info)), sizeof geometry.format);
    geometry.frame_size = info.size;
    const GstVideoInfo tight = tight_info(info);
    for (guint plane = 0; plane < geometry.plane_count; ++plane) {
        const PlaneShape shape = plane_shape(tight, plane);
        geometry.planes[plane] = {.offset = info.offset[plane],
                                  .pitch = pitch_of(info, plane, shape),
                                  .row_bytes = shape.row_bytes,
                                  .rows = shape.rows,
                                  .reserved = 0};
    }
    return geometry;
}

LayoutResult refuse(std::string why) { return {std::nullopt, std::move(why)}; }

} // namespace

LayoutResult host_layout(const GstVideoInfo& info, gsize padding) {
    if (std::string why = why_not(info); !why.empty()) {
        return refuse(std::move(why));
    }
    Layout layout{.info = info, .geometry = {}};
    layout.info.size += padding;
    layout.geometry = geometry_of(layout.info);
    return {layout, {}};
}

LayoutResult cuda_layout(const GstVideoInfo& info) {
    if (std::string why = why_not(info); !why.empty()) {
        return refuse(std::move(why));
    }
    if (is_tiled(info)) {
        return refuse(std::string("format ") + gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info)) +
                      " is tiled, which GPU memory cannot hold; set memory=system or convert it first");
    }
    // What every CUDA device takes for pitched copies, textures and encoder input.
    constexpr guint pitch_alignment = 512;
    Layout layout{.info = info, .geometry = {}};
    const GstVideoInfo tight = tight_info(info);
    guint pitch = 0;
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info); ++plane) {
        pitch = std::max(pitch, GST_ROUND_UP_N(plane_shape(tight, plane).row_bytes, pitch_alignment));
    }
    gsize offset = 0;
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info); ++plane) {
        layout.info.offset[plane] = offset;
        layout.info.stride[plane] = static_cast<gint>(pitch);
        offset += static_cast<gsize>(pitch) * plane_shape(tight, plane).rows;
    }
    layout.info.size = offset;
    layout.geometry = geometry_of(layout.info);
    return {layout, {}};
}

LayoutResult layout_of_ring(const GstCaps* caps, const cuframes_geometry& geometry) {
    Layout layout{.info = {}, .geometry = geometry};
    if (!gst_video_info_from_caps(&layout.info, caps)) {
        return refuse("the publisher's caps are not raw video");
    }
    const GstVideoInfo& info = layout.info;
    const char* format = gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info));
    if (GST_VIDEO_INFO_N_PLANES(&info) != geometry.plane_count || std::strcmp(format, geometry.format) != 0 ||
        static_cast<uint32_t>(GST_VIDEO_INFO_WIDTH(&info)) != geometry.width ||
        static_cast<uint32_t>(GST_VIDEO_INFO_HEIGHT(&info)) != geometry.height) {
        return refuse("the publisher's caps and the layout of its frames contradict each other");
    }
    const GstVideoInfo tight = tight_info(info);
    for (guint plane = 0; plane < geometry.plane_count; ++plane) {
        // Whoever reads the frame goes by the caps, and whoever copies it by the geometry.
        const PlaneShape shape = plane_shape(tight, plane);
        if (geometry.planes[plane].rows != shape.rows || geometry.planes[plane].row_bytes > shape.row_bytes) {
            return refuse("plane " + std::to_string(plane) + " has " + std::to_string(geometry.planes[plane].rows) +
                          " rows of " + std::to_string(geometry.planes[plane].row_bytes) +
                          " bytes, where the publisher's caps say " + std::to_string(shape.rows) + " rows of " +
                          std::to_string(shape.row_bytes));
        }
        layout.info.offset[plane] = geometry.planes[plane].offset;
        if (!is_tiled(info)) { // tiled strides count tiles, and are the default ones
            layout.info.stride[plane] = static_cast<gint>(geometry.planes[plane].pitch);
        }
    }
    layout.info.size = geometry.frame_size;
    return {layout, {}};
}

bool same_geometry(const cuframes_geometry& a, const cuframes_geometry& b) {
    // Both come from geometry_of(), which starts from zeroes: padding included, equal means equal.
    return std::memcmp(&a, &b, sizeof a) == 0;
}

bool is_default_layout(const Layout& layout) {
    const GstVideoInfo tight = tight_info(layout.info);
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&tight); ++plane) {
        if (tight.offset[plane] != layout.info.offset[plane] || tight.stride[plane] != layout.info.stride[plane]) {
            return false;
        }
    }
    return layout.info.size >= tight.size;
}

gint format_number(const GstVideoMeta& meta) {
    gint number;
    static_assert(sizeof number == sizeof meta.format);
    std::memcpy(&number, &meta.format, sizeof number);
    return number;
}

std::string format_name(gint number) {
    auto* formats = static_cast<GEnumClass*>(g_type_class_ref(GST_TYPE_VIDEO_FORMAT));
    const bool known = g_enum_get_value(formats, number) != nullptr;
    g_type_class_unref(formats);
    const char* name = known ? gst_video_format_to_string(static_cast<GstVideoFormat>(number)) : nullptr;
    return name ? name : "none";
}

std::string contradiction(const GstVideoInfo& info, GstBuffer* buffer) {
    const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
    if (!meta) {
        return {};
    }
    if (format_number(*meta) != GST_VIDEO_INFO_FORMAT(&info)) {
        return "its GstVideoMeta says that its format is " + format_name(format_number(*meta));
    }
    if (meta->n_planes != GST_VIDEO_INFO_N_PLANES(&info)) {
        return "its GstVideoMeta says that it has " + std::to_string(meta->n_planes) + " planes";
    }
    const auto width = static_cast<guint>(GST_VIDEO_INFO_WIDTH(&info));
    const auto height = static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&info));
    // GStreamer compares them as signed numbers.
    if (meta->width < width || meta->height < height || meta->width > G_MAXINT || meta->height > G_MAXINT) {
        return "its GstVideoMeta says that it has " + std::to_string(meta->width) + "x" + std::to_string(meta->height) +
               " pixels";
    }
    const gsize size = gst_buffer_get_size(buffer);
    for (guint plane = 0; plane < meta->n_planes; ++plane) {
        if (meta->offset[plane] >= size) {
            return "its GstVideoMeta says that plane " + std::to_string(plane) + " begins at byte " +
                   std::to_string(meta->offset[plane]) + " of " + std::to_string(size);
        }
    }
    return {};
}

std::string unreadable_rows(const GstVideoFrame& frame) {
    const GstVideoInfo tight = tight_info(frame.info);
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
        const std::string which = "plane " + std::to_string(plane) + " of its GstVideoMeta ";
        const PlaneShape shape = plane_shape(tight, plane);
        const gint stride = frame.info.stride[plane];
        if (is_tiled(tight)) {
            if (GST_VIDEO_TILE_X_TILES(stride) != GST_VIDEO_TILE_X_TILES(tight.stride[plane])) {
                return which + "has rows of " + std::to_string(GST_VIDEO_TILE_X_TILES(stride)) +
                       " tiles, and these caps " + std::to_string(GST_VIDEO_TILE_X_TILES(tight.stride[plane]));
            }
        } else if (stride < 0 || static_cast<guint>(stride) < shape.row_bytes) {
            return which + "has a stride of " + std::to_string(stride) + ", and a row of these caps takes " +
                   std::to_string(shape.row_bytes) + " bytes";
        }
        const GstMapInfo& map = frame.map[frame.meta ? plane : 0];
        const auto* data = static_cast<const guint8*>(frame.data[plane]);
        // An element that maps planes by functions of its own knows what they are mapped to.
        if (data < map.data || data > map.data + map.size) {
            continue;
        }
        const auto begin = static_cast<guint64>(data - map.data);
        const guint64 pitch = pitch_of(frame.info, plane, shape);
        if (pitch * (shape.rows - 1) + shape.row_bytes > map.size - begin) {
            return which + "leads out of the buffer: " + std::to_string(shape.rows) + " rows with a stride of " +
                   std::to_string(pitch) + " from byte " + std::to_string(begin) + " of " + std::to_string(map.size);
        }
    }
    return {};
}

cuframes_image image_of(const GstVideoFrame& frame, cuframes_memory memory) {
    cuframes_image image;
    CUFRAMES_INIT(image);
    image.memory = memory;
    image.plane_count = GST_VIDEO_FRAME_N_PLANES(&frame);
    const GstVideoInfo tight = tight_info(frame.info);
    for (guint plane = 0; plane < image.plane_count; ++plane) {
        image.planes[plane] = frame.data[plane];
        const PlaneShape shape = plane_shape(tight, plane);
        image.pitch[plane] = pitch_of(frame.info, plane, shape);
        image.rows[plane] = shape.rows;
    }
    return image;
}

bool meta_matches(const GstVideoMeta* meta, const Layout& layout) {
    const GstVideoInfo& info = layout.info;
    if (meta->n_planes != GST_VIDEO_INFO_N_PLANES(&info) || format_number(*meta) != GST_VIDEO_INFO_FORMAT(&info) ||
        static_cast<gint>(meta->width) != GST_VIDEO_INFO_WIDTH(&info) ||
        static_cast<gint>(meta->height) != GST_VIDEO_INFO_HEIGHT(&info)) {
        return false;
    }
    for (guint plane = 0; plane < meta->n_planes; ++plane) {
        if (meta->offset[plane] != info.offset[plane] || meta->stride[plane] != info.stride[plane]) {
            return false;
        }
    }
    return true;
}

GstVideoMeta* add_video_meta(GstBuffer* buffer, const GstVideoInfo& info) {
    return gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info),
                                          static_cast<guint>(GST_VIDEO_INFO_WIDTH(&info)),
                                          static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&info)),
                                          GST_VIDEO_INFO_N_PLANES(&info), info.offset, info.stride);
}

} // namespace cuframes::gst
