// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace cuframes::gst {

/// CLOCK_MONOTONIC, which all processes of a host share and in which times travel through the ring.
GstClockTime monotonic_now();

/// The relation of one element's running time to CLOCK_MONOTONIC, valid for the moment it was made. A pipeline may run
/// on another clock (a sound card's, a network one); then the offset is sampled afresh for each frame, so drift
/// between the two never adds up.
class TimeMap {
public:
    explicit TimeMap(GstElement* element);

    /// When `time` of `segment` is reached, in CLOCK_MONOTONIC; without latency: that is when the frame was captured,
    /// not when some sink is to show it. GST_CLOCK_TIME_NONE stays that. In a segment that is not in time, `time` is taken
    /// for the running time, as nothing else can be meant.
    GstClockTime to_monotonic(const GstSegment& segment, GstClockTime time) const;

    /// The running time of a moment; negative before the pipeline was set to PLAYING.
    GstClockTimeDiff to_running_time(GstClockTime monotonic) const;

private:
    GstClockTimeDiff clock_minus_monotonic_ = 0;
    GstClockTime base_time_;
};

} // namespace cuframes::gst
