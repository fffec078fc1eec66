// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/leases.h"

#include "shared/clocking.h"
#include "shared/errors.h"

#include <algorithm>
#include <utility>

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

void Leases::start(cuframes_subscriber* subscriber) {
    subscriber_ = subscriber;
    granted_ = 0;
    starvation_told_ = copies_told_ = false;
}

bool Leases::are_used_up(const cuframes_frame_view& view) {
    if (view.spare > 0 || settings_.copy().on_exhausted == GST_CUFRAMES_ON_EXHAUSTED_WAIT) {
        return false;
    }
    ask_for_more();
    return true;
}

void Leases::ask_for_more() {
    cuframes_subscriber_stats now;
    CUFRAMES_INIT(now);
    cuframes_subscriber_get_stats(subscriber_, &now);
    const GstClockTime time = monotonic_now();
    if (now.max_held > granted_) {
        granted_ = now.max_held;
        granted_since_ = time;
    }
    const bool automatic = settings_.copy().max_held == 0;
    if (automatic) {
        cuframes_subscriber_want(subscriber_, now.max_held * 2, 0);
    }
    if (!automatic || now.max_held >= CUFRAMES_MAX_HELD || time > granted_since_ + growth_time) {
        tell_of_copies(now.held);
    }
}

void Leases::tell_of_copies(guint held) {
    if (std::exchange(copies_told_, true)) {
        return;
    }
    const SrcSettings settings = settings_.copy();
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

int Leases::wait() {
    const int result = cuframes_subscriber_wait_lease(subscriber_, starvation_ms);
    if (result != CUFRAMES_ERROR_TIMEOUT) {
        return result;
    }
    warn_of_starvation();
    return cuframes_subscriber_wait_lease(subscriber_, -1);
}

void Leases::warn_of_starvation() {
    if (std::exchange(starvation_told_, true)) {
        return;
    }
    const SrcSettings settings = settings_.copy();
    const std::string allowed = settings.max_held > 0 ? std::to_string(settings.max_held) : "0, automatic";
    GST_ELEMENT_WARNING(
        element_, RESOURCE, BUSY,
        ("cuframessrc key=%s: all frames that may be held (max-held=%s) are held downstream, so no other "
         "can be taken. Raise max-held to what the elements downstream keep, and one more, or set "
         "on-exhausted=copy",
         settings.key.c_str(), allowed.c_str()),
        ("no frame was given back within %d ms", static_cast<int>(starvation_ms)));
}

void Leases::use_latency(GstClockTime arrival) {
    if (subscriber_) {
        cuframes_subscriber_set_latency(subscriber_, std::max(pipeline_latency_.load(), arrival));
    }
}

void Leases::keep_frames_for_sinks(const cuframes_frame_view& view, const GstVideoInfo& info, GstClockTime arrival) {
    const GstClockTime wait = pipeline_latency_;
    if (wait <= arrival) {
        return;
    }
    const guint64 frames = (wait - arrival) / std::max<GstClockTime>(frame_duration(view, info), 1) + 2;
    if (frames > usual_frames) {
        cuframes_subscriber_want(subscriber_, 0, static_cast<guint>(std::min<guint64>(frames, G_MAXUINT)));
    }
}

} // namespace cuframes::gst
