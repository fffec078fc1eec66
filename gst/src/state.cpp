// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/state.h"

#include "shared/errors.h"
#include "shared/gpu_sharing.h"
#include "shared/stats.h"

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

SrcState::SrcState(GstBaseSrc* src)
    : src_(src),
      element_(GST_ELEMENT_CAST(src)),
      settings_(element_),
      cuda_(element_),
      negotiation_(src, settings_, cuda_),
      buffers_(src, settings_, cuda_, negotiation_),
      leases_(element_, settings_) {}

SrcState::~SrcState() { gst_clear_structure(&last_stats_); }

bool SrcState::check_settings(const SrcSettings& settings) {
    if (settings.key.empty()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_KEY,
                   "cuframessrc has no key: set the property key to the name that the publisher uses", "starting");
        return false;
    }
    return settings.memory != GST_CUFRAMES_MEMORY_CUDA ||
           gpu_can_be_shared(element_, settings.key, settings.cuda_device);
}

bool SrcState::start() {
    const SrcSettings settings = settings_.copy();
    cuda_.set_device(settings.cuda_device);
    if (!check_settings(settings)) {
        return false;
    }
    cuframes_subscriber_options options = settings.options();
    options.on_state = [](cuframes_subscriber_state state, uint64_t epoch, int32_t pid, void* self) {
        static_cast<SrcState*>(self)->state_changed(state, epoch, pid);
    };
    options.user_data = this;
    cuframes_subscriber* subscriber = nullptr;
    const int result = cuframes_subscriber_create(&options, &subscriber);
    // Not with the lock held: whoever hears of it first, on this thread, may ask for the statistics.
    if (result != CUFRAMES_OK) {
        post_library_error(element_, result, "making the subscriber");
    }
    const std::unique_lock life(life_);
    subscriber_ = subscriber;
    latency_.reset();
    timeline_.restart();
    early_ = 0;
    buffers_.start();
    leases_.start(subscriber);
    strict_ = settings.mode == CUFRAMES_MODE_STRICT;
    times_told_ = waiting_told_ = false;
    leases_.use_latency(latency_.value());
    return result == CUFRAMES_OK;
}

void SrcState::stop() {
    const std::unique_lock life(life_);
    gst_clear_structure(&last_stats_);
    last_stats_ = subscriber_stats(subscriber_, buffers_.copied(), early_, buffers_.metas_skipped());
    cuframes_frame_unref(std::exchange(follower_, nullptr));
    follows_ = GST_FLOW_OK;
    buffers_.stop();
    negotiation_.reset();
    leases_.start(nullptr);
    epoch_ = 0;
    cuframes_subscriber_destroy(std::exchange(subscriber_, nullptr));
}

void SrcState::set_interrupted(bool interrupted) {
    const std::shared_lock life(life_);
    if (subscriber_) {
        cuframes_subscriber_set_interrupted(subscriber_, interrupted);
    }
}

GstStructure* SrcState::stats() const {
    const std::shared_lock life(life_);
    if (!subscriber_ && last_stats_) {
        return gst_structure_copy(last_stats_);
    }
    return subscriber_stats(subscriber_, buffers_.copied(), early_, buffers_.metas_skipped());
}

void SrcState::state_changed(cuframes_subscriber_state state, uint64_t epoch, int32_t pid) {
    GST_INFO_OBJECT(src_, "publisher is %s, pid %d, epoch %" G_GUINT64_FORMAT, cuframes_state_name(state), pid, epoch);
    GstStructure* news = gst_structure_new("cuframes-publisher", "state", G_TYPE_STRING, cuframes_state_name(state),
                                           "epoch", G_TYPE_UINT64, epoch, "pid", G_TYPE_INT, pid, "key", G_TYPE_STRING,
                                           settings_.copy().key.c_str(), nullptr);
    gst_element_post_message(element_, gst_message_new_element(GST_OBJECT_CAST(src_), news));
}

void SrcState::play() {
    GstClock* clock = gst_element_get_clock(element_);
    if (!clock) {
        return;
    }
    timeline_.run_from(GST_CLOCK_DIFF(gst_element_get_base_time(element_), gst_clock_get_time(clock)));
    gst_object_unref(clock);
}

GstFlowReturn SrcState::create(GstBuffer** buffer) {
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
GstFlowReturn SrcState::next_frame(cuframes_frame** frame) {
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
GstClockTime SrcState::capture_time(const cuframes_frame_view& view) {
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

bool SrcState::is_early(const cuframes_frame* frame) {
    return !timeline_.has_begun() &&
           timeline_.is_before_beginning(TimeMap(element_), capture_time(*cuframes_frame_get(frame)));
}

void SrcState::leave_out(cuframes_frame* frame) {
    const cuframes_frame_view& view = *cuframes_frame_get(frame);
    GST_LOG_OBJECT(src_, "frame %" G_GUINT64_FORMAT " was captured before this pipeline ran: left out", view.sequence);
    buffers_.note_discontinuity(view);
    ++early_;
    cuframes_frame_unref(frame);
}

/// No frame and GST_FLOW_OK: none came in time, or none can be taken before another is given back.
GstFlowReturn SrcState::take_frame(cuframes_frame** frame, int64_t timeout_ms) {
    // The library tells of changes; this is where they start from.
    if (!std::exchange(waiting_told_, true)) {
        state_changed(CUFRAMES_STATE_WAITING, 0, 0);
    }
    for (;;) {
        const int result = cuframes_subscriber_next(subscriber_, timeout_ms, frame);
        if (result == CUFRAMES_ERROR_EOS && settings_.copy().on_eos == GST_CUFRAMES_ON_EOS_WAIT) {
            continue;
        }
        if (timeout_ms >= 0 && (result == CUFRAMES_ERROR_TIMEOUT || result == CUFRAMES_ERROR_LEASES_EXHAUSTED)) {
            return GST_FLOW_OK;
        }
        const GstFlowReturn flow =
            result == CUFRAMES_ERROR_LEASES_EXHAUSTED ? flow_of(leases_.wait()) : flow_of(result);
        if (result == CUFRAMES_OK || flow != GST_FLOW_OK) {
            return flow;
        }
    }
}

GstFlowReturn SrcState::flow_of(int result) {
    switch (result) {
    case CUFRAMES_OK:
        return GST_FLOW_OK;
    case CUFRAMES_ERROR_INTERRUPTED:
        return GST_FLOW_FLUSHING;
    case CUFRAMES_ERROR_EOS:
        return GST_FLOW_EOS;
    case CUFRAMES_ERROR_PUBLISHER_GONE:
        if (settings_.copy().on_gone == GST_CUFRAMES_ON_GONE_EOS) {
            return GST_FLOW_EOS;
        }
        [[fallthrough]];
    default:
        post_library_error(element_, result, "taking a frame");
        return GST_FLOW_ERROR;
    }
}

GstFlowReturn SrcState::follow_generation(const cuframes_frame_view& view) {
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

GstFlowReturn SrcState::output(cuframes_frame* frame, const TimeMap& times, GstClockTime pts, GstBuffer** buffer) {
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

void SrcState::learn_latency(const cuframes_frame_view& view) {
    if (latency_.update(view.latency, view.pts, view.publish_time)) {
        GST_INFO_OBJECT(src_, "latency is %" GST_TIME_FORMAT " now", GST_TIME_ARGS(latency_.value()));
        leases_.use_latency(latency_.value());
        gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT_CAST(src_)));
    }
    leases_.keep_frames_for_sinks(view, negotiation_.info(), latency_.value());
}

void SrcState::set_pipeline_latency(GstClockTime latency) {
    GST_DEBUG_OBJECT(src_, "the pipeline's latency is %" GST_TIME_FORMAT, GST_TIME_ARGS(latency));
    leases_.set_pipeline_latency(latency);
    const std::shared_lock life(life_);
    leases_.use_latency(latency_.value());
}

} // namespace cuframes::gst
