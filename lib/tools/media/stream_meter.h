// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/loop.h"

#include <gst/gst.h>

#include <atomic>
#include <functional>

namespace cuframes::tools {

/// Counts what passes a pad, and lets nothing pass that begins at its end or later. Asked on the main thread. Lives longer
/// than the pad's stream.
class StreamMeter {
public:
    /// The end for a stream that begins at this running time; asked on the streaming thread, with the first buffer.
    using EndOf = std::function<GstClockTime(GstClockTime first)>;

    StreamMeter(GstPad* pad, EndOf end_of);
    StreamMeter(const StreamMeter&) = delete;
    StreamMeter& operator=(const StreamMeter&) = delete;

    uint64_t count() const { return count_; }
    bool is_full() const { return full_; }
    /// From the beginning of the first to the end of the last.
    Seconds length() const;
    /// How long ago the first one passed; only if there was one.
    Seconds since_first() const;

private:
    static GstPadProbeReturn on_buffer(GstPad* pad, GstPadProbeInfo* info, gpointer self);
    bool note(GstPad* pad, const GstBuffer* buffer);

    EndOf end_of_;
    std::atomic<uint64_t> count_ = 0;
    std::atomic<bool> full_ = false;
    std::atomic<GstClockTime> first_ = GST_CLOCK_TIME_NONE;
    std::atomic<GstClockTime> latest_ = 0;
    std::atomic<GstClockTime> end_ = GST_CLOCK_TIME_NONE;
    std::atomic<GstClockTime> passed_at_ = 0;
    GstClockTime newest_ = 0; ///< Begin of the one that is shown last.
};

} // namespace cuframes::tools
