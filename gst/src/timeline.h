// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/clocking.h"

#include <atomic>
#include <optional>

namespace cuframes::gst {

/// Running times for the frames of one source that rise from the first buffer on, so that any muxer takes them.
///
/// Frames captured before the pipeline ran have no running time that could be told apart: the first of them, for a picture
/// at once, is put at the beginning, and the others are left out. The same holds for frames from before a pause ended.
/// Frames are placed by one thread; the rest is for any.
class Timeline {
public:
    /// Running time begins anew: at a start, and after a flush.
    void restart();
    /// The pipeline runs, or goes on, from this running time.
    void run_from(GstClockTimeDiff running);

    /// Whether a frame was placed already.
    bool has_begun() const { return last_ >= 0; }
    /// Whether the frame was captured before the pipeline ran, and no other was placed yet.
    bool is_before_beginning(const TimeMap& map, GstClockTime capture) const;

    /// The running time of a frame captured at `capture`, which stays GST_CLOCK_TIME_NONE where it is that; `duration` is
    /// how long frames usually last, if that is known. Empty: the frame is to be left out.
    std::optional<GstClockTime> place(const TimeMap& map, GstClockTime capture, GstClockTime duration);

private:
    std::atomic<GstClockTimeDiff> floor_ = 0;
    std::atomic<GstClockTimeDiff> last_ = -1; ///< Of the frame before; negative: there was none.
};

} // namespace cuframes::gst
