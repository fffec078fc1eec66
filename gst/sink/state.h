// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/cuda_context.h"
#include "sink/buffer_facts.h"
#include "sink/frame_writer.h"
#include "sink/negotiation.h"
#include "sink/packet_writer.h"
#include "sink/preroll.h"
#include "sink/publication.h"
#include "sink/settings.h"
#include "sink/subscriber_events.h"

#include <memory>

namespace cuframes::gst {

/// What cuframessink does between its start and its stop.
class SinkState {
public:
    /// `deliver` tells the application about subscribers.
    SinkState(GstBaseSink* sink, SubscriberEvents::Deliver deliver);
    ~SinkState();
    SinkState(const SinkState&) = delete;
    SinkState& operator=(const SinkState&) = delete;

    ElementSettings<SinkSettings>& settings() { return settings_; }
    Publication& publication() { return *publication_; }
    const Publication& publication() const { return *publication_; }
    SinkNegotiation& negotiation() { return negotiation_; }
    Preroll& held_frame() { return preroll_; }
    CudaContextHolder& cuda() { return cuda_; }

    bool start();
    void stop();
    bool set_caps(GstCaps* caps);
    void flushed();
    GstFlowReturn preroll(GstBuffer* buffer);
    GstFlowReturn render(GstBuffer* buffer);
    /// Tells readers how long after its capture a frame or packet becomes visible, and returns what this sink is to wait
    /// for: the latency of what is upstream, whatever other branches of the pipeline need.
    GstClockTime tell_latency(GstClockTime pipeline_latency);
    void end_of_stream();

    GstStructure* stats() const;

private:
    bool check_settings(const SinkSettings& settings);
    bool has_content(GstBuffer* buffer) const;
    bool readers_may_attach();
    GstFlowReturn publish(GstBuffer* buffer, GstClockTime capture = GST_CLOCK_TIME_NONE);
    void warn_of_needless_settings();

    GstBaseSink* sink_;
    GstElement* element_;
    ElementSettings<SinkSettings> settings_;
    std::shared_ptr<Publication> publication_ = std::make_shared<Publication>();
    CudaContextHolder cuda_;
    SubscriberEvents events_;
    SinkNegotiation negotiation_;
    BufferReader buffers_;
    FrameWriter frames_;
    PacketWriter packets_;
    Preroll preroll_;
    GstStructure* last_stats_ = nullptr; ///< Of the publisher that was stopped; guarded by the object lock.
};

} // namespace cuframes::gst
