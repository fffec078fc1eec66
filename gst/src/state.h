// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/clocking.h"
#include "shared/cuda_context.h"
#include "shared/settings.h"
#include "src/frame_buffers.h"
#include "src/latency.h"
#include "src/leases.h"
#include "src/negotiation.h"
#include "src/settings.h"
#include "src/timeline.h"

#include <cuframes/cuframes.h>
#include <gst/base/gstbasesrc.h>

#include <atomic>
#include <shared_mutex>

namespace cuframes::gst {

/// What cuframessrc does between its start and its stop.
class SrcState {
public:
    explicit SrcState(GstBaseSrc* src);
    ~SrcState();
    SrcState(const SrcState&) = delete;
    SrcState& operator=(const SrcState&) = delete;

    ElementSettings<SrcSettings>& settings() { return settings_; }
    CudaContextHolder& cuda() { return cuda_; }
    SrcNegotiation& negotiation() { return negotiation_; }

    bool start();
    void stop();
    void set_interrupted(bool interrupted);
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
    bool check_settings(const SrcSettings& settings);
    void state_changed(cuframes_subscriber_state state, uint64_t epoch, int32_t pid);
    GstFlowReturn next_frame(cuframes_frame** frame);
    GstFlowReturn take_frame(cuframes_frame** frame, int64_t timeout_ms);
    bool is_early(const cuframes_frame* frame);
    GstClockTime capture_time(const cuframes_frame_view& view);
    void leave_out(cuframes_frame* frame);
    GstFlowReturn output(cuframes_frame* frame, const TimeMap& times, GstClockTime pts, GstBuffer** buffer);
    GstFlowReturn follow_generation(const cuframes_frame_view& view);
    void learn_latency(const cuframes_frame_view& view);
    GstFlowReturn flow_of(int result);

    GstBaseSrc* src_;
    GstElement* element_;
    ElementSettings<SrcSettings> settings_;
    CudaContextHolder cuda_;
    LatencyMeter latency_;
    Timeline timeline_;

    mutable std::shared_mutex
        life_; ///< Shared by calls of other threads, exclusive to make and destroy the subscriber.
    cuframes_subscriber* subscriber_ = nullptr;
    GstStructure* last_stats_ = nullptr; ///< Of the subscriber that was stopped.
    std::atomic<guint64> early_ = 0;

    // The streaming thread's.
    SrcNegotiation negotiation_;
    FrameBuffers buffers_;
    Leases leases_; ///< Its latencies are guarded by `life_`.
    bool strict_ = false;
    cuframes_frame* follower_ = nullptr;  ///< Came while one before it was looked at.
    GstFlowReturn follows_ = GST_FLOW_OK; ///< Or this did.
    uint64_t epoch_ = 0;
    bool times_told_ = false;
    bool waiting_told_ = false;
};

} // namespace cuframes::gst
