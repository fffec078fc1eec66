// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/packet_writer.h"

#include "shared/errors.h"

#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

namespace cuframes::gst {
namespace {

/// Moves both times, so that the one by which a packet goes is `capture`. The clock that the times in `info` are of does not
/// run yet, and what would be before its beginning is not in them: how far both are apart only the buffer knows.
void capture_at(cuframes_packet_info& info, GstBuffer* buffer, GstClockTime capture) {
    const bool has_pts = GST_BUFFER_PTS_IS_VALID(buffer);
    if (has_pts && GST_BUFFER_DTS_IS_VALID(buffer)) {
        const GstClockTimeDiff ahead = GST_CLOCK_DIFF(GST_BUFFER_DTS(buffer), GST_BUFFER_PTS(buffer));
        info.dts = cuframes_some(static_cast<GstClockTime>(static_cast<GstClockTimeDiff>(capture) - ahead));
    }
    if (has_pts || !GST_BUFFER_DTS_IS_VALID(buffer)) {
        info.pts = cuframes_some(capture);
    } else {
        info.dts = cuframes_some(capture);
    }
}

} // namespace

PacketWriter::PacketWriter(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings,
                           std::shared_ptr<Publication> publication, BufferReader& buffers)
    : sink_(sink),
      element_(GST_ELEMENT_CAST(sink)),
      settings_(settings),
      publication_(std::move(publication)),
      buffers_(buffers) {}

void PacketWriter::start() {
    caps_.clear();
    caps_announced_ = false;
    drop_told_ = false;
}

bool PacketWriter::set_caps(const GstCaps* caps) {
    gchar* const text = gst_caps_to_string(caps);
    caps_ = text;
    g_free(text);
    caps_announced_ = false;
    const int result = announce_caps();
    if (result != CUFRAMES_OK && result != CUFRAMES_ERROR_INTERRUPTED) { // then before the next packet
        post_library_error(element_, result, "telling readers the caps");
        return false;
    }
    return true;
}

int PacketWriter::announce_caps() {
    if (caps_announced_) {
        return CUFRAMES_OK;
    }
    const int result = publication_->with_publisher(
        [&](cuframes_publisher* publisher) { return cuframes_publisher_set_caps(publisher, caps_.c_str()); });
    caps_announced_ = result == CUFRAMES_OK;
    return result;
}

cuframes_packet_info PacketWriter::packet_info(GstBuffer* buffer, GstClockTime capture) {
    const BufferFacts facts = buffers_.read(buffer);
    cuframes_packet_info info;
    CUFRAMES_INIT(info);
    info.flags = facts.flags;
    info.delta = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    info.pts = facts.pts;
    info.dts = facts.dts;
    info.duration = facts.duration;
    info.metadata = facts.metadata;
    info.metadata_size = facts.metadata_size;
    if (GST_CLOCK_TIME_IS_VALID(capture)) {
        capture_at(info, buffer, capture);
    }
    return info;
}

GstFlowReturn PacketWriter::publish(GstBuffer* buffer, GstClockTime capture) {
    const cuframes_packet_info info = packet_info(buffer, capture);
    GstMapInfo bytes;
    if (!gst_buffer_map(buffer, &bytes, GST_MAP_READ)) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings_.copy().key + ": a buffer of " +
                       std::to_string(gst_buffer_get_size(buffer)) + " bytes cannot be read",
                   "reading a packet");
        return GST_FLOW_ERROR;
    }
    const GstFlowReturn flow = publish_bytes(bytes, info);
    gst_buffer_unmap(buffer, &bytes);
    return flow;
}

int PacketWriter::publish_once(const GstMapInfo& bytes, const cuframes_packet_info& info) {
    const int result = announce_caps();
    if (result != CUFRAMES_OK) {
        return result;
    }
    return publication_->with_publisher([&](cuframes_publisher* publisher) {
        return cuframes_publisher_publish_packet(publisher, bytes.data, bytes.size, &info);
    });
}

GstFlowReturn PacketWriter::publish_bytes(const GstMapInfo& bytes, const cuframes_packet_info& info) {
    for (;;) {
        const int result = publish_once(bytes, info);
        switch (result) {
        case CUFRAMES_OK:
            return GST_FLOW_OK;
        case CUFRAMES_ERROR_NO_MEMORY:
            tell_dropped(cuframes_last_error_message());
            return GST_FLOW_OK;
        case CUFRAMES_ERROR_INTERRUPTED:
            if (const GstFlowReturn flow = after_interruption(sink_, *publication_); flow != GST_FLOW_OK) {
                return flow;
            }
            break;
        default:
            post_library_error(element_, result, "publishing a packet");
            return GST_FLOW_ERROR;
        }
    }
}

void PacketWriter::tell_dropped(const std::string& why) {
    GST_DEBUG_OBJECT(sink_, "a packet is dropped: %s", why.c_str());
    if (!std::exchange(drop_told_, true)) {
        GST_ELEMENT_WARNING(element_, RESOURCE, NO_SPACE_LEFT, ("%s", why.c_str()),
                            ("said once; \"dropped\" in the statistics counts them"));
    }
}

} // namespace cuframes::gst
