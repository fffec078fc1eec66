// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "gst-common/layout.h"
#include "shared/cuda_context.h"
#include "shared/fd_memory_book.h"
#include "shared/memory_book.h"
#include "shared/metadata.h"
#include "shared/settings.h"
#include "src/copy_pool.h"
#include "src/cuframessrc.h"
#include "src/latency.h"
#include "src/settings.h"
#include "src/timeline.h"

#include <cuframes/cuframes.h>

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>

namespace cuframes::gst {

void install_src_properties(GObjectClass* klass);

/// What cuframessrc does between its start and its stop.
class SrcState {
public:
    explicit SrcState(GstCuframesSrc* src);
    ~SrcState();
    SrcState(const SrcState&) = delete;
    SrcState& operator=(const SrcState&) = delete;

    ElementSettings<SrcSettings>& settings() { return settings_; }
    SrcSettings copy_settings() const { return settings_.copy(); }
    CudaContextHolder& cuda() { return cuda_; }

    bool start();
    void stop();
    void set_interrupted(bool interrupted);
    GstCaps* caps() const; ///< Of the ring; NULL until its first frame.
    bool negotiate();
    bool decide_allocation(GstQuery* query);
    GstFlowReturn create(GstBuffer** buffer);
    GstClockTime latency() const { return latency_.value(); }
    /// What the pipeline's sinks wait for, from a LATENCY event.
    void set_pipeline_latency(GstClockTime latency);
    /// The element is about to play, or to go on.
    void play();
    /// A flush has ended, after which running time begins anew.
    void restart_time() { timeline_.restart(); }
    GstStructure* stats() const;

private:
    /// How frames leave the element.
    enum class Output {
        in_place, ///< The slot itself.
        copied,   ///< Copied to host memory: downloaded, or set in rows for elements that know the default layout only.
    };

    /// What a copy is made for.
    enum class Copy {
        to_output, ///< As frames leave the element in other memory.
        of_slot,   ///< In place of the slot itself, whose lease goes back.
    };

    void state_changed(cuframes_subscriber_state state, uint64_t epoch, int32_t pid);
    GstFlowReturn output(cuframes_frame* frame, const TimeMap& times, GstClockTime pts, GstBuffer** buffer);
    bool leases_are_used_up(const cuframes_frame_view& view);
    void ask_for_leases();
    void tell_of_copies(guint held);
    void use_latency();
    void keep_frames_for_sinks(const cuframes_frame_view& view);
    GstFlowReturn next_frame(cuframes_frame** frame);
    GstFlowReturn take_frame(cuframes_frame** frame, int64_t timeout_ms);
    bool is_early(const cuframes_frame* frame);
    GstClockTime capture_time(const cuframes_frame_view& view);
    void leave_out(cuframes_frame* frame);
    GstFlowReturn wait_for_lease();
    void warn_of_starvation();
    GstFlowReturn flow_of(int result);

    GstFlowReturn follow_generation(const cuframes_frame_view& view);
    bool choose_memory(const SrcSettings& settings, const cuframes_frame_view& view);
    bool take_layout(const SrcSettings& settings, const cuframes_frame_view& view);
    bool accepted_downstream(const SrcSettings& settings);
    bool wants_descriptors(const cuframes_frame_view& view) const { return descriptor_allocator_ && view.fd >= 0; }
    bool book_fits(const cuframes_frame_view& view) const;
    void make_book(const cuframes_frame_view& view);
    GstBufferPool* host_pool(GstQuery* query, GstCaps* caps, guint* size, guint* min, guint* max);
    GstFlowReturn wrap(cuframes_frame* frame, GstBuffer** buffer);
    GstBuffer* buffer_for(Copy copy);
    GstFlowReturn copy(cuframes_frame* frame, Copy why, GstBuffer** buffer);
    void describe(GstBuffer* buffer, const cuframes_frame_view& view, const TimeMap& times, GstClockTime pts,
                  bool copied);

    GstCuframesSrc* src_;
    GstElement* element_;
    ElementSettings<SrcSettings> settings_;
    CudaContextHolder cuda_;
    MetaReader metas_;
    LatencyMeter latency_;
    Timeline timeline_;
    std::atomic<GstClockTime> pipeline_latency_ = 0;

    mutable std::shared_mutex
        life_; ///< Shared by calls of other threads, exclusive to make and destroy the subscriber.
    cuframes_subscriber* subscriber_ = nullptr;
    GstStructure* last_stats_ = nullptr; ///< Of the subscriber that was stopped.
    std::atomic<guint64> copied_ = 0;
    std::atomic<guint64> early_ = 0;
    GstCaps* caps_ = nullptr; ///< Guarded by the object lock: queries read it.

    // The streaming thread's.
    bool strict_ = false;
    cuframes_frame* follower_ = nullptr;  ///< Came while one before it was looked at.
    GstFlowReturn follows_ = GST_FLOW_OK; ///< Or this did.
    uint64_t epoch_ = 0;
    Layout layout_{};     ///< Of the slots.
    GstVideoInfo info_{}; ///< Of the caps, in the default layout.
    bool slots_on_gpu_ = false;
    bool gpu_out_ = false; ///< Frames leave as GPU memory.
    bool video_meta_ = false;
    Output output_ = Output::in_place;
    GstAllocator* descriptor_allocator_ = nullptr; ///< Downstream's, where it needs memory with a descriptor.
    std::shared_ptr<MemoryBook> book_;
    bool book_has_descriptors_ = false;
    const void* book_base_ = nullptr; ///< Where the ring was when the book was made.
    CopyPool copies_;                 ///< For frames that are copied in place of being lent.
    guint leases_ = 0;                ///< When last asked for more.
    GstClockTime leases_since_ = 0;
    bool times_told_ = false;
    bool waiting_told_ = false;
    bool starvation_told_ = false;
    bool copies_told_ = false;
    bool discontinuity_pending_ = false;
};

} // namespace cuframes::gst
