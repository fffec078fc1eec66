// SPDX-License-Identifier: LGPL-2.1-or-later
// SrcState, third part: how many frames downstream may hold, and for how long the ring has to keep them.
#include "shared/errors.h"
#include "src/state.h"

#include <algorithm>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

namespace cuframes::gst {
namespace {

/// Downstream holding every frame is normal for a moment, as with a full queue; longer than this it starves the source.
constexpr int64_t starvation_ms = 1000;

/// How long the ring may take to grow before copying is worth a word.
constexpr GstClockTime growth_time = 500 * GST_MSECOND;

/// Frames that a ring keeps anyway.
constexpr guint64 usual_frames = 4;

GstClockTime frame_duration(const cuframes_frame_view& view, const GstVideoInfo& info) {
    if (GST_VIDEO_INFO_FPS_N(&info) > 0) {
        return gst_util_uint64_scale(GST_SECOND, static_cast<guint64>(GST_VIDEO_INFO_FPS_D(&info)),
                                     static_cast<guint64>(GST_VIDEO_INFO_FPS_N(&info)));
    }
    if (GST_CLOCK_TIME_IS_VALID(view.duration) && view.duration > 0) {
        return view.duration;
    }
    return GST_SECOND / 30;
}

} // namespace

/// With the last lease taken no other frame could be had before one comes back, which may be never: some elements give a
/// frame back only for the next one. The last one is there to copy with.
bool SrcState::leases_are_used_up(const cuframes_frame_view& view) {
    if (view.spare > 0 || copy_settings().on_exhausted == GST_CUFRAMES_ON_EXHAUSTED_WAIT) {
        return false;
    }
    ask_for_leases();
    return true;
}

void SrcState::ask_for_leases() {
    cuframes_subscriber_stats now;
    CUFRAMES_INIT(now);
    cuframes_subscriber_get_stats(subscriber_, &now);
    const GstClockTime time = monotonic_now();
    if (now.max_held > leases_) {
        leases_ = now.max_held;
        leases_since_ = time;
    }
    const bool automatic = copy_settings().max_held == 0;
    if (automatic) {
        cuframes_subscriber_want(subscriber_, now.max_held * 2, 0);
    }
    if (!automatic || now.max_held >= CUFRAMES_MAX_HELD || time > leases_since_ + growth_time) {
        tell_of_copies(now.held);
    }
}

void SrcState::tell_of_copies(guint held) {
    if (std::exchange(copies_told_, true)) {
        return;
    }
    const SrcSettings settings = copy_settings();
    const char* cure = settings.max_held > 0
                           ? "raise max-held, or set it to 0 for as many as it takes"
                           : "let the publisher's ring grow further (slots=0, a larger max-slots), or "
                             "let the elements downstream hold fewer frames";
    GST_ELEMENT_WARNING(element_, RESOURCE, BUSY,
                        ("cuframessrc key=%s: %u frames of the ring are held downstream, and there are no more for "
                         "this reader. Further "
                         "ones are copied; to avoid that, %s",
                         settings.key.c_str(), held > 0 ? held - 1 : 0, cure),
                        ("copies are counted as `copied` in the statistics; this is said once"));
}

GstFlowReturn SrcState::wait_for_lease() {
    int result = cuframes_subscriber_wait_lease(subscriber_, starvation_ms);
    if (result == CUFRAMES_ERROR_TIMEOUT) {
        warn_of_starvation();
        result = cuframes_subscriber_wait_lease(subscriber_, -1);
    }
    return flow_of(result);
}

void SrcState::warn_of_starvation() {
    if (std::exchange(starvation_told_, true)) {
        return;
    }
    const SrcSettings settings = copy_settings();
    const std::string allowed = settings.max_held > 0 ? std::to_string(settings.max_held) : "0, automatic";
    GST_ELEMENT_WARNING(
        element_, RESOURCE, BUSY,
        ("cuframessrc key=%s: all frames that may be held (max-held=%s) are held downstream, so no other "
         "can be taken. Raise max-held to what the elements downstream keep, and one more, or set "
         "on-exhausted=copy",
         settings.key.c_str(), allowed.c_str()),
        ("no frame was given back within %d ms", static_cast<int>(starvation_ms)));
}

void SrcState::set_pipeline_latency(GstClockTime latency) {
    GST_DEBUG_OBJECT(src_, "the pipeline's latency is %" GST_TIME_FORMAT, GST_TIME_ARGS(latency));
    pipeline_latency_ = latency;
    const std::shared_lock life(life_);
    use_latency();
}

/// Frames are of use for as long as the pipeline's sinks can still show them in time.
void SrcState::use_latency() {
    if (subscriber_) {
        cuframes_subscriber_set_latency(subscriber_, std::max(pipeline_latency_.load(), latency_.value()));
    }
}

/// A sink that waits longer than frames take to come, because something else in its pipeline does, finds them in the ring.
void SrcState::keep_frames_for_sinks(const cuframes_frame_view& view) {
    const GstClockTime wait = pipeline_latency_, arrival = latency_.value();
    if (wait <= arrival) {
        return;
    }
    const guint64 frames = (wait - arrival) / std::max<GstClockTime>(frame_duration(view, info_), 1) + 2;
    if (frames > usual_frames) {
        cuframes_subscriber_want(subscriber_, 0, static_cast<guint>(std::min<guint64>(frames, G_MAXUINT)));
    }
}

} // namespace cuframes::gst
