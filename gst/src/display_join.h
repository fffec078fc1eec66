// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "src/join.h"

#include <atomic>

namespace cuframes::gst {

/// For displays: running time is the time of capture, as with frames. What is there when the source joins comes first, in a
/// segment that clips all that decoders make of it. When they have caught up, which takes time in which the camera goes on,
/// a segment begins with the newest packet: so the first picture is that of the moment, and none is shown fast.
class DisplayJoin final : public Join {
public:
    explicit DisplayJoin(GstElement* element) : element_(element) {}

    void enter() override;
    void leave() override {}
    bool begins_with(const PacketTimes& packet, uint64_t behind) const override;
    std::optional<GstSegment> begin(const PacketTimes& packet, GstClockTime newest) override;
    std::optional<Placing> place(const PacketTimes& packet) override;
    void fall_back() override { due_ = true; }
    void run_from(GstClockTimeDiff running) override;
    void restart() override;
    void set_interrupted(bool) override {}

private:
    GstSegment begin_past(GstClockTime newest);
    GstSegment begin_at_the_moment(GstClockTime live, bool is_first);

    GstElement* element_;
    std::atomic<bool> due_ = true;
    std::atomic<bool> has_begun_ = false;
    std::atomic<GstClockTimeDiff> floor_ = 0;             ///< Nothing can be shown before this running time any more.
    GstClockTime catches_up_until_ = GST_CLOCK_TIME_NONE; ///< At the latest; invalid: it does not.
    GstClockTime latest_ = 0;                             ///< Of what was placed.
    GstClockTime still_ = GST_CLOCK_TIME_NONE;            ///< Of a first picture that is from before the pipeline ran.
};

} // namespace cuframes::gst
