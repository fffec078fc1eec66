// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/copy_pool.h"

#include "gst-common/relaxed_capture.h"

namespace cuframes::gst {
namespace {

GstBufferPool* make_pool(const GstVideoInfo& info, GstCaps* caps, GstAllocator* allocator, const CudaHandles& cuda) {
    GstBufferPool* pool = cuda ? new_cuda_copy_pool(cuda) : gst_video_buffer_pool_new();
    if (!pool) {
        return nullptr;
    }
    GstStructure* config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_set_params(config, caps, static_cast<guint>(info.size), 0, 0);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (cuda) {
        set_pool_stream(config, cuda);
    } else if (allocator) {
        gst_buffer_pool_config_set_allocator(config, allocator, nullptr);
    }
    if (gst_buffer_pool_set_config(pool, config) && gst_buffer_pool_set_active(pool, TRUE)) {
        return pool;
    }
    gst_object_unref(pool);
    return nullptr;
}

} // namespace

void CopyPool::reset() {
    if (!pool_) {
        return;
    }
    const RelaxedCapture relaxed;
    gst_buffer_pool_set_active(pool_, FALSE);
    gst_clear_object(&pool_);
}

GstBuffer* CopyPool::acquire(const GstVideoInfo& info, GstCaps* caps, GstAllocator* allocator,
                             const CudaHandles& cuda) {
    const RelaxedCapture relaxed;
    if (!pool_) {
        pool_ = make_pool(info, caps, allocator, cuda);
    }
    GstBuffer* buffer = nullptr;
    if (pool_) {
        gst_buffer_pool_acquire_buffer(pool_, &buffer, nullptr);
    }
    return buffer;
}

} // namespace cuframes::gst
