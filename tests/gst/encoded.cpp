// SPDX-License-Identifier: LGPL-2.1-or-later
#include "encoded.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#include <algorithm>
#include <stdexcept>

namespace cuframes::test {
namespace {

constexpr int cell = 32, cells_in_row = numbered_width / cell, cells = cells_in_row * numbered_height / cell;

std::optional<int64_t> running_time(const GstSegment* segment, GstClockTime time) {
    guint64 distance = 0;
    const gint sign =
        GST_CLOCK_TIME_IS_VALID(time) ? gst_segment_to_running_time_full(segment, GST_FORMAT_TIME, time, &distance) : 0;
    return sign == 0 ? std::nullopt : std::optional(sign * static_cast<int64_t>(distance));
}

EncodedPacket packet_of(GstSample* sample) {
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    const GstSegment* segment = gst_sample_get_segment(sample);
    EncodedPacket packet;
    GstMapInfo map;
    gst_buffer_map(buffer, &map, GST_MAP_READ);
    packet.bytes.assign(reinterpret_cast<const char*>(map.data), map.size);
    gst_buffer_unmap(buffer, &map);
    packet.pts = running_time(segment, GST_BUFFER_PTS(buffer));
    packet.dts = running_time(segment, GST_BUFFER_DTS(buffer));
    if (GST_BUFFER_DURATION_IS_VALID(buffer)) {
        packet.duration = static_cast<int64_t>(GST_BUFFER_DURATION(buffer));
    }
    packet.flags = GST_BUFFER_FLAGS(buffer) & (GST_BUFFER_FLAG_MARKER | GST_BUFFER_FLAG_HEADER);
    packet.delta = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    gchar* caps = gst_caps_to_string(gst_sample_get_caps(sample));
    packet.caps = caps;
    g_free(caps);
    return packet;
}

cuframes_optional optional_at(int64_t begin, const std::optional<int64_t>& time) {
    return time ? cuframes_some(static_cast<uint64_t>(begin + *time)) : cuframes_optional{};
}

cuframes_publisher_options packets_of(const std::string& key) {
    cuframes_publisher_options options = publisher_options(key.c_str());
    options.content = CUFRAMES_CONTENT_PACKETS;
    return options;
}

Publisher made(const cuframes_publisher_options& options) {
    auto publisher = Publisher::create(options);
    if (!publisher) {
        throw std::runtime_error(publisher.error().message);
    }
    return std::move(*publisher);
}

} // namespace

int64_t monotonic_now() { return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count(); }

std::string numbered_caps(int rate) {
    return "video/x-raw,format=I420,width=" + std::to_string(numbered_width) +
           ",height=" + std::to_string(numbered_height) + ",framerate=" + std::to_string(rate) + "/1";
}

std::vector<guint8> numbered_picture(unsigned number) {
    constexpr size_t luma = size_t{numbered_width} * numbered_height;
    std::vector<guint8> picture(luma * 3 / 2, 128);
    for (size_t at = 0; at < luma; ++at) {
        const size_t x = at % numbered_width / cell, y = at / numbered_width / cell;
        picture[at] = number >> (y * cells_in_row + x) & 1 ? 220 : 32;
    }
    return picture;
}

unsigned number_in_picture(GstSample* sample) {
    GstMapInfo map;
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    gst_buffer_map(buffer, &map, GST_MAP_READ);
    unsigned number = 0;
    for (int i = 0; i < cells; ++i) {
        const int x = i % cells_in_row * cell + cell / 2, y = i / cells_in_row * cell + cell / 2;
        number |= (map.data[y * numbered_width + x] > 126 ? 1U : 0U) << i;
    }
    gst_buffer_unmap(buffer, &map);
    return number;
}

std::vector<EncodedPacket> encode(const std::string& encoder, unsigned pictures, int rate, unsigned first) {
    Pipeline pipeline("appsrc name=in format=time caps=" + numbered_caps(rate) + " ! " + encoder +
                      " ! appsink name=out sync=false");
    pipeline.play();
    GstAppSrc* in = GST_APP_SRC(pipeline.element("in"));
    for (unsigned i = 0; i < pictures; ++i) {
        const std::vector<guint8> picture = numbered_picture(first + i);
        GstBuffer* buffer = gst_buffer_new_memdup(picture.data(), picture.size());
        GST_BUFFER_PTS(buffer) = i * GST_SECOND / static_cast<guint64>(rate);
        GST_BUFFER_DURATION(buffer) = GST_SECOND / static_cast<guint64>(rate);
        gst_app_src_push_buffer(in, buffer);
    }
    gst_app_src_end_of_stream(in);
    std::vector<EncodedPacket> packets;
    while (const Sample sample = pipeline.pull()) {
        packets.push_back(packet_of(sample.get()));
    }
    if (packets.size() != pictures) {
        throw std::runtime_error(encoder + " made " + std::to_string(packets.size()) + " packets of " +
                                 std::to_string(pictures) + " pictures");
    }
    return packets;
}

std::vector<EncodedPacket> numbered_sound(unsigned packets) {
    constexpr unsigned samples = 320; // of 16 kHz
    std::vector<EncodedPacket> sound(packets);
    for (unsigned i = 0; i < packets; ++i) {
        std::vector<int16_t> pcm(samples, static_cast<int16_t>(i));
        sound[i].bytes.assign(reinterpret_cast<const char*>(pcm.data()), samples * sizeof(int16_t));
        sound[i].pts = i * 20'000'000LL;
        sound[i].duration = 20'000'000;
        sound[i].caps = "audio/x-raw,format=S16LE,layout=interleaved,rate=16000,channels=1";
    }
    return sound;
}

PacketCamera::PacketCamera(const std::string& key, std::vector<EncodedPacket> packets)
    : PacketCamera(packets_of(key), std::move(packets)) {}

PacketCamera::PacketCamera(const cuframes_publisher_options& options, std::vector<EncodedPacket> packets)
    : publisher_(made(options)), packets_(std::move(packets)) {}

void PacketCamera::check(const Status& status) {
    if (!status) {
        throw std::runtime_error(status.error().message);
    }
}

void PacketCamera::publish_past(size_t count, std::optional<int64_t> begin) {
    // What is published at once lies far back, and a reader that measures would take that for lateness.
    check(publisher_.set_latency(static_cast<uint64_t>(step())));
    begin_ = begin.value_or(monotonic_now() - static_cast<int64_t>(count) * step() - most_ahead());
    publish(count);
}

int64_t PacketCamera::step() const { return packets_[0].duration.value_or(40'000'000); }

/// How far a packet's picture lies ahead of its place in the stream: those that are decoded first are shown last.
int64_t PacketCamera::most_ahead() const {
    int64_t most = 0;
    for (size_t i = 0; i < packets_.size(); ++i) {
        most = std::max(most, packets_[i].pts.value_or(0) - static_cast<int64_t>(i) * step());
    }
    return most;
}

void PacketCamera::publish(size_t count) {
    for (size_t i = 0; i < count; ++i) {
        publish_next();
    }
}

void PacketCamera::publish_next() {
    const EncodedPacket& packet = packets_.at(next_);
    if (packet.caps != caps_) {
        caps_ = packet.caps;
        check(publisher_.set_caps(caps_.c_str()));
    }
    cuframes_packet_info info = packet_info();
    info.pts = optional_at(begin_, packet.pts);
    info.dts = optional_at(begin_, packet.dts);
    info.duration = optional_at(0, packet.duration);
    info.delta = packet.delta;
    info.flags = packet.flags;
    check(publisher_.publish_packet(packet.bytes.data(), packet.bytes.size(), info));
    ++next_;
}

void PacketCamera::publish_at(int64_t captured) {
    begin_ = captured - packets_.at(next_).pts.value_or(0);
    publish_next();
}

void PacketCamera::run() {
    // In the order of decoding, one for each picture that has been captured.
    thread_ = std::thread([this] {
        const int64_t first = monotonic_now();
        const size_t before = next_;
        while (next_ < packets_.size() && !stops_) {
            const auto due = std::chrono::nanoseconds(first + static_cast<int64_t>(next_ - before) * step());
            std::this_thread::sleep_until(Clock::time_point(due));
            if (!stops_) {
                publish_next();
            }
        }
    });
}

void PacketCamera::stop() {
    stops_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
}

} // namespace cuframes::test
