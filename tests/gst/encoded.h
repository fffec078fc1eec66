// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "pipeline.h"

#include <cuframes/cuframes.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace cuframes::test {

/// A packet as an encoder made it. Times begin with 0; those of decoding may lie before that.
struct EncodedPacket {
    std::string bytes;
    std::optional<int64_t> pts, dts, duration;
    bool delta = false;
    guint32 flags = 0;
    std::string caps;
};

/// Pictures that show their number, however lossily they are coded.
constexpr int numbered_width = 128, numbered_height = 96;
std::string numbered_caps(int rate);
std::vector<guint8> numbered_picture(unsigned number); ///< I420.
/// Of a sample in GRAY8, or whose first plane is luma.
unsigned number_in_picture(GstSample* sample);

/// What `encoder`, the elements from raw pictures to packets, makes of numbered pictures.
std::vector<EncodedPacket> encode(const std::string& encoder, unsigned pictures, int rate = 25, unsigned first = 0);
/// Sound in packets of 20 ms, whose first sample is their number.
std::vector<EncodedPacket> numbered_sound(unsigned packets);

/// Publishes packets as if they had been captured in this second and those before.
class PacketCamera {
public:
    PacketCamera(const std::string& key, std::vector<EncodedPacket> packets);
    /// With options of the caller's.
    PacketCamera(const cuframes_publisher_options& options, std::vector<EncodedPacket> packets);
    PacketCamera(const PacketCamera&) = delete;
    PacketCamera& operator=(const PacketCamera&) = delete;
    ~PacketCamera() { stop(); }

    /// The first `count` at once, the last of them captured just now, or with that moment given at which what has the time 0
    /// was.
    void publish_past(size_t count, std::optional<int64_t> begin = {});
    /// The next `count` at once, as of the same moment as those before.
    void publish(size_t count);
    /// The next one, captured at that time; those that follow have their distance to it.
    void publish_at(int64_t captured);
    /// The rest, each at its time, in a thread.
    void run();
    void stop();
    void end() { check(publisher_.eos()); }

    Publisher& publisher() { return publisher_; }
    const std::vector<EncodedPacket>& packets() const { return packets_; }
    size_t published() const { return next_; }
    /// When what has the time 0 was captured, in CLOCK_MONOTONIC.
    int64_t begin() const { return begin_; }

private:
    static void check(const Status& status);
    int64_t step() const;
    int64_t most_ahead() const;
    void publish_next();

    Publisher publisher_;
    std::vector<EncodedPacket> packets_;
    std::string caps_;
    int64_t begin_ = 0;
    std::atomic<size_t> next_ = 0;
    std::atomic<bool> stops_ = false;
    std::thread thread_;
};

int64_t monotonic_now();

} // namespace cuframes::test
