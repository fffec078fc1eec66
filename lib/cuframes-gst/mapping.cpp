// SPDX-License-Identifier: LGPL-2.1-or-later
#include "mapping.h"

#include "device.h"
#include "gst-common/layout.h"

namespace cuframes::gst {
namespace {

/// Mapped for as long as it lives: not every allocator keeps the address otherwise.
class HostMapping : public BufferMapping {
public:
    ~HostMapping() override {
        if (frame_.buffer) {
            gst_video_frame_unmap(&frame_);
        }
    }

    bool open(GstBuffer* buffer, const GstVideoInfo& info, GError** error) {
        read_only_ = !is_writable(buffer) || !is_plain_memory(buffer);
        if (!gst_buffer_get_video_meta(buffer) && gst_buffer_get_size(buffer) < info.size) {
            set_error(error, CUFRAMES_GST_ERROR_VALUE,
                      text("the buffer has ", gst_buffer_get_size(buffer), " bytes, a frame of its caps ", info.size));
            return false;
        }
        // A map for reading even where the tensor may be written: elements could not read the buffer beside another.
        if (!gst_video_frame_map(&frame_, &info, buffer, GST_MAP_READ)) {
            frame_.buffer = nullptr;
            set_error(
                error, CUFRAMES_GST_ERROR_REFUSED,
                "the buffer cannot be mapped for reading: another mapping for writing is in the way, or its memory "
                "has no address in this process");
            return false;
        }
        if (!set_layout(frame_.info, error)) {
            return false;
        }
        for (guint plane = 0; plane < geometry_.plane_count; ++plane) {
            const GstMapInfo& map = frame_.map[frame_.meta ? plane : 0];
            auto* data = static_cast<guint8*>(frame_.data[plane]);
            if (!set_plane(plane, data, static_cast<gsize>(map.data + map.size - data), error)) {
                return false;
            }
        }
        return true;
    }

    bool wait(gint64, GError**) override { return true; }
    void end() noexcept override { delete this; }

private:
    /// Other allocators would have to know of a write.
    static bool is_plain_memory(GstBuffer* buffer) {
        for (guint i = 0; i < gst_buffer_n_memory(buffer); ++i) {
            if (!gst_memory_is_type(gst_buffer_peek_memory(buffer, i), GST_ALLOCATOR_SYSMEM)) {
                return false;
            }
        }
        return true;
    }

    GstVideoFrame frame_ = {};
};

bool is_mappable(const GstCapsFeatures* features) {
    for (guint i = 0; features && i < gst_caps_features_get_size(features); ++i) {
        const gchar* feature = gst_caps_features_get_nth(features, i);
        if (g_str_has_prefix(feature, "memory:") && !g_str_equal(feature, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY) &&
            !g_str_equal(feature, "memory:CUDAMemory")) {
            return false;
        }
    }
    return true;
}

std::string text_of(const GstCaps* caps) {
    gchar* string = gst_caps_to_string(caps);
    std::string result = string;
    g_free(string);
    return result;
}

} // namespace

bool is_writable(GstBuffer* buffer) {
    // A memory's flag alone does not make it count as not writable.
    for (guint i = 0; i < gst_buffer_n_memory(buffer); ++i) {
        if (GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(buffer, i))) {
            return false;
        }
    }
    return gst_buffer_is_writable(buffer) && gst_buffer_is_all_memory_writable(buffer);
}

bool BufferMapping::set_layout(const GstVideoInfo& info, GError** error) {
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info); ++plane) {
        if (info.stride[plane] <= 0) {
            set_error(error, CUFRAMES_GST_ERROR_REFUSED,
                      text("rows of plane ", plane, " are ", info.stride[plane],
                           " bytes apart; put videoconvert before, which makes a layout of its own"));
            return false;
        }
    }
    const LayoutResult result = host_layout(info);
    if (!result.layout) {
        set_error(error, CUFRAMES_GST_ERROR_REFUSED, result.why);
        return false;
    }
    geometry_ = result.layout->geometry;
    return true;
}

bool BufferMapping::set_plane(guint index, void* data, gsize available, GError** error) {
    cuframes_plane& plane = geometry_.planes[index];
    const gsize needed = static_cast<gsize>(plane.pitch) * (plane.rows - 1) + plane.row_bytes;
    if (plane.pitch < plane.row_bytes || available < needed) {
        set_error(error, CUFRAMES_GST_ERROR_VALUE,
                  text("plane ", index, " has ", plane.rows, " rows of ", plane.row_bytes, " bytes, ", plane.pitch,
                       " apart, which do not fit the ", available,
                       " bytes of its memory; the buffer's GstVideoMeta or its caps are wrong"));
        return false;
    }
    planes_[index] = data;
    plane.offset = 0; // Planes have an address each, as they may lie in memories of their own.
    return true;
}

bool BufferMapping::describe(guint plane, tensors::View view, tensors::PlaneTensor& tensor, GError** error) const {
    if (plane >= geometry_.plane_count) {
        set_error(error, CUFRAMES_GST_ERROR_VALUE,
                  text("there is no plane ", plane, ": ", geometry_.format, " has ", geometry_.plane_count));
        return false;
    }
    auto described = tensors::describe_plane({&geometry_, planes_[plane], device_, read_only_}, plane, view);
    if (!described) {
        set_error(error, CUFRAMES_GST_ERROR_REFUSED, described.error().message);
        return false;
    }
    if (reinterpret_cast<guintptr>(described->data) % (described->dtype.bits / 8U) != 0) {
        set_error(error, CUFRAMES_GST_ERROR_REFUSED,
                  text("plane ", plane, " of ", geometry_.format, " begins at an address that is no multiple of ",
                       described->dtype.bits / 8, "; take its bytes, or copy the buffer"));
        return false;
    }
    tensor = *described;
    return true;
}

BufferMappingPtr map_buffer(GstBuffer* buffer, const GstVideoInfo& info, GError** error) {
    if (is_device_buffer(buffer)) {
        return map_device_buffer(buffer, info, error);
    }
    auto* mapping = new HostMapping;
    BufferMappingPtr owner(mapping);
    return mapping->open(buffer, info, error) ? std::move(owner) : BufferMappingPtr();
}

bool parse_caps(const GstCaps* caps, GstVideoInfo& info, GError** error) {
    if (!gst_caps_is_fixed(caps) || !gst_structure_has_name(gst_caps_get_structure(caps, 0), "video/x-raw") ||
        !gst_video_info_from_caps(&info, caps)) {
        set_error(error, CUFRAMES_GST_ERROR_VALUE,
                  text("fixed caps of raw video are needed (video/x-raw with format, width and height), not ",
                       text_of(caps)));
        return false;
    }
    if (!is_mappable(gst_caps_get_features(caps, 0))) {
        set_error(error, CUFRAMES_GST_ERROR_REFUSED,
                  text("frames of ", text_of(caps),
                       " are in memory that no tensor can describe; bring them to system memory or to "
                       "memory:CUDAMemory before (gldownload, nvvideoconvert, cudaupload …)"));
        return false;
    }
    return true;
}

} // namespace cuframes::gst
