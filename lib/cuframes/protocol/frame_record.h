// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a publisher says of a frame: from its own words into the record that readers see, and from there into theirs. Both
/// ways stand here, so that a field that goes in also comes out.
#pragma once

#include "base/optional_number.h"
#include "cuframes/cuframes.h"
#include "protocol/layout.h"

namespace cuframes::core {

/// All but the metadata, which is not of one size.
inline void to_record(SlotRecord& record, const cuframes_frame_info& info, uint64_t publish_time) {
    record.publish_time = publish_time;
    record.pts.store(number_or_none(info.pts), std::memory_order_relaxed);
    record.dts = number_or_none(info.dts);
    record.duration = number_or_none(info.duration);
    record.offset = number_or_none(info.offset);
    record.offset_end = number_or_none(info.offset_end);
    record.flags = info.flags;
}

/// Of a slot that is leased.
inline void from_record(cuframes_frame_view& view, const SlotRecord& record) {
    view.publish_time = record.publish_time;
    view.pts = record.pts.load(std::memory_order_relaxed);
    view.dts = record.dts;
    view.duration = record.duration;
    view.offset = record.offset;
    view.offset_end = record.offset_end;
    view.flags = record.flags;
}

} // namespace cuframes::core
