// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst-common/relaxed_capture.h"
#include "sink/slot_pool.h"

#include <gst/cuda/gstcuda.h>

#include <algorithm>

using cuframes::gst::SlotPool;

#define GST_TYPE_CUFRAMES_CUDA_SLOT_POOL (gst_cuframes_cuda_slot_pool_get_type())
// By hand, as G_DECLARE_FINAL_TYPE needs a parent that was declared with it.
struct GstCuframesCudaSlotPool {
    GstCudaBufferPool parent;
};

struct GstCuframesCudaSlotPoolClass {
    GstCudaBufferPoolClass parent_class;
};

GType gst_cuframes_cuda_slot_pool_get_type();

G_DEFINE_FINAL_TYPE(GstCuframesCudaSlotPool, gst_cuframes_cuda_slot_pool, GST_TYPE_CUDA_BUFFER_POOL)

static void gst_cuframes_cuda_slot_pool_class_init(GstCuframesCudaSlotPoolClass* klass) {
    SlotPool::install(GST_BUFFER_POOL_CLASS(klass));
}

static void gst_cuframes_cuda_slot_pool_init(GstCuframesCudaSlotPool*) {}

namespace cuframes::gst {

GstBufferPool* new_cuda_slot_pool(std::shared_ptr<Publication> publication, GstElement* sink,
                                  const GenerationSpec& spec) {
    auto core = std::make_unique<SlotPool>(std::move(publication), sink, spec);
    core->set_spill([pool = core.get()](Layout* layout) -> GstMemory* {
        const RelaxedCapture relaxed;
        const CudaHandles& cuda = pool->spec().cuda;
        GstMemory* memory = gst_cuda_allocator_alloc(nullptr, cuda.context(), cuda.stream(), &layout->info);
        if (memory) {
            layout->info = GST_CUDA_MEMORY_CAST(memory)->info;
        }
        return memory;
    });
    auto* pool = GST_CUDA_BUFFER_POOL(g_object_new(GST_TYPE_CUFRAMES_CUDA_SLOT_POOL, nullptr));
    gst_object_ref_sink(pool);
    // Only gst_cuda_buffer_pool_new() fills it otherwise, and CUDA elements read it.
    pool->context = GST_CUDA_CONTEXT(gst_object_ref(spec.cuda.context()));
    SlotPool::attach(GST_BUFFER_POOL_CAST(pool), std::move(core));
    return GST_BUFFER_POOL_CAST(pool);
}

} // namespace cuframes::gst
