// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: nothing that comes from outside, a caller's geometry, a key or a peer's ring header, is believed unchecked.
#include "protocol/validate.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <vector>

namespace {

using namespace cuframes;
using namespace cuframes::core;

cuframes_geometry nv12(uint32_t width, uint32_t height) {
    cuframes_geometry g = {};
    g.width = width;
    g.height = height;
    std::strcpy(g.format, "NV12");
    g.plane_count = 2;
    const uint32_t pitch = (width + 3) / 4 * 4;
    g.planes[0] = {0, pitch, width, height, 0};
    g.planes[1] = {uint64_t{pitch} * height, pitch, (width + 1) / 2 * 2, (height + 1) / 2, 0};
    g.frame_size = uint64_t{pitch} * height + uint64_t{pitch} * ((height + 1) / 2);
    return g;
}

TEST(Geometry, SoundOnesPass) {
    EXPECT_TRUE(check_geometry(nv12(1920, 1080)));
    EXPECT_TRUE(check_geometry(nv12(66, 47)));
    EXPECT_TRUE(check_geometry(nv12(1, 1)));
}

TEST(Geometry, TheLastRowMayEndBeforeItsPitch) {
    cuframes_geometry g = nv12(66, 2);
    g.frame_size -= 2;
    EXPECT_TRUE(check_geometry(g));
    g.frame_size -= 1;
    EXPECT_FALSE(check_geometry(g));
}

TEST(Geometry, ComesBackFromTheWireAsItWas) {
    const cuframes_geometry before = nv12(1920, 1080);
    const cuframes_geometry after = from_wire(to_wire(before));
    EXPECT_EQ(after.struct_size, sizeof(after));
    EXPECT_EQ(std::memcmp(&before.plane_count, &after.plane_count, sizeof(after) - sizeof(after.struct_size)), 0);
}

TEST(Geometry, EachWrongFieldIsNamed) {
    const std::vector<std::pair<const char*, std::function<void(cuframes_geometry&)>>> breakages = {
        {"0x", [](auto& g) { g.width = 0; }},
        {"65537", [](auto& g) { g.height = 65537; }},
        {"planes", [](auto& g) { g.plane_count = 0; }},
        {"planes", [](auto& g) { g.plane_count = 5; }},
        {"terminated", [](auto& g) { std::memset(g.format, 'x', sizeof(g.format)); }},
        {"frame_size", [](auto& g) { g.frame_size = 0; }},
        {"pitch", [](auto& g) { g.planes[0].pitch = 1; }},
        {"plane 1", [](auto& g) { g.planes[1].rows = 0; }},
        {"plane 1", [](auto& g) { g.planes[1].offset = UINT64_MAX - 10; }},
        {"plane 0", [](auto& g) { g.planes[0].rows = UINT32_MAX; }},
    };
    for (const auto& [named, damage] : breakages) {
        cuframes_geometry g = nv12(64, 48);
        damage(g);
        auto checked = check_geometry(g);
        ASSERT_FALSE(checked) << named;
        EXPECT_NE(checked.error().message.find(named), std::string::npos) << checked.error().message;
    }
}

TEST(Key, OnlyNamesThatAreSafeAsFileNamesPass) {
    for (const char* good : {"a", "cam-gate", "cam_1.h264", "A9"}) {
        EXPECT_TRUE(check_key(good)) << good;
    }
    for (const char* bad : {"", "a/b", "..", ".hidden", "a b", "cam\n", "käse"}) {
        auto checked = check_key(bad);
        ASSERT_FALSE(checked) << bad;
        EXPECT_EQ(checked.error().code, CUFRAMES_ERROR_INVALID_KEY);
    }
    EXPECT_FALSE(check_key(nullptr));
    EXPECT_TRUE(check_key(std::string(64, 'k').c_str()));
    EXPECT_FALSE(check_key(std::string(65, 'k').c_str()));
}

/// A valid control memory for tests to damage.
class RingHeaderTest : public testing::Test {
protected:
    static constexpr uint64_t frames_size = 8 * 8192;

    RingHeaderTest() {
        header().magic = ring_magic;
        header().version = protocol_version;
        header().header_size = sizeof(RingHeader);
        header().epoch = 7;
        header().first_sequence = 1;
        header().control_size = memory_.size();
        header().frames_size = frames_size;
        header().slot_stride = 8192;
        header().chunk_stride = frames_size;
        header().slot_count = 8;
        header().chunk_slots = 8;
        header().memory = CUFRAMES_MEMORY_HOST;
        header().caps_offset = sizeof(RingHeader);
        header().caps_size = 4;
        header().records_offset = 512;
        header().metadata_offset = 4096;
        header().metadata_stride = 4096;
        header().geometry = to_wire(nv12(64, 48));
        std::memcpy(memory_.data() + sizeof(RingHeader), "caps", 4);
    }

    RingHeader& header() { return *reinterpret_cast<RingHeader*>(memory_.data()); }
    Result<RingDescription> read() { return read_ring_header(memory_.data(), memory_.size(), frames_size); }

    alignas(64) std::array<std::byte, 4096 + 8 * 4096> memory_ = {};
};

TEST_F(RingHeaderTest, ASoundOneIsCopiedOut) {
    auto ring = read();
    ASSERT_TRUE(ring) << ring.error().message;
    EXPECT_EQ(ring->epoch, 7u);
    EXPECT_EQ(ring->caps, "caps");
    EXPECT_EQ(ring->slot_count, 8u);
}

TEST_F(RingHeaderTest, AnotherVersionIsRefusedAsSuch) {
    header().version += 1;
    ASSERT_FALSE(read());
    EXPECT_EQ(read().error().code, CUFRAMES_ERROR_VERSION_MISMATCH);
}

TEST_F(RingHeaderTest, NothingMayReachBeyondWhatWasMapped) {
    const std::vector<std::function<void(RingHeader&)>> damages = {
        [](auto& h) { h.magic = 0; },
        [](auto& h) { h.header_size = 8; },
        [](auto& h) { h.memory = 9; },
        [](auto& h) { h.control_size += 1; },
        [](auto& h) { h.frames_size += 1; },
        [](auto& h) { h.slot_count = 0; },
        [](auto& h) { h.slot_count = 1 << 20; },
        [](auto& h) { h.slot_stride = UINT64_MAX; },
        [](auto& h) { h.slot_stride = 4096; },
        [](auto& h) { h.caps_size = 1 << 20; },
        [](auto& h) { h.caps_offset = UINT32_MAX; },
        [](auto& h) { h.records_offset = UINT32_MAX - 63; },
        [](auto& h) { h.records_offset = 513; },
        [](auto& h) { h.metadata_stride = 1 << 30; },
        [](auto& h) { h.metadata_offset = 8192; },
        [](auto& h) { h.geometry.planes[0].offset = 1 << 30; },
    };
    const auto sound = memory_;
    for (size_t i = 0; i < damages.size(); ++i) {
        memory_ = sound;
        damages[i](header());
        EXPECT_FALSE(read()) << "damage " << i;
    }
    EXPECT_FALSE(read_ring_header(memory_.data(), 16, frames_size));
}

TEST_F(RingHeaderTest, RandomBytesNeverGetPastTheChecks) {
    // With ASan this also shows that no check reads beyond the memory.
    std::mt19937 random(20261122);
    const auto sound = memory_;
    for (int round = 0; round < 20000; ++round) {
        memory_ = sound;
        for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
            memory_[random() % sizeof(RingHeader)] ^= static_cast<std::byte>(1u << random() % 8);
        }
        if (auto ring = read()) {
            EXPECT_LE(uint64_t{ring->slot_count} * ring->slot_stride, frames_size);
            EXPECT_LE(ring->records_offset + ring->slot_count * sizeof(SlotRecord), memory_.size());
            EXPECT_LE(ring->metadata_offset + uint64_t{ring->slot_count} * ring->metadata_stride, memory_.size());
            EXPECT_TRUE(check_geometry(ring->geometry));
        }
    }
}

} // namespace
