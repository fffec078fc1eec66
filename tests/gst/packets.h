// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "deadline.h"

#include <cuframes/cuframes.h>
#include <gst/gst.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cuframes::test {

/// A packet as it went by somewhere. Times are running times, which may be negative, but where it is said otherwise.
struct PacketRecord {
    static constexpr int64_t no_time = INT64_MIN;

    std::string digest; ///< SHA-1 of its bytes.
    uint64_t size = 0;
    int64_t pts = no_time, dts = no_time, duration = no_time;
    bool delta = false;
    uint32_t flags = 0; ///< GstBufferFlags, those of memory management left out.
    std::string caps;

    /// On one line but for the caps, of which a digest is there: equal texts are equal packets.
    std::string text() const;
    static PacketRecord parse(const std::string& text);
};

/// The texts, one on each line, for comparisons that say what differs.
std::string text_of(const std::vector<PacketRecord>& packets);
std::vector<PacketRecord> parse_packets(const std::string& text);
/// Times of capture as running times of a pipeline on the system clock.
std::vector<PacketRecord> in_running_time(std::vector<PacketRecord> packets, GstClockTime base_time);

/// Of packets, as records have it.
std::string sha1(const std::string& bytes);

/// Notes all buffers that pass a pad of an element, until it is destroyed: at any time, also while some pass.
class PacketWatch {
public:
    explicit PacketWatch(GstElement* element, const char* pad = "sink");
    PacketWatch(const PacketWatch&) = delete;
    PacketWatch& operator=(const PacketWatch&) = delete;
    ~PacketWatch();

    std::string text() const;

private:
    struct Notes;

    std::shared_ptr<Notes> notes_; ///< The streaming thread may still be with it.
    GstPad* pad_;
    gulong probe_;
};

/// A packet that was received; valid until the next one is.
using PacketView = const cuframes_packet_view*;

/// A subscriber of packets through the C API.
class PacketReader {
public:
    explicit PacketReader(const std::string& key, cuframes_start start = CUFRAMES_START_LIVE);
    PacketReader(const PacketReader&) = delete;
    PacketReader& operator=(const PacketReader&) = delete;
    ~PacketReader();

    /// Waits until a publisher has admitted it.
    void connect();
    /// NULL at the end of the stream; throws what else ends the wait.
    PacketView next(milliseconds limit = default_limit);
    /// All until the end of the stream, with times in CLOCK_MONOTONIC.
    std::vector<PacketRecord> read_to_end();
    static PacketRecord record_of(PacketView packet);

private:
    cuframes_subscriber* subscriber_ = nullptr;
    cuframes_packet* packet_ = nullptr;
};

} // namespace cuframes::test
