// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/frame_reader.h"

#include "shared/errors.h"

#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

namespace cuframes::gst {
namespace {

/// A frame that is later than its publisher's latency by so much has no time of capture that could be believed.
constexpr GstClockTime latest_frame = 10 * GST_SECOND;

/// A camera from which nothing comes for so long stands still, and what it showed last is its picture.
constexpr int64_t still_after_ms = 500;

} // namespace

FrameReader::FrameReader(GstBaseSrc* src, const ElementSettings<SrcSettings>& settings, CudaContextHolder& cuda,
                         Attachment& attachment)
    : src_(src),
      element_(GST_ELEMENT_CAST(src)),
      settings_(settings),
      attachment_(attachment),
      negotiation_(src, settings, cuda),
      buffers_(src, settings, cuda, negotiation_),
      leases_(element_, settings) {}

cuframes_subscriber_options FrameReader::options(const SrcSettings& settings) const { return settings.frame_options(); }

void FrameReader::start(cuframes_subscriber* subscriber) {
    subscriber_ = subscriber;
    timeline_.restart();
    early_ = 0;
    buffers_.start();
    leases_.start(subscriber);
    leases_.use_latency(attachment_.latency());
    strict_ = settings_.copy().mode == CUFRAMES_MODE_STRICT;
    times_told_ = false;
}

void FrameReader::stop() {
    cuframes_frame_unref(std::exchange(follower_, nullptr));
    follows_ = GST_FLOW_OK;
    buffers_.stop();
    negotiation_.reset();
    leases_.start(nullptr);
    epoch_ = 0;
    subscriber_ = nullptr;
}

GstFlowReturn FrameReader::create(GstBuffer** buffer) {
    for (;;) {
        cuframes_frame* frame = nullptr;
        GstFlowReturn flow = next_frame(&frame);
        if (flow != GST_FLOW_OK) {
            return flow;
        }
        const TimeMap times(element_);
        const cuframes_frame_view& view = *cuframes_frame_get(frame);
        const std::optional<GstClockTime> pts = timeline_.place(times, capture_time(view), view.duration);
        if (!pts) {
            leave_out(frame);
            continue;
        }
        flow = output(frame, times, *pts, buffer);
        cuframes_frame_unref(frame);
        return flow;
    }
}

/// Of the frames captured before the pipeline ran the first is shown at once in newest mode. In strict mode it is the last,
/// so that nothing is missing behind it; which is the last is known when the next is there, or does not come.
GstFlowReturn FrameReader::next_frame(cuframes_frame** frame) {
    if (follower_) {
        *frame = std::exchange(follower_, nullptr);
        return GST_FLOW_OK;
    }
    if (follows_ != GST_FLOW_OK) {
        return std::exchange(follows_, GST_FLOW_OK);
    }
    GstFlowReturn flow = take_frame(frame, -1);
    if (!strict_) {
        return flow;
    }
    while (flow == GST_FLOW_OK && is_early(*frame)) {
        cuframes_frame* next = nullptr;
        flow = take_frame(&next, still_after_ms);
        if (!next) {
            follows_ = flow;
            return GST_FLOW_OK;
        }
        if (!is_early(next)) {
            follower_ = next;
            return GST_FLOW_OK;
        }
        leave_out(*frame);
        *frame = next;
    }
    return flow;
}

/// As the publisher says; when that was so long before it was published that it cannot be meant, the time of that. Frames
/// that seem to come from before the pipeline ran for ever would else never be shown.
GstClockTime FrameReader::capture_time(const cuframes_frame_view& view) {
    const GstClockTime expected = GST_CLOCK_TIME_IS_VALID(view.latency) ? view.latency : 0;
    if (!GST_CLOCK_TIME_IS_VALID(view.pts) || view.pts + expected + latest_frame >= view.publish_time) {
        return view.pts;
    }
    if (!std::exchange(times_told_, true)) {
        GST_ELEMENT_WARNING(element_, STREAM, FORMAT,
                            ("cuframessrc key=%s: the publisher's frames say that they were captured %" G_GUINT64_FORMAT
                             " s before they were published; give times of CLOCK_MONOTONIC, in nanoseconds, or none",
                             settings_.copy().key.c_str(), (view.publish_time - view.pts) / GST_SECOND),
                            ("the time of publication is used instead"));
    }
    return view.publish_time;
}

bool FrameReader::is_early(const cuframes_frame* frame) {
    return !timeline_.has_begun() &&
           timeline_.is_before_beginning(TimeMap(element_), capture_time(*cuframes_frame_get(frame)));
}

void FrameReader::leave_out(cuframes_frame* frame) {
    const cuframes_frame_view& view = *cuframes_frame_get(frame);
    GST_LOG_OBJECT(src_, "frame %" G_GUINT64_FORMAT " was captured before this pipeline ran: left out", view.sequence);
    buffers_.note_discontinuity(view);
    ++early_;
    cuframes_frame_unref(frame);
}

/// No frame and GST_FLOW_OK: none came in time, or none can be taken before another is given back.
GstFlowReturn FrameReader::take_frame(cuframes_frame** frame, int64_t timeout_ms) {
    for (;;) {
        const int result = attachment_.take([&] { return cuframes_subscriber_next(subscriber_, timeout_ms, frame); });
        if (timeout_ms >= 0 && (result == CUFRAMES_ERROR_TIMEOUT || result == CUFRAMES_ERROR_LEASES_EXHAUSTED)) {
            return GST_FLOW_OK;
        }
        const GstFlowReturn flow =
            attachment_.flow_of(result == CUFRAMES_ERROR_LEASES_EXHAUSTED ? leases_.wait() : result);
        if (result == CUFRAMES_OK || flow != GST_FLOW_OK) {
            return flow;
        }
    }
}

GstFlowReturn FrameReader::follow_generation(const cuframes_frame_view& view) {
    if (view.epoch == epoch_) {
        buffers_.follow(view);
        return GST_FLOW_OK;
    }
    const GstFlowReturn flow = negotiation_.follow(subscriber_, view);
    if (flow == GST_FLOW_OK) {
        buffers_.begin_generation(view);
        epoch_ = view.epoch;
    }
    return flow;
}

GstFlowReturn FrameReader::output(cuframes_frame* frame, const TimeMap& times, GstClockTime pts, GstBuffer** buffer) {
    const cuframes_frame_view& view = *cuframes_frame_get(frame);
    buffers_.note_discontinuity(view);
    GstFlowReturn flow = follow_generation(view);
    if (flow != GST_FLOW_OK) {
        return flow;
    }
    // Where frames are copied anyway, none is kept downstream.
    const bool lease_goes_back = negotiation_.in_place() && leases_.are_used_up(view);
    flow = buffers_.read(frame, lease_goes_back, times, pts, buffer);
    if (flow == GST_FLOW_OK) {
        learn_latency(view);
    }
    return flow;
}

void FrameReader::learn_latency(const cuframes_frame_view& view) {
    if (attachment_.learn_latency(view.latency, view.pts, view.publish_time)) {
        leases_.use_latency(attachment_.latency());
        gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT_CAST(src_)));
    }
    leases_.keep_frames_for_sinks(view, negotiation_.info(), attachment_.latency());
}

void FrameReader::set_pipeline_latency(GstClockTime latency) {
    leases_.set_pipeline_latency(latency);
    leases_.use_latency(attachment_.latency());
}

} // namespace cuframes::gst
