// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/settings.h"
#include "src/latency.h"
#include "src/settings.h"

#include <gst/video/video.h>

#include <atomic>

namespace cuframes::gst {

/// How many frames of the ring downstream may hold, and for how long the ring has to keep them. The streaming thread's, but
/// for the latencies.
class Leases {
public:
    Leases(GstElement* element, const ElementSettings<SrcSettings>& settings)
        : element_(element), settings_(settings) {}

    /// NULL: there is none any more. Not while another function runs.
    void start(cuframes_subscriber* subscriber);

    /// With the last lease taken no other frame could be had before one comes back, which may be never: some elements give
    /// a frame back only for the next one. The last one is there to copy with.
    bool are_used_up(const cuframes_frame_view& view);
    /// Waits until a frame is given back, and returns how that ended, as the library says.
    int wait();

    /// What the pipeline's sinks wait for.
    void set_pipeline_latency(GstClockTime latency) { pipeline_latency_ = latency; }
    /// Frames are of use for as long as the pipeline's sinks can still show them in time; `arrival` is how late they come.
    void use_latency(GstClockTime arrival);
    /// A sink that waits longer than frames take to come, because something else in its pipeline does, finds them in the
    /// ring.
    void keep_frames_for_sinks(const cuframes_frame_view& view, const GstVideoInfo& info, GstClockTime arrival);

private:
    void ask_for_more();
    void tell_of_copies(guint held);
    void warn_of_starvation();

    GstElement* element_;
    const ElementSettings<SrcSettings>& settings_;
    cuframes_subscriber* subscriber_ = nullptr;
    std::atomic<GstClockTime> pipeline_latency_ = 0;
    guint granted_ = 0; ///< When last asked for more.
    GstClockTime granted_since_ = 0;
    bool starvation_told_ = false;
    bool copies_told_ = false;
};

} // namespace cuframes::gst
