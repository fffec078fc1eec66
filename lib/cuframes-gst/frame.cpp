// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device.h"
#include "mapping.h"

#include <atomic>
#include <utility>

using namespace cuframes;
using namespace cuframes::gst;

struct CuframesGstFrame {
    std::atomic<guint> references{1};
    BufferMappingPtr mapping;
};

namespace {

CuframesGstPlane plane_of(const tensors::PlaneTensor& tensor, const cuframes_plane& layout) {
    CuframesGstPlane plane = {};
    plane.data = reinterpret_cast<guintptr>(tensor.data);
    for (gint32 i = 0; i < tensor.ndim; ++i) {
        plane.shape[i] = tensor.shape[i];
        plane.strides[i] = tensor.strides[i];
    }
    plane.pitch = layout.pitch;
    plane.row_bytes = layout.row_bytes;
    plane.rows = layout.rows;
    plane.n_dims = static_cast<guint>(tensor.ndim);
    plane.item_size = tensor.dtype.bits / 8U;
    plane.device_type = tensor.device.device_type;
    plane.device_id = tensor.device.device_id;
    plane.read_only = tensor.read_only;
    return plane;
}

tensors::View view_of(CuframesGstView view) {
    switch (view) {
    case CUFRAMES_GST_VIEW_FLAT:
        return tensors::View::flat_pixels;
    case CUFRAMES_GST_VIEW_BYTES:
        return tensors::View::bytes;
    case CUFRAMES_GST_VIEW_PIXELS:
        break;
    }
    return tensors::View::pixels;
}

/// `make` gets the description and an owner, which holds a reference to the frame until its release.
template <class Make>
auto export_plane(CuframesGstFrame* frame, guint plane, CuframesGstView view, gint64 stream, GError** error,
                  Make&& make) -> decltype(make(tensors::PlaneTensor(), tensors::Owner())) {
    tensors::PlaneTensor tensor;
    if (!frame->mapping->describe(plane, view_of(view), tensor, error) || !frame->mapping->wait(stream, error)) {
        return nullptr;
    }
    const tensors::Owner owner{cuframes_gst_frame_ref(frame),
                               [](void* object) { cuframes_gst_frame_unref(static_cast<CuframesGstFrame*>(object)); }};
    auto* made = make(tensor, owner);
    if (!made) {
        cuframes_gst_frame_unref(frame);
        set_error(error, CUFRAMES_GST_ERROR_FAILED, "no memory for a tensor");
    }
    return made;
}

/// A frame for one call.
template <class Result, class Use>
Result with_frame(GstBuffer* buffer, const GstCaps* caps, GError** error, Use&& use) {
    CuframesGstFrame* frame = cuframes_gst_frame_new(buffer, caps, error);
    if (!frame) {
        return {};
    }
    Result result = use(frame);
    cuframes_gst_frame_unref(frame);
    return result;
}

} // namespace

G_DEFINE_BOXED_TYPE(CuframesGstFrame, cuframes_gst_frame, cuframes_gst_frame_ref, cuframes_gst_frame_unref)
G_DEFINE_BOXED_TYPE(CuframesGstPlane, cuframes_gst_plane, cuframes_gst_plane_copy, cuframes_gst_plane_free)

CuframesGstPlane* cuframes_gst_plane_copy(const CuframesGstPlane* plane) {
    return static_cast<CuframesGstPlane*>(g_memdup2(plane, sizeof *plane));
}

void cuframes_gst_plane_free(CuframesGstPlane* plane) { g_free(plane); }

CuframesGstFrame* cuframes_gst_frame_new(GstBuffer* buffer, const GstCaps* caps, GError** error) {
    g_return_val_if_fail(GST_IS_BUFFER(buffer), nullptr);
    g_return_val_if_fail(GST_IS_CAPS(caps), nullptr);
    return guarded(error, [&]() -> CuframesGstFrame* {
        GstVideoInfo info;
        if (!parse_caps(caps, info, error)) {
            return nullptr;
        }
        BufferMappingPtr mapping = map_buffer(buffer, info, error);
        return mapping ? new CuframesGstFrame{.mapping = std::move(mapping)} : nullptr;
    });
}

CuframesGstFrame* cuframes_gst_frame_ref(CuframesGstFrame* frame) {
    frame->references.fetch_add(1, std::memory_order_relaxed);
    return frame;
}

void cuframes_gst_frame_unref(CuframesGstFrame* frame) {
    if (frame->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete frame;
    }
}

guint cuframes_gst_frame_get_n_planes(CuframesGstFrame* frame) { return frame->mapping->geometry().plane_count; }
guint cuframes_gst_frame_get_width(CuframesGstFrame* frame) { return frame->mapping->geometry().width; }
guint cuframes_gst_frame_get_height(CuframesGstFrame* frame) { return frame->mapping->geometry().height; }
const gchar* cuframes_gst_frame_get_format(CuframesGstFrame* frame) { return frame->mapping->geometry().format; }

gboolean cuframes_gst_frame_describe(CuframesGstFrame* frame, guint plane, CuframesGstView view,
                                     CuframesGstPlane* description, GError** error) {
    return guarded(error, [&]() -> gboolean {
        tensors::PlaneTensor tensor;
        if (!frame->mapping->describe(plane, view_of(view), tensor, error)) {
            return FALSE;
        }
        *description = plane_of(tensor, frame->mapping->geometry().planes[plane]);
        return TRUE;
    });
}

gboolean cuframes_gst_frame_wait(CuframesGstFrame* frame, gint64 stream, GError** error) {
    return guarded(error, [&]() -> gboolean { return frame->mapping->wait(stream, error); });
}

DLManagedTensor* cuframes_gst_frame_to_dlpack(CuframesGstFrame* frame, guint plane, CuframesGstView view, gint64 stream,
                                              GError** error) {
    return guarded(error, [&] { return export_plane(frame, plane, view, stream, error, tensors::export_legacy); });
}

DLManagedTensorVersioned* cuframes_gst_frame_to_dlpack_versioned(CuframesGstFrame* frame, guint plane,
                                                                 CuframesGstView view, gint64 stream, GError** error) {
    return guarded(error, [&] {
        return export_plane(frame, plane, view, stream, error,
                            [](const tensors::PlaneTensor& tensor, tensors::Owner owner) {
                                return tensors::export_versioned(tensor, owner, false);
                            });
    });
}

guint64 cuframes_gst_frame_export(CuframesGstFrame* frame, guint plane, CuframesGstView view, gint64 stream,
                                  gboolean versioned, GError** error) {
    if (versioned) {
        return reinterpret_cast<guintptr>(cuframes_gst_frame_to_dlpack_versioned(frame, plane, view, stream, error));
    }
    return reinterpret_cast<guintptr>(cuframes_gst_frame_to_dlpack(frame, plane, view, stream, error));
}

DLManagedTensor* cuframes_gst_buffer_to_dlpack(GstBuffer* buffer, const GstCaps* caps, guint plane,
                                               CuframesGstView view, gint64 stream, GError** error) {
    return with_frame<DLManagedTensor*>(buffer, caps, error, [&](CuframesGstFrame* frame) {
        return cuframes_gst_frame_to_dlpack(frame, plane, view, stream, error);
    });
}

DLManagedTensorVersioned* cuframes_gst_buffer_to_dlpack_versioned(GstBuffer* buffer, const GstCaps* caps, guint plane,
                                                                  CuframesGstView view, gint64 stream, GError** error) {
    return with_frame<DLManagedTensorVersioned*>(buffer, caps, error, [&](CuframesGstFrame* frame) {
        return cuframes_gst_frame_to_dlpack_versioned(frame, plane, view, stream, error);
    });
}

guint64 cuframes_gst_buffer_export(GstBuffer* buffer, const GstCaps* caps, guint plane, CuframesGstView view,
                                   gint64 stream, gboolean versioned, GError** error) {
    return with_frame<guint64>(buffer, caps, error, [&](CuframesGstFrame* frame) {
        return cuframes_gst_frame_export(frame, plane, view, stream, versioned, error);
    });
}

gboolean cuframes_gst_buffer_wait_for_stream(GstBuffer* buffer, gint64 stream, GError** error) {
    g_return_val_if_fail(GST_IS_BUFFER(buffer), FALSE);
    return guarded(error,
                   [&]() -> gboolean { return !is_device_buffer(buffer) || wait_for_stream(buffer, stream, error); });
}
