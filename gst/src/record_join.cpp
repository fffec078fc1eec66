// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/record_join.h"

#include <algorithm>
#include <utility>

namespace cuframes::gst {

void RecordJoin::enter() {
    interrupted_ = false;
    restarts_ = false;
    take_part();
}

void RecordJoin::take_part() {
    leave();
    const std::shared_ptr<Origin> origin = Origin::of(element_);
    origin->expect();
    origin_ = origin;
}

void RecordJoin::leave() {
    const std::shared_ptr<Origin> origin = origin_.exchange(nullptr);
    if (origin && !proposed_) {
        origin->expect_no_more();
    }
    proposed_ = false;
    begin_ = GST_CLOCK_TIME_NONE;
}

void RecordJoin::set_interrupted(bool interrupted) {
    interrupted_ = interrupted;
    if (const std::shared_ptr<Origin> origin = origin_) {
        origin->wake();
    }
}

bool RecordJoin::begins_with(const PacketTimes&, uint64_t) const {
    return restarts_ || !GST_CLOCK_TIME_IS_VALID(begin_);
}

std::optional<GstSegment> RecordJoin::begin(const PacketTimes& packet, GstClockTime) {
    // After a flush running time begins anew, and so does a recording, unless there are others that it belongs to.
    if (restarts_.exchange(false) && GST_CLOCK_TIME_IS_VALID(begin_)) {
        take_part();
    }
    const std::shared_ptr<Origin> origin = origin_;
    if (!std::exchange(proposed_, true)) {
        origin->propose(packet.time());
    }
    begin_ = origin->agreed(interrupted_);
    return GST_CLOCK_TIME_IS_VALID(begin_) ? std::optional(segment_from(0, 0)) : std::nullopt;
}

std::optional<Placing> RecordJoin::place(const PacketTimes& packet) {
    if (packet.time() < begin_) {
        return std::nullopt;
    }
    const auto stamp = [this](GstClockTime time) {
        return GST_CLOCK_TIME_IS_VALID(time) ? timestamp_at(GST_CLOCK_DIFF(begin_, time)) : GST_CLOCK_TIME_NONE;
    };
    return Placing{stamp(packet.pts), stamp(packet.dts), packet.time() - begin_};
}

} // namespace cuframes::gst
