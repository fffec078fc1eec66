// SPDX-License-Identifier: LGPL-2.1-or-later
#include "packets.h"

#include <mutex>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace cuframes::test {
namespace {

constexpr uint32_t memory_flags = (GST_MINI_OBJECT_FLAG_LAST - 1) | GST_BUFFER_FLAG_TAG_MEMORY;

std::string sha1(const void* data, size_t size) {
    gchar* const text = g_compute_checksum_for_data(G_CHECKSUM_SHA1, static_cast<const guchar*>(data), size);
    const std::string digest = text;
    g_free(text);
    return digest;
}

int64_t running_time(const GstSegment& segment, GstClockTime time) {
    guint64 distance = 0;
    const gint sign = gst_segment_to_running_time_full(&segment, GST_FORMAT_TIME, time, &distance);
    return sign == 0 ? PacketRecord::no_time : sign * static_cast<int64_t>(distance);
}

int64_t number_of(uint64_t time) {
    return time == CUFRAMES_TIME_NONE ? PacketRecord::no_time : static_cast<int64_t>(time);
}

} // namespace

std::string sha1(const std::string& bytes) { return sha1(bytes.data(), bytes.size()); }

std::string PacketRecord::text() const {
    std::ostringstream out;
    out << digest << ' ' << size << ' ' << pts << ' ' << dts << ' ' << duration << ' ' << delta << ' ' << flags << ' '
        << (caps.size() == 40 ? caps : sha1(caps));
    return out.str();
}

PacketRecord PacketRecord::parse(const std::string& text) {
    PacketRecord record;
    std::istringstream in(text);
    in >> record.digest >> record.size >> record.pts >> record.dts >> record.duration >> record.delta >> record.flags >>
        record.caps;
    return record;
}

std::string text_of(const std::vector<PacketRecord>& packets) {
    std::string text;
    for (const PacketRecord& packet : packets) {
        text += packet.text() + "\n";
    }
    return text;
}

std::vector<PacketRecord> parse_packets(const std::string& text) {
    std::vector<PacketRecord> packets;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        packets.push_back(PacketRecord::parse(line));
    }
    return packets;
}

std::vector<PacketRecord> in_running_time(std::vector<PacketRecord> packets, GstClockTime base_time) {
    for (PacketRecord& packet : packets) {
        for (int64_t* time : {&packet.pts, &packet.dts}) {
            *time -= *time == PacketRecord::no_time ? 0 : static_cast<int64_t>(base_time);
        }
    }
    return packets;
}

struct PacketWatch::Notes {
    std::mutex mutex;
    std::vector<PacketRecord> packets;

    void note(GstPad* pad, GstPadProbeInfo* info);
    void note_buffer(GstPad* pad, GstBuffer* buffer);
};

PacketWatch::PacketWatch(GstElement* element, const char* pad)
    : notes_(std::make_shared<Notes>()), pad_(gst_element_get_static_pad(element, pad)) {
    using Shared = std::shared_ptr<Notes>;
    probe_ = gst_pad_add_probe(
        pad_, static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
        [](GstPad* at, GstPadProbeInfo* info, gpointer notes) {
            (*static_cast<Shared*>(notes))->note(at, info);
            return GST_PAD_PROBE_OK;
        },
        new Shared(notes_), [](gpointer notes) { delete static_cast<Shared*>(notes); });
}

PacketWatch::~PacketWatch() {
    gst_pad_remove_probe(pad_, probe_);
    gst_object_unref(pad_);
}

std::string PacketWatch::text() const {
    const std::lock_guard lock(notes_->mutex);
    return text_of(notes_->packets);
}

void PacketWatch::Notes::note(GstPad* pad, GstPadProbeInfo* info) {
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
        note_buffer(pad, GST_PAD_PROBE_INFO_BUFFER(info));
        return;
    }
    GstBufferList* list = GST_PAD_PROBE_INFO_BUFFER_LIST(info);
    for (guint i = 0; i < gst_buffer_list_length(list); ++i) {
        note_buffer(pad, gst_buffer_list_get(list, i));
    }
}

void PacketWatch::Notes::note_buffer(GstPad* pad, GstBuffer* buffer) {
    GstEvent* event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    const GstSegment* segment = nullptr;
    gst_event_parse_segment(event, &segment);
    GstCaps* caps = gst_pad_get_current_caps(pad);
    gchar* const caps_text = gst_caps_to_string(caps);
    GstMapInfo map;
    gst_buffer_map(buffer, &map, GST_MAP_READ);
    PacketRecord packet;
    packet.digest = sha1(map.data, map.size);
    packet.size = map.size;
    packet.pts = running_time(*segment, GST_BUFFER_PTS(buffer));
    packet.dts = running_time(*segment, GST_BUFFER_DTS(buffer));
    packet.duration = number_of(GST_BUFFER_DURATION(buffer));
    packet.delta = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    packet.flags = GST_BUFFER_FLAGS(buffer) & ~memory_flags;
    packet.caps = caps_text;
    gst_buffer_unmap(buffer, &map);
    g_free(caps_text);
    gst_caps_unref(caps);
    gst_event_unref(event);
    const std::lock_guard lock(mutex);
    packets.push_back(packet);
}

PacketReader::PacketReader(const std::string& key, cuframes_start start) {
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.key = key.c_str();
    options.mode = CUFRAMES_MODE_STRICT;
    options.content = CUFRAMES_CONTENT_PACKETS;
    options.start = start;
    if (cuframes_subscriber_create(&options, &subscriber_) != CUFRAMES_OK) {
        throw std::runtime_error(cuframes_last_error_message());
    }
}

PacketReader::~PacketReader() {
    cuframes_packet_unref(packet_);
    cuframes_subscriber_destroy(subscriber_);
}

void PacketReader::connect() {
    if (cuframes_subscriber_connect(subscriber_, scaled(default_limit).count()) != CUFRAMES_OK) {
        throw std::runtime_error(cuframes_last_error_message());
    }
}

PacketView PacketReader::next(milliseconds limit) {
    cuframes_packet_unref(std::exchange(packet_, nullptr));
    const int result = cuframes_subscriber_next_packet(subscriber_, scaled(limit).count(), &packet_);
    if (result == CUFRAMES_ERROR_EOS) {
        return nullptr;
    }
    if (result != CUFRAMES_OK) {
        throw std::runtime_error(cuframes_last_error_message());
    }
    return cuframes_packet_get(packet_);
}

PacketRecord PacketReader::record_of(PacketView packet) {
    PacketRecord record;
    record.digest = sha1(packet->data, packet->size);
    record.size = packet->size;
    record.pts = number_of(packet->pts);
    record.dts = number_of(packet->dts);
    record.duration = number_of(packet->duration);
    record.delta = packet->delta;
    record.flags = packet->flags;
    record.caps = packet->caps;
    return record;
}

std::vector<PacketRecord> PacketReader::read_to_end() {
    std::vector<PacketRecord> packets;
    while (const PacketView packet = next()) {
        packets.push_back(record_of(packet));
    }
    return packets;
}

} // namespace cuframes::test
