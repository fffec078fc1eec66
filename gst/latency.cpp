// SPDX-License-Identifier: LGPL-2.1-or-later
#include "latency.h"

namespace cuframes::gst {

bool LatencyMeter::update(GstClockTime capture, GstClockTime visible) {
    if (!GST_CLOCK_TIME_IS_VALID(capture) || visible <= capture)
        return false;
    const GstClockTime late = visible - capture + initial;
    const GstClockTime known = value_.load();
    if (late <= known)
        return false;
    // In steps of a quarter at least: a publisher that falls behind more and more must not make the pipeline redistribute
    // its latency with every frame.
    constexpr GstClockTime unit = 10 * GST_MSECOND;
    value_ = (late + late / 4 + unit - 1) / unit * unit;
    return true;
}

} // namespace cuframes::gst
