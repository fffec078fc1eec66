// SPDX-License-Identifier: LGPL-2.1-or-later
// Tensors as buffers in GPU memory.
#include "cuda_streams.h"
#include "device.h"
#include "gst-common/layout.h"
#include "gst-common/primary_context.h"
#include "tensors/device.h"
#include "tensors/memory.h"

#include <algorithm>
#include <deque>
#include <mutex>

namespace cuframes::gst {
namespace {

struct Unref {
    void operator()(GstCudaContext* context) const { gst_object_unref(context); }
    void operator()(GstCudaStream* stream) const { gst_cuda_stream_unref(stream); }
};
using ContextPtr = std::unique_ptr<GstCudaContext, Unref>;
using StreamPtr = std::unique_ptr<GstCudaStream, Unref>;

/// One stream for each context: making one takes longer than a copy. Bounded, as a stream keeps its context alive.
class Streams {
public:
    /// Never destroyed: buffers may be made while static objects go.
    static Streams& get() {
        static auto* const streams = new Streams;
        return *streams;
    }

    StreamPtr of(GstCudaContext* context) {
        const std::lock_guard lock(mutex_);
        for (const StreamPtr& known : streams_) {
            if (known->context == context) {
                return StreamPtr(gst_cuda_stream_ref(known.get()));
            }
        }
        StreamPtr made(gst_cuda_stream_new(context));
        if (!made) {
            return made;
        }
        if (streams_.size() == most) {
            streams_.pop_front();
        }
        streams_.emplace_back(gst_cuda_stream_ref(made.get()));
        return made;
    }

    void clear() {
        std::deque<StreamPtr> old;
        const std::lock_guard lock(mutex_);
        old.swap(streams_);
    }

private:
    static constexpr size_t most = 8;
    std::mutex mutex_;
    std::deque<StreamPtr> streams_;
};

/// How the planes lie in one piece of GPU memory.
struct Placement {
    GstVideoInfo info;    ///< With offsets, strides and size of the piece.
    guint row_bytes = 0;  ///< Of the widest plane: GstCudaMemory transfers so much of every row.
    bool is_full = false; ///< Every row of the piece is a plane's, over the whole width.
};

/// What a memory keeps until the GPU is through with it.
struct Kept {
    TensorsPtr tensors;
    std::shared_ptr<tensors::OwnedFrame> copy;
    StreamRef users[2];
};

struct Target {
    ContextPtr context;
    StreamPtr stream;
    int device = 0;

    CUcontext handle() const { return static_cast<CUcontext>(gst_cuda_context_get_handle(context.get())); }
    StreamRef cuda_stream() const { return {.stream = gst_cuda_stream_get_handle(stream.get()), .context = handle()}; }
};

GstCudaContext* context_in(GstContext* context) {
    GstCudaContext* found = nullptr;
    gst_structure_get(gst_context_get_structure(context), GST_CUDA_CONTEXT_TYPE, GST_TYPE_CUDA_CONTEXT, &found,
                      nullptr);
    return found;
}

bool open_target(GstContext* context, const DLDevice& source, Target& target, GError** error) {
    const bool on_gpu = tensors::is_on_gpu(source);
    target.device = on_gpu ? source.device_id : 0;
    target.context.reset(context ? context_in(context) : primary_context(target.device));
    if (!target.context) {
        set_error(error, CUFRAMES_GST_ERROR_NO_DEVICE,
                  context ? std::string("the context holds no GstCudaContext; it is of the type ") +
                                gst_context_get_context_type(context)
                          : text("GPU ", target.device, " cannot be used here: no CUDA driver, or no such device"));
        return false;
    }
    if (on_gpu && device_of(target.context.get()) != target.device) {
        set_error(error, CUFRAMES_GST_ERROR_VALUE,
                  text("the tensors are on GPU ", target.device, ", the context is of GPU ",
                       device_of(target.context.get()), "; move the tensors, or give a context of theirs"));
        return false;
    }
    target.device = device_of(target.context.get());
    target.stream = Streams::get().of(target.context.get());
    if (!target.stream) {
        set_error(error, CUFRAMES_GST_ERROR_FAILED, "a CUDA stream cannot be made; is the GPU out of memory?");
    }
    return target.stream != nullptr;
}

/// Whether elements that use `target` can reach the piece, and all of it is one allocation.
bool is_reachable(const tensors::SourceFrame& source, const Placement& place, const Target& target, bool one_tensor) {
    auto driver = core::cuda::driver();
    const core::cuda::Current current(**driver, target.handle());
    const auto first = reinterpret_cast<CUdeviceptr>(source.planes[0].data);
    CUcontext owner = nullptr;
    // Memory of pools and virtual memory belong to no context: all of the device can use it.
    const CUresult known =
        (*driver)->cuPointerGetAttribute(static_cast<void*>(&owner), CU_POINTER_ATTRIBUTE_CONTEXT, first);
    if (known != CUDA_SUCCESS || (owner && owner != target.handle())) {
        return false;
    }
    const gint pitch = place.info.stride[0];
    const gsize transferred =
        static_cast<gsize>(pitch) * (place.info.size / static_cast<gsize>(pitch) - 1) + place.row_bytes;
    if (one_tensor && place.is_full) {
        return true;
    }
    CUdeviceptr base = 0;
    size_t size = 0;
    return (*driver)->cuMemGetAddressRange(&base, &size, first) == CUDA_SUCCESS && first + transferred <= base + size;
}

/// Nothing: one base address and one pitch cannot describe it.
std::optional<Placement> place_planes(const GstVideoInfo& info, const tensors::SourceFrame& source,
                                      const cuframes_geometry& geometry) {
    Placement place{.info = info};
    const auto base = reinterpret_cast<guintptr>(source.planes[0].data);
    const guint64 pitch = source.planes[0].pitch;
    guint64 end = 0;
    place.is_full = true;
    for (guint i = 0; i < geometry.plane_count; ++i) {
        const auto begin = reinterpret_cast<guintptr>(source.planes[i].data);
        const guint64 offset = begin - base;
        // Whole rows between them, as GstCudaMemory moves rows of one length from and to host memory.
        if (source.planes[i].pitch != pitch || pitch > G_MAXINT || begin < base || offset < end ||
            offset % pitch != 0) {
            return {};
        }
        place.is_full = place.is_full && offset == end && geometry.planes[i].row_bytes == geometry.planes[0].row_bytes;
        place.row_bytes = std::max(place.row_bytes, geometry.planes[i].row_bytes);
        place.info.offset[i] = offset;
        place.info.stride[i] = static_cast<gint>(pitch);
        end = offset + pitch * geometry.planes[i].rows;
    }
    place.info.size = end;
    return place.row_bytes <= pitch ? std::optional(place) : std::nullopt;
}

Placement place_of(const Layout& layout) {
    Placement place{.info = layout.info, .row_bytes = 0, .is_full = true};
    for (guint i = 0; i < layout.geometry.plane_count; ++i) {
        place.row_bytes = std::max(place.row_bytes, layout.geometry.planes[i].row_bytes);
    }
    return place;
}

void end_kept(gpointer object) {
    auto* kept = static_cast<Kept*>(object);
    tensors::reap_after(kept->users, [](void* done) { delete static_cast<Kept*>(done); }, kept);
}

GstMemory* wrap(const Placement& place, void* data, const Target& target, Kept* kept) {
    gst_cuda_memory_init_once();
    GstVideoInfo transfer = place.info;
    // It takes the width of the first component for the bytes of every row: chroma of an odd width has one pair more.
    const auto step = static_cast<guint>(GST_VIDEO_INFO_COMP_PSTRIDE(&transfer, 0));
    transfer.width = static_cast<gint>((place.row_bytes + step - 1) / step);
    GstMemory* memory = gst_cuda_allocator_alloc_wrapped(nullptr, target.context.get(), target.stream.get(), &transfer,
                                                         reinterpret_cast<CUdeviceptr>(data), kept, end_kept);
    GST_CUDA_MEMORY_CAST(memory)->info = place.info;
    GST_MINI_OBJECT_FLAG_SET(memory, GST_CUDA_MEMORY_TRANSFER_NEED_SYNC);
    return memory;
}

GstBuffer* buffer_of(GstMemory* memory, const GstVideoInfo& info) {
    GstBuffer* buffer = gst_buffer_new();
    gst_buffer_append_memory(buffer, memory);
    add_video_meta(buffer, info);
    return buffer;
}

/// Elements work on the buffer after what is queued on `ready`, and that is all finished before `kept` is let go.
GstBuffer* finish(const Placement& place, void* data, const Target& target, const StreamRef& ready,
                  std::unique_ptr<Kept> kept, GError** error) {
    kept->users[0] = target.cuda_stream();
    kept->users[1] = ready;
    auto driver = core::cuda::driver();
    if (!order(**driver, ready, target.cuda_stream(), error)) {
        return nullptr;
    }
    const bool read_only = kept->tensors && (kept->tensors->is_read_only() || !place.is_full);
    GstMemory* memory = wrap(place, data, target, kept.release());
    // Elements that write would also write what lies between the planes, which is not theirs.
    if (read_only) {
        GST_MINI_OBJECT_FLAG_SET(memory, GST_MEMORY_FLAG_READONLY);
    }
    return buffer_of(memory, place.info);
}

GstBuffer* copy_to_gpu(const Import& import, TensorsPtr tensors, const tensors::SourceFrame& source,
                       const Target& target, const StreamRef& ready, GError** error) {
    const LayoutResult result = cuda_layout(import.info);
    if (!result.layout) {
        set_error(error, CUFRAMES_GST_ERROR_REFUSED, result.why);
        return nullptr;
    }
    auto copy = tensors::OwnedFrame::copy(source, result.layout->geometry, {kDLCUDA, target.device}, import.stream);
    Tensors::end(tensors.release(), {&ready, 1});
    if (!copy) {
        set_error(error, copy.error());
        return nullptr;
    }
    std::unique_ptr<Kept> kept(new Kept{.tensors = nullptr, .copy = *copy, .users = {}});
    return finish(place_of(*result.layout), (*copy)->pixels().data, target, ready, std::move(kept), error);
}

} // namespace

GstBuffer* make_device_buffer(const Import& import, TensorsPtr tensors, const tensors::SourceFrame& source,
                              GError** error) {
    Target target;
    StreamRef ready = {};
    const bool loaded = get_driver(error) != nullptr;
    const core::cuda::RelaxedCapture relaxed;
    if (!loaded || !open_target(import.context, source.device, target, error)) {
        return nullptr;
    }
    // Also tensors that are said to be complete are copied on some stream.
    const gint64 name = import.stream == CUFRAMES_GST_STREAM_NO_SYNC ? CUFRAMES_GST_STREAM_NONE : import.stream;
    if (!resolve(target.device, name, ready, error)) {
        return nullptr;
    }
    const bool on_gpu = tensors::is_on_gpu(source.device);
    if (on_gpu && !import.has(CUFRAMES_GST_IMPORT_COPY)) {
        const auto place = place_planes(import.info, source, host_layout(import.info).layout->geometry);
        if (place && is_reachable(source, *place, target, tensors->size() == 1)) {
            std::unique_ptr<Kept> kept(new Kept{.tensors = std::move(tensors), .copy = nullptr, .users = {}});
            return finish(*place, source.planes[0].data, target, ready, std::move(kept), error);
        }
    }
    if (!import.has(CUFRAMES_GST_IMPORT_NO_COPY)) {
        return copy_to_gpu(import, std::move(tensors), source, target, ready, error);
    }
    set_error(error, CUFRAMES_GST_ERROR_REFUSED,
              on_gpu ? "without a copy, which was ruled out, the planes have to be rows of one allocation in the "
                       "buffer's context, one after the other with the same pitch: give one tensor of all rows"
                     : "tensors in system memory are no GPU memory without a copy, which was ruled out");
    return nullptr;
}

GstContext* new_primary_context(int device, GError** error) {
    const bool loaded = get_driver(error) != nullptr;
    const core::cuda::RelaxedCapture relaxed;
    const ContextPtr context(loaded ? primary_context(device) : nullptr);
    if (context) {
        return gst_context_new_cuda_context(context.get());
    }
    if (loaded) {
        set_error(error, CUFRAMES_GST_ERROR_NO_DEVICE,
                  text("there is no GPU ", device, " here, or its primary context cannot be made"));
    }
    return nullptr;
}

void forget_streams() {
    const core::cuda::RelaxedCapture relaxed;
    Streams::get().clear();
}

} // namespace cuframes::gst
