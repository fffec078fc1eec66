// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/slot_pool.h"

#include "gst-common/relaxed_capture.h"
#include "shared/errors.h"

#include <algorithm>

GST_DEBUG_CATEGORY_STATIC(cuframes_slot_pool_debug);
#define GST_CAT_DEFAULT cuframes_slot_pool_debug

namespace cuframes::gst {
namespace {

GQuark core_quark() {
    static const GQuark quark = g_quark_from_static_string("cuframes-slot-pool");
    return quark;
}

/// GstBufferPool's own functions: both kinds of pool bypass what GstCudaBufferPool does, which is to allocate.
GstBufferPoolClass* base_class() {
    static gpointer const klass = g_type_class_ref(GST_TYPE_BUFFER_POOL);
    return GST_BUFFER_POOL_CLASS(klass);
}

gboolean pin_meta(GstBuffer*, GstMeta** meta, gpointer) {
    // As the base class marks the metas of its buffers: elements in between must keep them.
    (*meta)->flags = static_cast<GstMetaFlags>((*meta)->flags | GST_META_FLAG_POOLED | GST_META_FLAG_LOCKED);
    return TRUE;
}

} // namespace

SlotPool::SlotPool(std::shared_ptr<Publication> publication, GstElement* sink, GenerationSpec spec)
    : publication_(std::move(publication)), spec_(std::move(spec)) {
    g_weak_ref_init(&sink_, sink);
    gst_caps_ref(spec_.caps);
    gst_allocation_params_init(&allocation_params_);
}

SlotPool::~SlotPool() {
    gst_caps_unref(spec_.caps);
    g_weak_ref_clear(&sink_);
}

void SlotPool::attach(GstBufferPool* pool, std::unique_ptr<SlotPool> core) {
    g_object_set_qdata_full(G_OBJECT(pool), core_quark(), core.release(),
                            [](gpointer data) { delete static_cast<SlotPool*>(data); });
}

SlotPool& SlotPool::of(GstBufferPool* pool) {
    return *static_cast<SlotPool*>(g_object_get_qdata(G_OBJECT(pool), core_quark()));
}

void SlotPool::install(GstBufferPoolClass* pool_class) {
    GST_DEBUG_CATEGORY_INIT(cuframes_slot_pool_debug, "cuframesslotpool", 0, "cuframes pool of ring slots");
    pool_class->set_config = GST_DEBUG_FUNCPTR(vfunc_set_config);
    pool_class->start = GST_DEBUG_FUNCPTR(vfunc_start);
    pool_class->stop = GST_DEBUG_FUNCPTR(vfunc_stop);
    pool_class->flush_start = GST_DEBUG_FUNCPTR(vfunc_flush_start);
    pool_class->acquire_buffer = GST_DEBUG_FUNCPTR(vfunc_acquire);
    pool_class->reset_buffer = GST_DEBUG_FUNCPTR(vfunc_reset);
    pool_class->release_buffer = GST_DEBUG_FUNCPTR(vfunc_release);
}

gboolean SlotPool::vfunc_set_config(GstBufferPool* pool, GstStructure* config) {
    return of(pool).configure(pool, config) && base_class()->set_config(pool, config);
}

gboolean SlotPool::vfunc_start(GstBufferPool* pool) { return of(pool).start(); }

gboolean SlotPool::vfunc_stop(GstBufferPool* pool) {
    of(pool).generation_.reset();
    return base_class()->stop(pool);
}

void SlotPool::vfunc_flush_start(GstBufferPool* pool) { of(pool).drain_waiters(); }

GstFlowReturn SlotPool::vfunc_acquire(GstBufferPool* pool, GstBuffer** buffer, GstBufferPoolAcquireParams* params) {
    const bool may_wait = !params || !(params->flags & GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT);
    return of(pool).acquire(pool, may_wait, buffer);
}

void SlotPool::vfunc_reset(GstBufferPool*, GstBuffer*) {
    // Buffers are not used again: their memories are.
}

void SlotPool::vfunc_release(GstBufferPool*, GstBuffer* buffer) {
    const RelaxedCapture relaxed; // ordinary memory is freed here, in whatever thread
    gst_buffer_unref(buffer);
}

bool SlotPool::configure(GstBufferPool* pool, GstStructure* config) {
    GstCaps* caps = nullptr;
    guint size, min, max;
    GstVideoInfo info;
    if (!gst_buffer_pool_config_get_params(config, &caps, &size, &min, &max) || !caps ||
        !gst_video_info_from_caps(&info, caps)) {
        GST_WARNING_OBJECT(pool, "a configuration without caps of raw video");
        return false;
    }
    if (gst_buffer_pool_config_get_allocator(config, nullptr, &allocation_params_)) {
        allocation_params_.prefix = 0; // a slot begins with the frame
    }
    const LayoutResult result =
        spec_.memory == CUFRAMES_MEMORY_CUDA ? cuda_layout(info) : host_layout(info, allocation_params_.padding);
    if (!result.layout) {
        GST_WARNING_OBJECT(pool, "%s", result.why.c_str());
        return false;
    }
    spec_.layout = *result.layout;
    if (spec_.cuda) {
        spec_.cuda = spec_.cuda.with_stream_of(config);
    }
    gst_caps_replace(&spec_.caps, caps);
    gst_buffer_pool_config_set_params(config, caps, static_cast<guint>(spec_.layout.info.size), min, max);
    return true;
}

bool SlotPool::start() {
    const int result = publication_->configure(spec_, &generation_);
    // The sink may have stopped already; then whatever still uses the pool gets ordinary memory.
    if (result == CUFRAMES_OK || result == CUFRAMES_ERROR_INVALID_STATE) {
        return true;
    }
    if (auto* sink = static_cast<GstElement*>(g_weak_ref_get(&sink_))) {
        post_library_error(sink, result, "making the ring");
        gst_object_unref(sink);
    }
    return false;
}

void SlotPool::drain_waiters() {
    std::unique_lock lock(mutex_);
    if (waiters_ == 0) {
        return;
    }
    // Set until the last one has left, or one that was about to wait could miss it.
    publication_->interrupt(Publication::draining, true);
    no_waiter_.wait(lock, [this] { return waiters_ == 0; });
    publication_->interrupt(Publication::draining, false);
}

GstMemory* SlotPool::acquire_slot(GstBufferPool* pool, bool may_wait, GstFlowReturn* flow) {
    *flow = GST_FLOW_OK;
    if (!generation_) {
        return nullptr;
    }
    {
        const std::lock_guard lock(mutex_);
        ++waiters_;
    }
    GstMemory* memory = nullptr;
    int result = CUFRAMES_ERROR_INTERRUPTED;
    // Checked after waiters_ was raised: from then on drain_waiters() waits for us.
    if (!GST_BUFFER_POOL_IS_FLUSHING(pool)) {
        result = publication_->acquire_memory(
            *generation_,
            static_cast<cuframes_acquire_flags>(CUFRAMES_ACQUIRE_SPARE |
                                                (may_wait ? CUFRAMES_ACQUIRE_DEFAULT : CUFRAMES_ACQUIRE_NO_WAIT)),
            &memory);
    }
    {
        const std::lock_guard lock(mutex_);
        if (--waiters_ == 0) {
            no_waiter_.notify_all();
        }
    }
    const unsigned to_the_end = Publication::flushing | Publication::stopping;
    if (result == CUFRAMES_ERROR_INTERRUPTED &&
        (GST_BUFFER_POOL_IS_FLUSHING(pool) || (publication_->interruptions() & to_the_end))) {
        *flow = GST_FLOW_FLUSHING;
    }
    return memory;
}

GstFlowReturn SlotPool::acquire(GstBufferPool* pool, bool may_wait, GstBuffer** buffer) {
    if (GST_BUFFER_POOL_IS_FLUSHING(pool)) {
        return GST_FLOW_FLUSHING;
    }
    GstFlowReturn flow;
    if (GstMemory* memory = acquire_slot(pool, may_wait, &flow)) {
        *buffer = make_buffer(memory, spec_.layout);
        return GST_FLOW_OK;
    }
    if (flow != GST_FLOW_OK) {
        return flow;
    }
    Layout layout = spec_.layout;
    GstMemory* memory = spill_(&layout);
    if (!memory) {
        return GST_FLOW_ERROR;
    }
    GST_LOG_OBJECT(pool, "no slot is free, or the ring has moved on: handing out ordinary memory");
    *buffer = make_buffer(memory, layout);
    return GST_FLOW_OK;
}

GstBuffer* SlotPool::make_buffer(GstMemory* memory, const Layout& layout) const {
    GstBuffer* buffer = gst_buffer_new();
    gst_buffer_append_memory(buffer, memory);
    add_video_meta(buffer, layout.info);
    gst_buffer_foreach_meta(buffer, pin_meta, nullptr);
    GST_BUFFER_FLAG_UNSET(buffer, GST_BUFFER_FLAG_TAG_MEMORY);
    return buffer;
}

} // namespace cuframes::gst

using cuframes::gst::SlotPool;

#define GST_TYPE_CUFRAMES_SLOT_POOL (gst_cuframes_slot_pool_get_type())
G_DECLARE_FINAL_TYPE(GstCuframesSlotPool, gst_cuframes_slot_pool, GST, CUFRAMES_SLOT_POOL, GstBufferPool)

struct _GstCuframesSlotPool {
    GstBufferPool parent;
};

G_DEFINE_FINAL_TYPE(GstCuframesSlotPool, gst_cuframes_slot_pool, GST_TYPE_BUFFER_POOL)

static const gchar** gst_cuframes_slot_pool_get_options(GstBufferPool*) {
    static const gchar* options[] = {GST_BUFFER_POOL_OPTION_VIDEO_META, nullptr};
    return options;
}

static void gst_cuframes_slot_pool_class_init(GstCuframesSlotPoolClass* klass) {
    GstBufferPoolClass* pool_class = GST_BUFFER_POOL_CLASS(klass);
    SlotPool::install(pool_class);
    pool_class->get_options = GST_DEBUG_FUNCPTR(gst_cuframes_slot_pool_get_options);
}

static void gst_cuframes_slot_pool_init(GstCuframesSlotPool*) {}

namespace cuframes::gst {

GstBufferPool* new_host_slot_pool(std::shared_ptr<Publication> publication, GstElement* sink,
                                  const GenerationSpec& spec) {
    auto core = std::make_unique<SlotPool>(std::move(publication), sink, spec);
    core->set_spill([pool = core.get()](Layout* layout) {
        GstAllocationParams params = pool->allocation_params();
        // Vector instructions of decoders rely on it, and slots have it.
        params.align = std::max<gsize>(params.align, 63);
        return gst_allocator_alloc(nullptr, layout->info.size, &params);
    });
    auto* pool = GST_BUFFER_POOL_CAST(g_object_new(GST_TYPE_CUFRAMES_SLOT_POOL, nullptr));
    gst_object_ref_sink(pool);
    SlotPool::attach(pool, std::move(core));
    return pool;
}

} // namespace cuframes::gst
