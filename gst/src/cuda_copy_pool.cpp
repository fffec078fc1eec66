// SPDX-License-Identifier: LGPL-2.1-or-later
// A pool of GStreamer's own GPU memory, which breaks no CUDA graph of the process either: its buffers come back, and go, in
// whatever thread lets the last of them go.
#include "gst-common/relaxed_capture.h"
#include "src/copy_pool.h"

#include <gst/cuda/gstcuda.h>

using cuframes::gst::RelaxedCapture;

struct GstCuframesCudaCopyPool {
    GstCudaBufferPool parent;
};

struct GstCuframesCudaCopyPoolClass {
    GstCudaBufferPoolClass parent_class;
};

GType gst_cuframes_cuda_copy_pool_get_type();

G_DEFINE_FINAL_TYPE(GstCuframesCudaCopyPool, gst_cuframes_cuda_copy_pool, GST_TYPE_CUDA_BUFFER_POOL)

static void gst_cuframes_cuda_copy_pool_class_init(GstCuframesCudaCopyPoolClass* klass) {
    GstBufferPoolClass* pool_class = GST_BUFFER_POOL_CLASS(klass);
    pool_class->alloc_buffer = [](GstBufferPool* pool, GstBuffer** buffer, GstBufferPoolAcquireParams* params) {
        const RelaxedCapture relaxed;
        return GST_BUFFER_POOL_CLASS(gst_cuframes_cuda_copy_pool_parent_class)->alloc_buffer(pool, buffer, params);
    };
    pool_class->free_buffer = [](GstBufferPool* pool, GstBuffer* buffer) {
        const RelaxedCapture relaxed;
        GST_BUFFER_POOL_CLASS(gst_cuframes_cuda_copy_pool_parent_class)->free_buffer(pool, buffer);
    };
}

static void gst_cuframes_cuda_copy_pool_init(GstCuframesCudaCopyPool*) {}

namespace cuframes::gst {

GstBufferPool* new_cuda_copy_pool(const CudaHandles& cuda) {
    auto* pool = GST_CUDA_BUFFER_POOL(g_object_new(gst_cuframes_cuda_copy_pool_get_type(), nullptr));
    gst_object_ref_sink(pool);
    // Only gst_cuda_buffer_pool_new() fills it otherwise.
    pool->context = GST_CUDA_CONTEXT(gst_object_ref(cuda.context()));
    return GST_BUFFER_POOL_CAST(pool);
}

} // namespace cuframes::gst
