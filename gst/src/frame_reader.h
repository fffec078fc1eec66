// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/clocking.h"
#include "shared/cuda_context.h"
#include "src/attachment.h"
#include "src/content_reader.h"
#include "src/frame_buffers.h"
#include "src/leases.h"
#include "src/negotiation.h"
#include "src/timeline.h"

#include <gst/base/gstbasesrc.h>

#include <atomic>

namespace cuframes::gst {

/// Reads the frames of a ring.
class FrameReader final : public ContentReader {
public:
    FrameReader(GstBaseSrc* src, const ElementSettings<SrcSettings>& settings, CudaContextHolder& cuda,
                Attachment& attachment);

    cuframes_subscriber_options options(const SrcSettings& settings) const override;
    void start(cuframes_subscriber* subscriber) override;
    void stop() override;
    GstFlowReturn create(GstBuffer** buffer) override;
    bool negotiate() override { return negotiation_.negotiate(); }
    bool decide_allocation(GstQuery* query) override { return negotiation_.decide_allocation(query); }
    GstCaps* caps() const override { return negotiation_.caps(); }
    void run_from(GstClockTimeDiff running) override { timeline_.run_from(running); }
    void restart_time() override { timeline_.restart(); }
    void set_pipeline_latency(GstClockTime latency) override;
    ReaderCounts counts() const override { return {buffers_.copied(), early_, buffers_.metas_skipped()}; }

private:
    GstFlowReturn next_frame(cuframes_frame** frame);
    GstFlowReturn take_frame(cuframes_frame** frame, int64_t timeout_ms);
    bool is_early(const cuframes_frame* frame);
    GstClockTime capture_time(const cuframes_frame_view& view);
    void leave_out(cuframes_frame* frame);
    GstFlowReturn output(cuframes_frame* frame, const TimeMap& times, GstClockTime pts, GstBuffer** buffer);
    GstFlowReturn follow_generation(const cuframes_frame_view& view);
    void learn_latency(const cuframes_frame_view& view);

    GstBaseSrc* src_;
    GstElement* element_;
    const ElementSettings<SrcSettings>& settings_;
    Attachment& attachment_;
    Timeline timeline_;
    std::atomic<guint64> early_ = 0;

    // The streaming thread's.
    cuframes_subscriber* subscriber_ = nullptr;
    SrcNegotiation negotiation_;
    FrameBuffers buffers_;
    Leases leases_; ///< For its latencies the attachment has to hold.
    bool strict_ = false;
    cuframes_frame* follower_ = nullptr;  ///< Came while one before it was looked at.
    GstFlowReturn follows_ = GST_FLOW_OK; ///< Or this did.
    uint64_t epoch_ = 0;
    bool times_told_ = false;
};

} // namespace cuframes::gst
