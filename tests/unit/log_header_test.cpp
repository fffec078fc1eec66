// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Promise: nothing in the header of a peer's packet log is believed unchecked, and no check reads what is not there.
#include "protocol/validate.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace cuframes;
using namespace cuframes::core;

/// A valid control memory for tests to damage, of exactly its size, so that sanitizers see what reads beyond.
class LogHeaderTest : public testing::Test {
protected:
    static constexpr uint32_t headers_size = sizeof(ControlHeader) + sizeof(PacketsHeader);
    static constexpr uint32_t count = 4;
    static constexpr uint32_t caps_begin = headers_size + count * sizeof(PacketEntry);
    static constexpr uint64_t control_size = caps_begin + packet_caps * sizeof(CapsEntry);
    static constexpr uint64_t bytes_size = 64 * 1024;

    LogHeaderTest() { make_sound(); }

    void make_sound() {
        memory_.assign(control_size, std::byte{0});
        header().magic = control_magic;
        header().version = protocol_version;
        header().header_size = sizeof(ControlHeader);
        header().content = static_cast<uint32_t>(ContentKind::packets);
        header().epoch = 7;
        header().first_sequence = 1;
        header().control_size = control_size;
        header().parts_size = bytes_size;
        packets().max_time = 15;
        packets().max_count = count;
        packets().entries_offset = headers_size;
        packets().caps_offset = caps_begin;
    }

    ControlHeader& header() { return *reinterpret_cast<ControlHeader*>(memory_.data()); }
    PacketsHeader& packets() { return *reinterpret_cast<PacketsHeader*>(memory_.data() + sizeof(ControlHeader)); }
    Result<LogDescription> read() { return read_log_header(memory_.data(), memory_.size(), bytes_size); }

    struct Damage {
        const char* what;
        std::function<void(ControlHeader&, PacketsHeader&)> done;
        const char* told; ///< What the error has to say of it.
    };
    /// Each by itself is refused, as damage of the publisher's, and named.
    void expect_refused(const std::vector<Damage>& damages) {
        for (const Damage& damage : damages) {
            SCOPED_TRACE(damage.what);
            make_sound();
            damage.done(header(), packets());
            const auto got = read();
            ASSERT_FALSE(got);
            EXPECT_EQ(got.error().code, CUFRAMES_ERROR_PROTOCOL);
            EXPECT_NE(got.error().message.find(damage.told), std::string::npos) << got.error().message;
        }
    }

    std::vector<std::byte> memory_;
};

TEST_F(LogHeaderTest, ASoundOneIsCopiedOut) {
    auto log = read();
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(log->control.epoch, 7u);
    EXPECT_EQ(log->control.first_sequence, 1u);
    EXPECT_EQ(log->control.control_size, control_size);
    EXPECT_EQ(log->control.parts_size, bytes_size);
    EXPECT_EQ(log->max_time, 15u);
    EXPECT_EQ(log->max_count, count);
    EXPECT_EQ(log->entries_offset, headers_size);
    EXPECT_EQ(log->caps_offset, caps_begin);
}

TEST_F(LogHeaderTest, AnotherVersionIsRefusedAsSuch) {
    for (const uint32_t version : {0u, protocol_version - 1, protocol_version + 1, UINT32_MAX}) {
        header().version = version;
        const auto got = read();
        ASSERT_FALSE(got) << version;
        EXPECT_EQ(got.error().code, CUFRAMES_ERROR_VERSION_MISMATCH);
        EXPECT_NE(got.error().message.find(std::to_string(version)), std::string::npos) << got.error().message;
    }
}

TEST_F(LogHeaderTest, WhatIsNoPacketLogIsRefused) {
    expect_refused({
        {"no magic", [](auto& h, auto&) { h.magic = 0; }, "begin"},
        {"magic the wrong way round", [](auto& h, auto&) { h.magic = __builtin_bswap64(control_magic); }, "begin"},
        {"frames", [](auto& h, auto&) { h.content = static_cast<uint32_t>(ContentKind::frames); }, "content 1"},
        {"no content", [](auto& h, auto&) { h.content = 0; }, "content 0"},
        {"bits of contents", [](auto& h, auto&) { h.content = bit_of(ContentKind::packets); }, "content 4"},
        {"a header of nothing", [](auto& h, auto&) { h.header_size = 0; }, "header of 0"},
        {"a longer header", [](auto& h, auto&) { h.header_size += 64; }, "header of"},
        {"a header without end", [](auto& h, auto&) { h.header_size = UINT32_MAX; }, "header of"},
    });
}

TEST_F(LogHeaderTest, SizesThatContradictTheMessageAreRefused) {
    expect_refused({
        {"less control memory", [](auto& h, auto&) { h.control_size -= 1; }, "contradict"},
        {"more control memory", [](auto& h, auto&) { h.control_size += 1; }, "contradict"},
        {"all control memory", [](auto& h, auto&) { h.control_size = UINT64_MAX; }, "contradict"},
        {"no bytes", [](auto& h, auto&) { h.parts_size = 0; }, "contradict"},
        {"more bytes", [](auto& h, auto&) { h.parts_size += 1; }, "contradict"},
        {"all bytes", [](auto& h, auto&) { h.parts_size = UINT64_MAX; }, "contradict"},
    });
}

// Each offset and count as it is one too far, at the end, and where the sum or the product of them overflows.
TEST_F(LogHeaderTest, NothingMayReachBeyondWhatWasMapped) {
    constexpr auto end = static_cast<uint32_t>(control_size);
    constexpr uint32_t most = (end - headers_size) / sizeof(PacketEntry);
    packets().max_count = most; // Over the caps, which is the publisher's own loss.
    EXPECT_TRUE(read());
    expect_refused({
        {"no packets", [](auto&, auto& h) { h.max_count = 0; }, "0 packets"},
        {"a packet too many", [](auto&, auto& h) { h.max_count = most + 1; }, "reach beyond"},
        {"packets of 4 GB", [](auto&, auto& h) { h.max_count = 1 << 26; }, "reach beyond"},
        {"packets without end", [](auto&, auto& h) { h.max_count = UINT32_MAX; }, "reach beyond"},
        {"entries at the end", [](auto&, auto& h) { h.entries_offset = end / 64 * 64; }, "reach beyond"},
        {"entries one too far", [](auto&, auto& h) { h.entries_offset = (end - 192) / 64 * 64; }, "reach beyond"},
        {"entries beyond", [](auto&, auto& h) { h.entries_offset = end / 64 * 64 + 64; }, "reach beyond"},
        {"entries far beyond", [](auto&, auto& h) { h.entries_offset = UINT32_MAX - 63; }, "reach beyond"},
        {"entries between words", [](auto&, auto& h) { h.entries_offset += 1; }, "reach beyond"},
        {"entries between lines", [](auto&, auto& h) { h.entries_offset += 8; }, "reach beyond"},
        {"caps one too far", [](auto&, auto& h) { h.caps_offset += 4; }, "reach beyond"},
        {"caps at the end", [](auto&, auto& h) { h.caps_offset = end; }, "reach beyond"},
        {"caps beyond", [](auto&, auto& h) { h.caps_offset = end + 4; }, "reach beyond"},
        {"caps far beyond", [](auto&, auto& h) { h.caps_offset = UINT32_MAX - 3; }, "reach beyond"},
        {"caps between words", [](auto&, auto& h) { h.caps_offset -= 1; }, "reach beyond"},
    });
}

TEST_F(LogHeaderTest, MemoryShorterThanItsHeadersIsRefused) {
    const std::vector<std::byte> sound = memory_;
    for (const size_t size : {size_t{0}, size_t{1}, size_t{8}, size_t{16}, sizeof(ControlHeader) - 1,
                              sizeof(ControlHeader), sizeof(ControlHeader) + 1, size_t{headers_size} - 1,
                              size_t{headers_size}, size_t{caps_begin}, size_t{control_size} - 1}) {
        memory_.assign(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(size));
        memory_.shrink_to_fit();
        if (size >= sizeof(ControlHeader)) {
            header().control_size = size;
        }
        const auto got = read();
        ASSERT_FALSE(got) << size;
        EXPECT_EQ(got.error().code, CUFRAMES_ERROR_PROTOCOL);
        const char* told = size < headers_size ? "only" : "reach beyond";
        EXPECT_NE(got.error().message.find(told), std::string::npos) << size << ": " << got.error().message;
    }
}

TEST_F(LogHeaderTest, RandomPlacesNeverGetPastTheChecks) {
    std::mt19937 random(20261126);
    int sound = 0;
    for (int round = 0; round < 20000; ++round) {
        packets().max_count = random() >> random() % 32;
        packets().entries_offset = random() >> random() % 32;
        packets().caps_offset = random() >> random() % 32;
        if (random() % 2 == 0) {
            packets().entries_offset = packets().entries_offset / 64 * 64;
            packets().caps_offset = packets().caps_offset / 4 * 4;
        }
        if (auto log = read()) {
            sound += 1;
            EXPECT_GT(log->max_count, 0u);
            EXPECT_LE(log->entries_offset + log->max_count * sizeof(PacketEntry), control_size);
            EXPECT_LE(log->caps_offset + packet_caps * sizeof(CapsEntry), control_size);
            EXPECT_EQ(log->entries_offset % alignof(PacketEntry), 0u);
        }
    }
    EXPECT_GT(sound, 100) << "none of them got behind the first check";
}

} // namespace
