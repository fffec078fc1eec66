// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/latency.h"

#include <algorithm>

namespace cuframes::gst {
namespace {

/// Later than this is not lateness: such times come from another clock.
constexpr GstClockTime most = 5 * GST_SECOND;
constexpr GstClockTime period = GST_SECOND;
constexpr size_t most_samples = 256;
/// A change of latency makes every sink of the pipeline shift its pictures once, so small ones are not worth it.
constexpr GstClockTime unit = 5 * GST_MSECOND;
constexpr GstClockTime worth_lowering = 10 * GST_MSECOND;
constexpr unsigned seconds_until_lower = 3;

GstClockTime with_margin(GstClockTime lateness) { return (lateness + GST_MSECOND + unit - 1) / unit * unit; }

/// Nine of ten are not later; one alone never counts where there are others.
GstClockTime typical_worst(std::vector<GstClockTime>& lateness) {
    std::sort(lateness.begin(), lateness.end());
    const size_t n = lateness.size();
    const size_t rank = n * 9 / 10;
    return lateness[n >= 3 ? std::min(rank, n - 2) : 0];
}

} // namespace

void LatencyMeter::reset() {
    value_ = wake_up;
    lateness_.clear();
    lateness_.reserve(most_samples);
    period_start_ = last_capture_ = last_visible_ = GST_CLOCK_TIME_NONE;
    lower_bound_ = 0;
    better_seconds_ = 0;
}

bool LatencyMeter::update(GstClockTime told, GstClockTime capture, GstClockTime visible) {
    if (GST_CLOCK_TIME_IS_VALID(told)) {
        period_start_ = GST_CLOCK_TIME_NONE;
        return set(told + wake_up);
    }
    return GST_CLOCK_TIME_IS_VALID(capture) && measure(capture, visible);
}

/// Whether the frame comes sooner after the one before than it was captured after that.
bool LatencyMeter::catches_up(GstClockTime capture, GstClockTime visible) const {
    return GST_CLOCK_TIME_IS_VALID(last_visible_) && capture > last_capture_ && visible >= last_visible_ &&
           visible - last_visible_ < (capture - last_capture_) / 2;
}

bool LatencyMeter::measure(GstClockTime capture, GstClockTime visible) {
    const GstClockTime late = visible > capture ? visible - capture : 0;
    const bool counts = !catches_up(capture, visible) && late <= most;
    last_capture_ = capture;
    last_visible_ = visible;
    if (!GST_CLOCK_TIME_IS_VALID(period_start_)) {
        period_start_ = visible;
        lateness_.clear();
        better_seconds_ = 0;
        // The first frame is better than nothing: pipelines ask for the latency when they begin to play.
        return counts && set(with_margin(late));
    }
    if (counts && lateness_.size() < most_samples) {
        lateness_.push_back(late);
    }
    if (visible < period_start_ + period) {
        return false;
    }
    period_start_ = visible;
    return !lateness_.empty() && conclude();
}

bool LatencyMeter::conclude() {
    const GstClockTime wanted = with_margin(typical_worst(lateness_));
    lateness_.clear();
    const GstClockTime now = value_.load();
    if (wanted >= now || now - wanted < worth_lowering) {
        better_seconds_ = 0;
        return wanted > now && set(wanted);
    }
    lower_bound_ = better_seconds_ == 0 ? wanted : std::max(lower_bound_, wanted);
    if (++better_seconds_ < seconds_until_lower) {
        return false;
    }
    better_seconds_ = 0;
    return set(lower_bound_);
}

} // namespace cuframes::gst
