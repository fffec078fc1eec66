// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "sink/buffer_facts.h"
#include "sink/publication.h"

#include <memory>
#include <string>

namespace cuframes::gst {

/// The way of packets into the log, a buffer each. The streaming thread's.
class PacketWriter {
public:
    PacketWriter(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings,
                 std::shared_ptr<Publication> publication, BufferReader& buffers);

    /// The sink has started.
    void start();
    /// The packets that follow are of these caps. Readers may attach from the first ones on. False: it cannot be, and an
    /// error was posted.
    bool set_caps(const GstCaps* caps);
    /// `capture` takes the place of what its time stamps say.
    GstFlowReturn publish(GstBuffer* buffer, GstClockTime capture = GST_CLOCK_TIME_NONE);

private:
    cuframes_packet_info packet_info(GstBuffer* buffer, GstClockTime capture);
    int announce_caps();
    int publish_once(const GstMapInfo& bytes, const cuframes_packet_info& info);
    GstFlowReturn publish_bytes(const GstMapInfo& bytes, const cuframes_packet_info& info);
    void tell_dropped(const std::string& why);

    GstBaseSink* sink_;
    GstElement* element_;
    const ElementSettings<SinkSettings>& settings_;
    std::shared_ptr<Publication> publication_;
    BufferReader& buffers_;
    std::string caps_;
    bool caps_announced_ = false;
    bool drop_told_ = false;
};

} // namespace cuframes::gst
