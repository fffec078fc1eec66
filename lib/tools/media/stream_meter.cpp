// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/stream_meter.h"

#include "media/running_time.h"

#include <algorithm>
#include <utility>

namespace cuframes::tools {

namespace {

GstClockTime now() { return gst_util_get_timestamp(); }

} // namespace

StreamMeter::StreamMeter(GstPad* pad, EndOf end_of) : end_of_(std::move(end_of)) {
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, this, nullptr);
}

Seconds StreamMeter::length() const {
    const GstClockTime first = first_;
    return Seconds(GST_CLOCK_TIME_IS_VALID(first) ? static_cast<double>(latest_ - first) / 1e9 : 0);
}

Seconds StreamMeter::since_first() const { return Seconds(static_cast<double>(now() - passed_at_) / 1e9); }

GstPadProbeReturn StreamMeter::on_buffer(GstPad* pad, GstPadProbeInfo* info, gpointer self) {
    return static_cast<StreamMeter*>(self)->note(pad, GST_PAD_PROBE_INFO_BUFFER(info)) ? GST_PAD_PROBE_OK
                                                                                       : GST_PAD_PROBE_DROP;
}

bool StreamMeter::note(GstPad* pad, const GstBuffer* buffer) {
    const GstClockTime dts = running_time_of(pad, GST_BUFFER_DTS(buffer));
    const GstClockTime pts = running_time_of(pad, GST_BUFFER_PTS(buffer));
    const GstClockTime time = GST_CLOCK_TIME_IS_VALID(pts) ? pts : dts;
    if (GST_CLOCK_TIME_IS_VALID(time) && !GST_CLOCK_TIME_IS_VALID(first_)) {
        passed_at_ = now();
        end_ = end_of_(time);
        first_ = latest_ = time;
    }
    // In the order of decoding, so that nothing is missing that what is kept refers to; and with all pictures that are
    // decoded later and shown earlier than what is kept.
    const GstClockTime place = GST_CLOCK_TIME_IS_VALID(dts) ? dts : time;
    const bool fills = GST_CLOCK_TIME_IS_VALID(time) && time < newest_;
    if (full_ || (GST_CLOCK_TIME_IS_VALID(place) && place >= end_ && !fills)) {
        full_ = true;
        return false;
    }
    if (GST_CLOCK_TIME_IS_VALID(time)) {
        const GstClockTime duration = GST_BUFFER_DURATION_IS_VALID(buffer) ? GST_BUFFER_DURATION(buffer) : 0;
        newest_ = std::max(newest_, time);
        latest_ = std::max<GstClockTime>(latest_, time + duration);
    }
    ++count_;
    return true;
}

} // namespace cuframes::tools
