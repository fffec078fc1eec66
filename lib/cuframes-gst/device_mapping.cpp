// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffers in GPU memory as tensors.
#include "cuda_streams.h"
#include "device.h"
#include "gst-common/layout.h"

#include <algorithm>
#include <mutex>

namespace cuframes::gst {
namespace {

/// Holds a reference to the buffer, and knows which GPU work it has to outlive.
class DeviceMapping : public BufferMapping {
public:
    ~DeviceMapping() override { gst_buffer_unref(buffer_); }

    explicit DeviceMapping(GstBuffer* buffer) : buffer_(buffer) {
        read_only_ = !is_writable(buffer);
        gst_buffer_ref(buffer);
    }

    bool open(const GstVideoInfo& info, GError** error);
    bool wait(gint64 stream, GError** error) override;
    void end() noexcept override {
        // Nobody else has it any more, and the reaper may be done with it before this returns.
        tensors::reap_after(users_, [](void* object) { delete static_cast<DeviceMapping*>(object); }, this);
    }

private:
    bool check_memories(GError** error);
    bool find_layout(const GstVideoInfo& info, GstVideoInfo& actual, GError** error) const;
    bool find_plane(guint plane, gsize offset, GError** error);
    void remember(const StreamRef& user);

    GstBuffer* buffer_;
    std::vector<StreamRef> producers_; ///< Where elements queue their work, one for each memory.
    std::mutex mutex_;
    std::vector<StreamRef> users_;
};

bool DeviceMapping::check_memories(GError** error) {
    GstCudaContext* context = nullptr;
    for (guint i = 0; i < gst_buffer_n_memory(buffer_); ++i) {
        GstMemory* memory = gst_buffer_peek_memory(buffer_, i);
        GstCudaContext* own = gst_is_cuda_memory(memory) ? GST_CUDA_MEMORY_CAST(memory)->context : nullptr;
        if (!own || (context && own != context)) {
            set_error(
                error, CUFRAMES_GST_ERROR_REFUSED,
                "the buffer's memories are not all in one CUDA context; put cudaconvert or cudaupload before, which "
                "make memory of their own");
            return false;
        }
        context = own;
        producers_.push_back(stream_of(memory));
    }
    device_ = {kDLCUDA, device_of(context)};
    return true;
}

bool DeviceMapping::find_layout(const GstVideoInfo& info, GstVideoInfo& actual, GError** error) const {
    const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer_);
    const bool has_own = !meta && gst_buffer_n_memory(buffer_) == 1;
    actual = info;
    if (meta) {
        std::copy_n(meta->offset, GST_VIDEO_MAX_PLANES, actual.offset);
        std::copy_n(meta->stride, GST_VIDEO_MAX_PLANES, actual.stride);
    } else if (has_own) {
        actual = GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer_, 0))->info;
    }
    const gint format = meta ? format_number(*meta) : GST_VIDEO_INFO_FORMAT(&actual);
    const guint width = meta ? meta->width : static_cast<guint>(GST_VIDEO_INFO_WIDTH(&actual));
    const guint height = meta ? meta->height : static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&actual));
    if (format == GST_VIDEO_INFO_FORMAT(&info) && width == static_cast<guint>(GST_VIDEO_INFO_WIDTH(&info)) &&
        height >= static_cast<guint>(GST_VIDEO_INFO_FIELD_HEIGHT(&info))) {
        return true;
    }
    set_error(error, CUFRAMES_GST_ERROR_VALUE,
              text("the buffer holds ", format_name(format), " of ", width, "x", height, ", the caps say ",
                   gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info)), " of ", GST_VIDEO_INFO_WIDTH(&info), "x",
                   GST_VIDEO_INFO_HEIGHT(&info)));
    return false;
}

bool DeviceMapping::find_plane(guint plane, gsize offset, GError** error) {
    guint index = 0;
    guint length = 0;
    gsize skip = 0;
    GstMapInfo map;
    if (!gst_buffer_find_memory(buffer_, offset, 1, &index, &length, &skip)) {
        set_error(error, CUFRAMES_GST_ERROR_VALUE,
                  text("plane ", plane, " begins at byte ", offset, ", behind the buffer's end"));
        return false;
    }
    // Unmapped at once: the address stays while the memory is referenced, and the map is no lock on the GPU's work.
    const auto flags = static_cast<GstMapFlags>((read_only_ ? GST_MAP_READ : GST_MAP_READWRITE) | GST_MAP_CUDA);
    GstMemory* memory = gst_buffer_peek_memory(buffer_, index);
    if (!gst_memory_map(memory, &map, flags)) {
        set_error(error, CUFRAMES_GST_ERROR_REFUSED,
                  text("the memory of plane ", plane, " cannot be mapped on the GPU; another mapping is in the way"));
        return false;
    }
    const bool fits = set_plane(plane, map.data + skip, map.size - skip, error);
    gst_memory_unmap(memory, &map);
    return fits;
}

bool DeviceMapping::open(const GstVideoInfo& info, GError** error) {
    const core::cuda::Driver* driver = get_driver(error);
    GstVideoInfo actual;
    const core::cuda::RelaxedCapture relaxed;
    if (!driver || !check_memories(error) || !find_layout(info, actual, error)) {
        return false;
    }
    auto primary = core::cuda::Context::open(*driver, device_.device_id, nullptr);
    if (!primary) {
        set_error(error, primary.error());
        return false;
    }
    for (const StreamRef& producer : producers_) {
        remember(producer);
    }
    // Whoever has the address may read in the primary context, where consumers live.
    remember({.stream = CU_STREAM_LEGACY, .context = primary->get()});
    if (!set_layout(actual, error)) {
        return false;
    }
    for (guint plane = 0; plane < geometry_.plane_count; ++plane) {
        if (!find_plane(plane, actual.offset[plane], error)) {
            return false;
        }
    }
    return true;
}

void DeviceMapping::remember(const StreamRef& user) {
    const std::lock_guard lock(mutex_);
    if (std::find(users_.begin(), users_.end(), user) == users_.end()) {
        users_.push_back(user);
    }
}

bool DeviceMapping::wait(gint64 name, GError** error) {
    StreamRef consumer = {};
    if (!resolve(device_.device_id, name, consumer, error)) {
        return false;
    }
    remember(consumer);
    if (name == CUFRAMES_GST_STREAM_NO_SYNC) {
        return true;
    }
    const core::cuda::Driver* driver = get_driver(error);
    return driver && std::all_of(producers_.begin(), producers_.end(),
                                 [&](const StreamRef& producer) { return order(*driver, producer, consumer, error); });
}

} // namespace

bool is_device_buffer(GstBuffer* buffer) {
    for (guint i = 0; i < gst_buffer_n_memory(buffer); ++i) {
        if (gst_is_cuda_memory(gst_buffer_peek_memory(buffer, i))) {
            return true;
        }
    }
    return false;
}

BufferMappingPtr map_device_buffer(GstBuffer* buffer, const GstVideoInfo& info, GError** error) {
    auto* mapping = new DeviceMapping(buffer);
    BufferMappingPtr owner(mapping);
    return mapping->open(info, error) ? std::move(owner) : BufferMappingPtr();
}

bool wait_for_stream(GstBuffer* buffer, gint64 name, GError** error) {
    const core::cuda::Driver* driver = get_driver(error);
    const core::cuda::RelaxedCapture relaxed;
    for (guint i = 0; driver && i < gst_buffer_n_memory(buffer); ++i) {
        GstMemory* memory = gst_buffer_peek_memory(buffer, i);
        if (!gst_is_cuda_memory(memory) || name == CUFRAMES_GST_STREAM_NO_SYNC) {
            continue;
        }
        StreamRef writer = {};
        if (!resolve(device_of(GST_CUDA_MEMORY_CAST(memory)->context), name, writer, error) ||
            !order(*driver, writer, stream_of(memory), error)) {
            return false;
        }
        if (gst_cuda_memory_get_stream(GST_CUDA_MEMORY_CAST(memory))) {
            GST_MINI_OBJECT_FLAG_SET(memory, GST_CUDA_MEMORY_TRANSFER_NEED_SYNC);
            continue;
        }
        // Memory without a stream is complete when it is pushed; that is what elements take for granted.
        const core::cuda::Current current(*driver, static_cast<CUcontext>(writer.context));
        driver->cuStreamSynchronize(static_cast<CUstream>(writer.stream));
    }
    return driver != nullptr;
}

} // namespace cuframes::gst
