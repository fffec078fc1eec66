// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "src/join.h"

#include <atomic>

namespace cuframes::gst {

/// For displays: running time is the time of capture, as with frames, and the segment begins with the newest that there is
/// when the source joins. The packets before it are there to decode it from; decoders clip what they make of them, so that
/// the first picture is that of the moment, and none is shown fast.
class DisplayJoin final : public Join {
public:
    explicit DisplayJoin(GstElement* element) : element_(element) {}

    void enter() override;
    void leave() override {}
    bool begins_with(const PacketTimes& packet) const override;
    std::optional<GstSegment> begin(const PacketTimes& packet, GstClockTime newest, GstClockTime latency) override;
    std::optional<Placing> place(const PacketTimes& packet) const override;
    void fall_back() override { due_ = true; }
    void run_from(GstClockTimeDiff running) override;
    void restart() override;
    void set_interrupted(bool) override {}

private:
    GstElement* element_;
    std::atomic<bool> due_ = true;
    std::atomic<bool> has_begun_ = false;
    std::atomic<GstClockTimeDiff> floor_ = 0;  ///< Nothing can be shown before this running time any more.
    GstClockTime still_ = GST_CLOCK_TIME_NONE; ///< Of the last picture of a camera that stands still.
};

} // namespace cuframes::gst
