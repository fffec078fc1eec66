// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "sink/publication.h"

#include <condition_variable>
#include <functional>
#include <memory>

namespace cuframes::gst {

/// What the sink's two kinds of buffer pool have in common: buffers whose memory is a slot of the ring, so that upstream
/// writes its frames where the readers read them.
///
/// Each acquired buffer gets a fresh slot, and a new GstBuffer around the slot's lasting GstMemory. When no slot is
/// free, a decoder must neither fail nor wait for ever: it gets ordinary memory of the same layout, and the sink copies
/// the frame into a slot when it comes to be rendered, or drops it.
class SlotPool {
public:
    /// Ordinary memory of the given layout, whose offsets and strides it may replace.
    using Spill = std::function<GstMemory*(Layout* layout)>;

    SlotPool(std::shared_ptr<Publication> publication, GstElement* sink, GenerationSpec spec);
    ~SlotPool();
    SlotPool(const SlotPool&) = delete;
    SlotPool& operator=(const SlotPool&) = delete;

    /// Installs the functions of GstBufferPool that are the same for both kinds.
    static void install(GstBufferPoolClass* pool_class);
    /// Ties a pool object to its working part, which it owns from here on.
    static void attach(GstBufferPool* pool, std::unique_ptr<SlotPool> core);

    void set_spill(Spill spill) { spill_ = std::move(spill); }
    const GenerationSpec& spec() const { return spec_; }
    const GstAllocationParams& allocation_params() const { return allocation_params_; }

private:
    static SlotPool& of(GstBufferPool* pool);
    static gboolean vfunc_set_config(GstBufferPool* pool, GstStructure* config);
    static gboolean vfunc_start(GstBufferPool* pool);
    static gboolean vfunc_stop(GstBufferPool* pool);
    static void vfunc_flush_start(GstBufferPool* pool);
    static GstFlowReturn vfunc_acquire(GstBufferPool* pool, GstBuffer** buffer, GstBufferPoolAcquireParams* params);
    static void vfunc_reset(GstBufferPool* pool, GstBuffer* buffer);
    static void vfunc_release(GstBufferPool* pool, GstBuffer* buffer);

    bool configure(GstBufferPool* pool, GstStructure* config);
    bool start();
    GstFlowReturn acquire(GstBufferPool* pool, bool may_wait, GstBuffer** buffer);
    GstMemory* acquire_slot(GstBufferPool* pool, bool may_wait, GstFlowReturn* flow);
    GstBuffer* make_buffer(GstMemory* memory, const Layout& layout) const;
    void drain_waiters();

    std::shared_ptr<Publication> publication_;
    GWeakRef sink_; ///< For errors; a pool may outlive its sink.
    GenerationSpec spec_;
    Spill spill_;
    GstAllocationParams allocation_params_{};
    GenerationPtr generation_;
    std::mutex mutex_;
    std::condition_variable no_waiter_;
    unsigned waiters_ = 0;
};

/// A pool over host memory, without a floating reference. Software decoders that render directly into downstream's
/// buffers may choose strides and padding: it takes GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT.
GstBufferPool* new_host_slot_pool(std::shared_ptr<Publication> publication, GstElement* sink,
                                  const GenerationSpec& spec);

/// The same as a GstCudaBufferPool, which is what NVIDIA's decoders and CUDA elements take. NULL in builds without.
GstBufferPool* new_cuda_slot_pool(std::shared_ptr<Publication> publication, GstElement* sink,
                                  const GenerationSpec& spec);

} // namespace cuframes::gst
