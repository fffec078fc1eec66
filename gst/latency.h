// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <atomic>

namespace cuframes::gst {

/// How late frames are when they become visible, compared with their capture time: what the publisher's pipeline takes,
/// jitter buffer and decoder included. It is unknown before the first frame and grows when later ones are later; it never
/// shrinks, so that sinks do not have to change their pace.
class LatencyMeter {
public:
    GstClockTime value() const { return value_.load(); }

    void reset() { value_ = initial; }

    /// True when the value has grown, and the pipeline should be told.
    bool update(GstClockTime capture, GstClockTime visible);

private:
    /// The time until a frame that is there leaves the element: a wake-up.
    static constexpr GstClockTime initial = GST_MSECOND;

    std::atomic<GstClockTime> value_ = initial;
};

} // namespace cuframes::gst
