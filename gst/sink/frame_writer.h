// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/metadata.h"
#include "sink/negotiation.h"

namespace cuframes::gst {

/// The way of one frame into the ring: published where it is when it lies in a slot already, else copied into one. The
/// streaming thread's.
class FrameWriter {
public:
    FrameWriter(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings,
                std::shared_ptr<Publication> publication, SinkNegotiation& negotiation);

    /// The sink has started.
    void start() { segment_told_ = false; }
    /// Publishes a frame of the generation that was ensured. `capture` takes the place of what its time stamp says.
    GstFlowReturn publish(GstBuffer* buffer, GstClockTime capture = GST_CLOCK_TIME_NONE);
    /// Metas, and parts of them, that could not be carried so far; any thread.
    guint64 metas_left_behind() const { return metas_.left_behind(); }

private:
    GstFlowReturn after_interruption();
    int publish_in_place(GstMemory* memory, MemoryRecord* record, const cuframes_frame_info& info);
    GstFlowReturn publish_copy(GstBuffer* buffer, const cuframes_frame_info& info);
    int copy_and_publish(cuframes_slot* slot, GstBuffer* buffer, const cuframes_frame_info& info);
    MemoryRecord* own_unpublished_slot(GstBuffer* buffer) const;
    cuframes_frame_info frame_info(GstBuffer* buffer);

    GstBaseSink* sink_;
    GstElement* element_;
    const ElementSettings<SinkSettings>& settings_;
    std::shared_ptr<Publication> publication_;
    SinkNegotiation& negotiation_;
    MetaWriter metas_;
    bool segment_told_ = false; ///< That it is not in time.
};

} // namespace cuframes::gst
