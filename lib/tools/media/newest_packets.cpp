// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/newest_packets.h"

#include "media/failure.h"
#include "options/common.h"

#include <fmt/format.h>

namespace cuframes::tools {

namespace {

Subscriber subscribe(const Ring& ring, const std::string& name) {
    auto options = subscriber_options(ring.key.c_str());
    options.directory = or_usual(ring.directory);
    options.name = name.c_str();
    options.content = CUFRAMES_CONTENT_PACKETS;
    options.start = CUFRAMES_START_KEYFRAME;
    auto subscriber = Subscriber::create(options);
    if (!subscriber) {
        throw Failure(subscriber.error().message);
    }
    return *std::move(subscriber);
}

SampleRef sample_of(const Packet& packet) {
    const BufferRef buffer(gst_buffer_new_memdup(packet->data, packet->size));
    GST_BUFFER_PTS(buffer.get()) = packet->pts;
    GST_BUFFER_DTS(buffer.get()) = packet->dts;
    GST_BUFFER_DURATION(buffer.get()) = packet->duration;
    if (packet->delta) {
        GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DELTA_UNIT);
    }
    const CapsRef caps(gst_caps_from_string(packet->caps));
    return SampleRef(gst_sample_new(buffer.get(), caps.get(), nullptr, nullptr));
}

} // namespace

std::vector<SampleRef> packets_since_keyframe(const Ring& ring, const char* verb, Seconds limit) {
    Subscriber subscriber = subscribe(ring, fmt::format("cuframes-{}", verb));
    std::vector<SampleRef> out;
    auto packet = subscriber.next_packet(std::chrono::duration_cast<Timeout>(limit));
    // Those that were there when the first was taken: more may come faster than they are looked at.
    for (uint64_t left = packet ? packet.value()->behind + 1 : 0; packet && left > 0; --left) {
        if (!packet.value()->delta) {
            out.clear();
        }
        out.push_back(sample_of(*packet));
        packet = subscriber.next_packet(not_at_all);
    }
    const bool ended = packet || packet.code() == CUFRAMES_ERROR_TIMEOUT || packet.code() == CUFRAMES_ERROR_EOS;
    if (!ended && out.empty()) {
        throw Failure(packet.error().message);
    }
    return out;
}

} // namespace cuframes::tools
