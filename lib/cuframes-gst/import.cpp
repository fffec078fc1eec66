// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device.h"
#include "gst-common/layout.h"
#include "tensors/device.h"
#include "tensors/memory.h"

#include <algorithm>
#include <optional>

using namespace cuframes;
using namespace cuframes::gst;

namespace {

CuframesGstError code_of(tensors::Mismatch::Kind kind) {
    switch (kind) {
    case tensors::Mismatch::Kind::dtype:
        return CUFRAMES_GST_ERROR_DTYPE;
    case tensors::Mismatch::Kind::value:
        return CUFRAMES_GST_ERROR_VALUE;
    case tensors::Mismatch::Kind::unsupported:
        break;
    }
    return CUFRAMES_GST_ERROR_REFUSED;
}

/// The tensors as planes of a frame of `geometry`, or `error` is set.
std::optional<tensors::SourceFrame> read(Tensors& tensors, const cuframes_geometry& geometry, GError** error) {
    std::vector<const DLTensor*> views;
    for (size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i].is_readable()) {
            set_error(error, CUFRAMES_GST_ERROR_REFUSED,
                      text("tensor ", i, " is of a later major version of DLPack; ask its producer for version 1"));
            return {};
        }
        views.push_back(&tensors[i].tensor());
    }
    auto result = tensors::read_tensors(views, geometry);
    if (const auto* mismatch = std::get_if<tensors::Mismatch>(&result)) {
        set_error(error, code_of(mismatch->kind), mismatch->message);
        return {};
    }
    auto& source = std::get<tensors::SourceFrame>(result);
    for (const core::PlaneRef& plane : source.planes) {
        if (!plane.data) {
            set_error(error, CUFRAMES_GST_ERROR_VALUE, "a tensor with elements has no address");
            return {};
        }
    }
    return std::move(source);
}

/// GStreamer counts bytes from row to row in an int.
bool has_strides(const tensors::SourceFrame& source) {
    return std::all_of(source.planes.begin(), source.planes.end(),
                       [](const core::PlaneRef& plane) { return plane.pitch <= G_MAXINT; });
}

/// Bytes from the first of plane `first` to the last of plane `last`, which lies behind it.
gsize extent(const tensors::SourceFrame& source, const cuframes_geometry& geometry, guint first, guint last) {
    const auto* begin = static_cast<const std::byte*>(source.planes[first].data);
    const auto* end = static_cast<const std::byte*>(source.planes[last].data) +
                      source.planes[last].pitch * (geometry.planes[last].rows - 1) + geometry.planes[last].row_bytes;
    return static_cast<gsize>(end - begin);
}

GstMemory* wrap_tensor(tensors::ImportedTensor tensor, void* data, gsize size) {
    const GstMemoryFlags flags = tensor.is_read_only() ? GST_MEMORY_FLAG_READONLY : static_cast<GstMemoryFlags>(0);
    auto* owner = new Tensors;
    owner->add(std::move(tensor));
    return gst_memory_new_wrapped(flags, data, size, 0, size, owner,
                                  [](gpointer object) { Tensors::end(static_cast<Tensors*>(object), {}); });
}

/// In place: a memory for each tensor, and a meta for what lies where.
GstBuffer* wrap_in_host_memory(const Import& import, Tensors& tensors, const tensors::SourceFrame& source,
                               const cuframes_geometry& geometry) {
    GstBuffer* buffer = gst_buffer_new();
    gsize offsets[GST_VIDEO_MAX_PLANES] = {};
    gint strides[GST_VIDEO_MAX_PLANES] = {};
    const bool one_tensor = tensors.size() == 1;
    for (guint plane = 0; plane < geometry.plane_count; ++plane) {
        strides[plane] = static_cast<gint>(source.planes[plane].pitch);
        if (plane > 0 && one_tensor) {
            offsets[plane] = static_cast<gsize>(static_cast<std::byte*>(source.planes[plane].data) -
                                                static_cast<std::byte*>(source.planes[0].data));
            continue;
        }
        offsets[plane] = gst_buffer_get_size(buffer);
        const guint last = one_tensor ? geometry.plane_count - 1 : plane;
        gst_buffer_append_memory(buffer, wrap_tensor(std::move(tensors[plane]), source.planes[plane].data,
                                                     extent(source, geometry, plane, last)));
    }
    const GstVideoInfo& info = import.info;
    gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info), geometry.width,
                                   geometry.height, geometry.plane_count, offsets, strides);
    return buffer;
}

bool copy_to_host(const Import& import, GstBuffer* buffer, const tensors::SourceFrame& source,
                  const cuframes_geometry& geometry, GError** error) {
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_WRITE)) {
        set_error(error, CUFRAMES_GST_ERROR_FAILED, "the new buffer cannot be mapped for writing");
        return false;
    }
    const core::Planes target = core::planes_at(geometry, map.data);
    Result<> done;
    if (tensors::is_on_gpu(source.device)) {
        const gint64 name = import.stream == CUFRAMES_GST_STREAM_NO_SYNC ? CUFRAMES_GST_STREAM_NONE : import.stream;
        auto stream = tensors::resolve_stream(source.device.device_id, name);
        done = stream ? tensors::copy_with_gpu({{kDLCPU, 0}, target}, {source.device, source.planes}, geometry, *stream)
                      : Result<>(stream.error());
    } else {
        core::copy_planes(target, source.planes, geometry);
    }
    gst_buffer_unmap(buffer, &map);
    if (!done) {
        set_error(error, done.error());
    }
    return static_cast<bool>(done);
}

GstBuffer* make_host_buffer(const Import& import, TensorsPtr tensors, const tensors::SourceFrame& source,
                            const cuframes_geometry& geometry, GError** error) {
    const bool in_place =
        !tensors::is_on_gpu(source.device) && has_strides(source) && !import.has(CUFRAMES_GST_IMPORT_COPY);
    if (in_place) {
        return wrap_in_host_memory(import, *tensors, source, geometry);
    }
    if (import.has(CUFRAMES_GST_IMPORT_NO_COPY)) {
        set_error(error, CUFRAMES_GST_ERROR_REFUSED,
                  "these tensors are no system memory without a copy, which was ruled out: they are on a GPU, or "
                  "their rows too far apart");
        return nullptr;
    }
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, geometry.frame_size, nullptr);
    if (!copy_to_host(import, buffer, source, geometry, error)) {
        gst_clear_buffer(&buffer);
    }
    return buffer;
}

bool check(const Import& import, GError** error) {
    const bool contradicts =
        (import.has(CUFRAMES_GST_IMPORT_COPY) && import.has(CUFRAMES_GST_IMPORT_NO_COPY)) ||
        (import.has(CUFRAMES_GST_IMPORT_SYSTEM_MEMORY) && import.has(CUFRAMES_GST_IMPORT_CUDA_MEMORY));
    if (contradicts) {
        set_error(error, CUFRAMES_GST_ERROR_VALUE,
                  "the flags contradict each other: copy or not, one memory or the other");
    }
    return !contradicts;
}

GstBuffer* make_buffer(const GstCaps* caps, Import import, TensorsPtr tensors, GError** error) {
    if (!parse_caps(caps, import.info, error) || !check(import, error)) {
        return nullptr;
    }
    const LayoutResult layout = host_layout(import.info);
    if (!layout.layout) {
        set_error(error, CUFRAMES_GST_ERROR_REFUSED, layout.why);
        return nullptr;
    }
    const cuframes_geometry& geometry = layout.layout->geometry;
    const auto source = read(*tensors, geometry, error);
    if (!source) {
        return nullptr;
    }
    const bool to_gpu = import.has(CUFRAMES_GST_IMPORT_CUDA_MEMORY) ||
                        (tensors::is_on_gpu(source->device) && !import.has(CUFRAMES_GST_IMPORT_SYSTEM_MEMORY));
    return to_gpu ? make_device_buffer(import, std::move(tensors), *source, error)
                  : make_host_buffer(import, std::move(tensors), *source, geometry, error);
}

/// `take` hands over tensor i; false: it is NULL.
template <class Take>
GstBuffer* import_tensors(const GstCaps* caps, guint count, const Import& import, GError** error, Take&& take) {
    return guarded(error, [&]() -> GstBuffer* {
        TensorsPtr tensors(new Tensors);
        bool complete = count > 0;
        for (guint i = 0; i < count; ++i) {
            complete = take(i, *tensors) && complete;
        }
        if (!complete || !GST_IS_CAPS(caps)) {
            set_error(error, CUFRAMES_GST_ERROR_VALUE, "caps and tensors are needed, and none of them may be NULL");
            return nullptr;
        }
        return make_buffer(caps, import, std::move(tensors), error);
    });
}

template <class Managed>
bool take(Managed* managed, Tensors& tensors) {
    if (managed) {
        tensors.add(tensors::ImportedTensor(managed));
    }
    return managed != nullptr;
}

template <class Managed>
Managed* at_address(guint64 address) {
    return reinterpret_cast<Managed*>(static_cast<guintptr>(address)); // NOLINT(performance-no-int-to-ptr)
}

} // namespace

GstBuffer* cuframes_gst_buffer_new_from_dlpack(const GstCaps* caps, DLManagedTensor* const* tensors, guint n_tensors,
                                               GstContext* context, gint64 stream, CuframesGstImportFlags flags,
                                               GError** error) {
    return import_tensors(caps, n_tensors, {{}, context, stream, flags}, error,
                          [&](guint i, Tensors& into) { return take(tensors[i], into); });
}

GstBuffer* cuframes_gst_buffer_new_from_dlpack_versioned(const GstCaps* caps, DLManagedTensorVersioned* const* tensors,
                                                         guint n_tensors, GstContext* context, gint64 stream,
                                                         CuframesGstImportFlags flags, GError** error) {
    return import_tensors(caps, n_tensors, {{}, context, stream, flags}, error,
                          [&](guint i, Tensors& into) { return take(tensors[i], into); });
}

GstBuffer* cuframes_gst_buffer_new_from_addresses(const GstCaps* caps, const guint64* tensors, guint n_tensors,
                                                  guint versioned, GstContext* context, gint64 stream,
                                                  CuframesGstImportFlags flags, GError** error) {
    return import_tensors(caps, n_tensors, {{}, context, stream, flags}, error, [&](guint i, Tensors& into) {
        return (versioned >> i & 1) ? take(at_address<DLManagedTensorVersioned>(tensors[i]), into)
                                    : take(at_address<DLManagedTensor>(tensors[i]), into);
    });
}
