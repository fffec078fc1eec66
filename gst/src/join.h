// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "src/packet_times.h"

#include <gst/gst.h>

#include <optional>

namespace cuframes::gst {

/// Where a packet is put in the running time of the pipeline.
struct Placing {
    GstClockTime pts;     ///< Of the buffer, in the segment.
    GstClockTime dts;     ///< Likewise.
    GstClockTime running; ///< 0 where it lies before that.
};

/// How a source joins a stream that has been running for long: which moment of it is which running time, and which
/// packets are in the segment. The functions are the streaming thread's, but for those that say otherwise.
class Join {
public:
    virtual ~Join() = default;

    /// The element starts, and stops. Any thread, but one at a time.
    virtual void enter() = 0;
    virtual void leave() = 0;

    /// Whether a segment is to begin with this packet. `behind`: how many were there after it when it was taken.
    virtual bool begins_with(const PacketTimes& packet, uint64_t behind) const = 0;
    /// Begins it. `newest`: of what is there by now. Empty: it was interrupted, and is to be tried again.
    virtual std::optional<GstSegment> begin(const PacketTimes& packet, GstClockTime newest) = 0;
    /// Empty: it has no place.
    virtual std::optional<Placing> place(const PacketTimes& packet) = 0;
    /// What comes next lies in the past again: another publisher, or what is left after packets were lost.
    virtual void fall_back() = 0;

    /// The pipeline runs, or goes on, from this running time. Any thread.
    virtual void run_from(GstClockTimeDiff running) = 0;
    /// A flush has ended. Any thread.
    virtual void restart() = 0;
    /// Any thread.
    virtual void set_interrupted(bool interrupted) = 0;
};

/// Where running time 0 is among the timestamps. What lies before it, to decode from or in the order of decoding, has
/// timestamps too, and those cannot be negative; encoders leave as much room.
inline constexpr GstClockTime room_before_zero = 1000 * 60 * 60 * GST_SECOND;

inline GstClockTime timestamp_at(GstClockTimeDiff running) {
    const GstClockTimeDiff timestamp = static_cast<GstClockTimeDiff>(room_before_zero) + running;
    return timestamp >= 0 ? static_cast<GstClockTime>(timestamp) : GST_CLOCK_TIME_NONE;
}

/// The segment in which what is stamped for `first` is at the running time `at`, and nothing before it is shown.
inline GstSegment segment_from(GstClockTimeDiff first, GstClockTimeDiff at) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.start = segment.position = timestamp_at(first);
    segment.base = segment.time = static_cast<GstClockTime>(at);
    return segment;
}

} // namespace cuframes::gst
