// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "src/join.h"
#include "src/origin.h"

#include <atomic>
#include <memory>

namespace cuframes::gst {

/// For recorders: every packet is in the segment, and the first is at running time 0, however old it is; the sources of one
/// pipeline begin together. Times go on as they were captured, through a pause and through another publisher.
class RecordJoin final : public Join {
public:
    explicit RecordJoin(GstElement* element) : element_(element) {}
    ~RecordJoin() override { leave(); }

    void enter() override;
    void leave() override;
    bool begins_with(const PacketTimes& packet, uint64_t behind) const override;
    std::optional<GstSegment> begin(const PacketTimes& packet, GstClockTime newest) override;
    std::optional<Placing> place(const PacketTimes& packet) override;
    void fall_back() override {}
    void run_from(GstClockTimeDiff) override {}
    void restart() override { restarts_ = true; }
    void set_interrupted(bool interrupted) override;

private:
    void take_part();

    GstElement* element_;
    std::atomic<std::shared_ptr<Origin>> origin_; ///< NULL: not entered.
    std::atomic<bool> interrupted_ = false;
    std::atomic<bool> restarts_ = false;
    bool proposed_ = false;
    GstClockTime begin_ = GST_CLOCK_TIME_NONE; ///< What was agreed on.
};

} // namespace cuframes::gst
