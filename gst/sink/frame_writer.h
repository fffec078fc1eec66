// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "sink/buffer_facts.h"
#include "sink/negotiation.h"

namespace cuframes::gst {

/// The way of one frame into the ring: published where it is when it lies in a slot already, else copied into one. The
/// streaming thread's.
class FrameWriter {
public:
    FrameWriter(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings,
                std::shared_ptr<Publication> publication, SinkNegotiation& negotiation, BufferReader& buffers);

    /// Publishes a frame of the generation that was ensured. `capture` takes the place of what its time stamp says.
    GstFlowReturn publish(GstBuffer* buffer, GstClockTime capture = GST_CLOCK_TIME_NONE);

private:
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
    BufferReader& buffers_;
};

} // namespace cuframes::gst
