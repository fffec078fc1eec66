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

TEST(Geometry, IsTheSameBehindTheWire) {
    cuframes_geometry before = nv12(66, 47);
    before.struct_size = sizeof(before);
    const cuframes_geometry after = from_wire(to_wire(before));
    EXPECT_EQ(std::memcmp(&before, &after, sizeof(before)), 0);
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
        header().magic = control_magic;
        header().version = protocol_version;
        header().header_size = sizeof(ControlHeader);
        header().content = static_cast<uint32_t>(ContentKind::frames);
        header().epoch = 7;
        header().first_sequence = 1;
        header().control_size = memory_.size();
        header().parts_size = frames_size;
        frames().slot_stride = 8192;
        frames().chunk_stride = frames_size;
        frames().slot_count = 8;
        frames().chunk_slots = 8;
        frames().memory = CUFRAMES_MEMORY_HOST;
        frames().caps_offset = headers_size;
        frames().caps_size = 4;
        frames().records_offset = 2560;
        frames().metadata_offset = 4096;
        frames().metadata_stride = 4096;
        frames().geometry = to_wire(nv12(64, 48));
        std::memcpy(memory_.data() + headers_size, "caps", 4);
    }

    static constexpr uint32_t headers_size = sizeof(ControlHeader) + sizeof(FramesHeader);

    ControlHeader& header() { return *reinterpret_cast<ControlHeader*>(memory_.data()); }
    FramesHeader& frames() { return *reinterpret_cast<FramesHeader*>(memory_.data() + sizeof(ControlHeader)); }
    Result<RingDescription> read() { return read_ring_header(memory_.data(), memory_.size(), frames_size); }

    alignas(64) std::array<std::byte, 4096 + 8 * 4096> memory_ = {};
};

TEST_F(RingHeaderTest, ASoundOneIsCopiedOut) {
    auto ring = read();
    ASSERT_TRUE(ring) << ring.error().message;
    EXPECT_EQ(ring->control.epoch, 7u);
    EXPECT_EQ(ring->caps, "caps");
    EXPECT_EQ(ring->slot_count, 8u);
}

TEST_F(RingHeaderTest, AnotherVersionIsRefusedAsSuch) {
    header().version += 1;
    ASSERT_FALSE(read());
    EXPECT_EQ(read().error().code, CUFRAMES_ERROR_VERSION_MISMATCH);
}

TEST_F(RingHeaderTest, NothingMayReachBeyondWhatWasMapped) {
    const std::vector<std::function<void(ControlHeader&, FramesHeader&)>> damages = {
        [](auto& h, auto&) { h.magic = 0; },
        [](auto& h, auto&) { h.header_size = 8; },
        [](auto& h, auto&) { h.content = static_cast<uint32_t>(ContentKind::experiment); },
        [](auto&, auto& h) { h.memory = 9; },
        [](auto& h, auto&) { h.control_size += 1; },
        [](auto& h, auto&) { h.parts_size += 1; },
        [](auto&, auto& h) { h.slot_count = 0; },
        [](auto&, auto& h) { h.slot_count = 1 << 20; },
        [](auto&, auto& h) { h.slot_stride = UINT64_MAX; },
        [](auto&, auto& h) { h.slot_stride = 4096; },
        [](auto&, auto& h) { h.caps_size = 1 << 20; },
        [](auto&, auto& h) { h.caps_offset = UINT32_MAX; },
        [](auto&, auto& h) { h.records_offset = UINT32_MAX - 63; },
        [](auto&, auto& h) { h.records_offset = 513; },
        [](auto&, auto& h) { h.metadata_stride = 1 << 30; },
        [](auto&, auto& h) { h.metadata_offset = 8192; },
        [](auto&, auto& h) { h.geometry.planes[0].offset = 1 << 30; },
    };
    const auto sound = memory_;
    for (size_t i = 0; i < damages.size(); ++i) {
        memory_ = sound;
        damages[i](header(), frames());
        EXPECT_FALSE(read()) << "damage " << i;
    }
    memory_ = sound;
    for (const uint64_t size : {uint64_t{16}, uint64_t{sizeof(ControlHeader)}, uint64_t{headers_size - 1}}) {
        header().control_size = size;
        EXPECT_FALSE(read_ring_header(memory_.data(), size, frames_size)) << size;
    }
}

TEST_F(RingHeaderTest, RandomBytesNeverGetPastTheChecks) {
    // With ASan this also shows that no check reads beyond the memory.
    std::mt19937 random(20261122);
    const auto sound = memory_;
    for (int round = 0; round < 20000; ++round) {
        memory_ = sound;
        for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
            memory_[random() % headers_size] ^= static_cast<std::byte>(1u << random() % 8);
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
