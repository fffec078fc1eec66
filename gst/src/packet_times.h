// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/settings.h"
#include "src/settings.h"

#include <cuframes/cuframes.h>
#include <gst/gst.h>

namespace cuframes::gst {

/// When what is in a packet was captured, as its place in the stream and in the order of decoding says; both in
/// CLOCK_MONOTONIC, and GST_CLOCK_TIME_NONE where that is not told.
struct PacketTimes {
    GstClockTime pts = GST_CLOCK_TIME_NONE;
    GstClockTime dts = GST_CLOCK_TIME_NONE;

    /// The one that says where the packet belongs; one of them is there.
    GstClockTime time() const { return GST_CLOCK_TIME_IS_VALID(pts) ? pts : dts; }
};

/// Reads the times of packets. Those of a publisher that counts from anywhere, from 0 say, are moved to the host's
/// clock, all by as much, so that what they say about each other stays; those of packets without any are when they were
/// published.
class PacketClock {
public:
    PacketClock(GstElement* element, const ElementSettings<SrcSettings>& settings)
        : element_(element), settings_(settings) {}

    void start();
    PacketTimes times_of(const cuframes_packet_view& view);
    /// Another time of the same publisher.
    GstClockTime moved(GstClockTime time) const;

private:
    void follow(const cuframes_packet_view& view, GstClockTime time);
    void tell(const cuframes_packet_view& view, GstClockTime time);

    GstElement* element_;
    const ElementSettings<SrcSettings>& settings_;
    GstClockTimeDiff shift_ = 0;
    uint64_t epoch_ = 0;
    bool told_ = false;
};

} // namespace cuframes::gst
