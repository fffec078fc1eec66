// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Promise: a reader gets packets or errors out of a packet log whatever its publisher wrote there, sent instead of it, or
// overwrites while it reads; and it comes to an end.
#include "raw_log.h"
#include "subscriber/packet_log/attached_log.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

namespace cuframes::core {
namespace {

constexpr uint64_t second = 1'000'000'000;
constexpr uint64_t count = 20; // With keyframes 1, 6, 11 and 16.

class AttachedLogTest : public testing::Test {
protected:
    AttachedLogTest() : raw_(*sound_log(count), count) {}

    Result<std::shared_ptr<AttachedLog>> open(const Datagram& datagram, const std::optional<StartWish>& wish) {
        return AttachedLog::open(std::make_shared<Link>(), datagram, wish);
    }
    Result<std::shared_ptr<AttachedLog>> open(const std::optional<StartWish>& wish = StartWish{CUFRAMES_START_KEYFRAME,
                                                                                               0, 0}) {
        return open(raw_.datagram(), wish);
    }

    /// A sound log that is begun with its newest keyframe, 16.
    std::shared_ptr<AttachedLog> attached() {
        auto log = open();
        if (!log) {
            throw std::runtime_error(log.error().message);
        }
        return *log;
    }

    /// 0: there is none.
    static uint64_t take(AttachedLog& log) {
        auto took = log.take();
        if (!took) {
            ADD_FAILURE() << took.error().message;
            return 0;
        }
        auto* taken = std::get_if<AttachedLog::Taken>(&*took);
        return taken ? taken->packet->view().sequence : 0;
    }
    static void expect_damage(AttachedLog& log, const char* what) {
        const auto took = log.take();
        ASSERT_FALSE(took) << what;
        EXPECT_EQ(took.error().code, CUFRAMES_ERROR_PROTOCOL) << what;
        EXPECT_NE(took.error().message.find("damaged"), std::string::npos) << took.error().message;
    }

    RawGeneration raw_;
};

TEST_F(AttachedLogTest, ASoundOneIsReadToItsEnd) {
    auto log = attached();
    for (uint64_t next = 16; next <= count; ++next) {
        EXPECT_EQ(take(*log), next);
    }
    EXPECT_EQ(take(*log), 0u);
    EXPECT_EQ(log->window().packets, count);
    EXPECT_EQ(raw_.at<ControlHeader>(0).epoch, log->epoch());
}

TEST_F(AttachedLogTest, MemoryThatCouldBeTakenAwayIsRefused) {
    const UniqueFd unsealed(::memfd_create("raw", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(unsealed.get(), 4 << 20), 0);
    const int control = raw_.control.fd.get(), page = raw_.page.fd.get(), part = raw_.part.fd.get();
    for (const auto& fds : {std::array{unsealed.get(), page, part}, std::array{control, unsealed.get(), part},
                            std::array{control, page, unsealed.get()}}) {
        const auto got = open(raw_.datagram({fds[0], fds[1], fds[2]}), {});
        ASSERT_FALSE(got);
        EXPECT_NE(got.error().message.find("sealed"), std::string::npos) << got.error().message;
    }
}

TEST_F(AttachedLogTest, MemoryShorterThanItSaysIsRefused) {
    const SharedMemory one_page = RawGeneration::make(page_size), half_page = RawGeneration::make(page_size / 2);
    const int control = raw_.control.fd.get(), page = raw_.page.fd.get(), part = raw_.part.fd.get();
    for (const auto& fds : {std::array{one_page.fd.get(), page, part}, std::array{control, half_page.fd.get(), part},
                            std::array{control, page, one_page.fd.get()}}) {
        const auto got = open(raw_.datagram({fds[0], fds[1], fds[2]}), {});
        ASSERT_FALSE(got);
        EXPECT_NE(got.error().message.find("bytes of shared memory"), std::string::npos) << got.error().message;
    }
    const Generation sound = raw_.message;
    for (const uint64_t size : {uint64_t{0}, uint64_t{1}, sound.control_size - 1, sound.control_size + 1, UINT64_MAX}) {
        raw_.message.control_size = size;
        EXPECT_FALSE(open()) << size;
    }
    raw_.message = sound;
    for (const uint64_t size : {uint64_t{0}, sound.parts_size + 1, UINT64_MAX}) {
        raw_.message.parts_size = raw_.header().parts_size = size; // Of one mind, and wrong.
        EXPECT_FALSE(open()) << size;
    }
}

TEST_F(AttachedLogTest, AnotherNumberOfDescriptorsIsRefused) {
    const int control = raw_.control.fd.get(), page = raw_.page.fd.get();
    EXPECT_FALSE(open(raw_.datagram({}), {}));
    EXPECT_FALSE(open(raw_.datagram({control}), {}));
    EXPECT_FALSE(open(raw_.datagram({control, page}), {}));
}

TEST_F(AttachedLogTest, PacketsThatReachBeyondTheLogAreDamage) {
    constexpr uint64_t size = 64 * 1024;
    const std::vector<std::pair<const char*, std::function<void(PacketEntry&)>>> damages = {
        {"begins beyond", [](auto& e) { e.offset = size + 1; }},
        {"begins at the end", [](auto& e) { e.offset = size; }},
        {"ends one too far", [](auto& e) { e.offset = size - e.size + 1; }},
        {"begins far beyond", [](auto& e) { e.offset = UINT64_MAX; }},
        {"overflows", [](auto& e) { e.offset = UINT64_MAX - e.size + 1; }},
        {"too large for the log", [](auto& e) { e.size = size + 1; }},
        {"too large for any", [](auto& e) { e.size = CUFRAMES_MAX_PACKET_SIZE + 1; }},
        {"largest but nothing", [](auto& e) { e.size = PacketEntry::nothing - 1; }},
        {"metadata reaches beyond", [](auto& e) { e.metadata_size = size; }},
        {"metadata too large", [](auto& e) { e.metadata_size = max_metadata_size + 1; }},
        {"metadata without end", [](auto& e) { e.metadata_size = UINT32_MAX; }},
        {"sum without end", [](auto& e) { e.size = CUFRAMES_MAX_PACKET_SIZE, e.metadata_size = max_metadata_size; }},
    };
    for (const auto& [what, damage] : damages) {
        RawGeneration raw(*sound_log(count), count);
        damage(raw.entry(16));
        auto log = open(raw.datagram(), StartWish{CUFRAMES_START_KEYFRAME, 0, 0});
        ASSERT_TRUE(log) << what;
        expect_damage(**log, what);
    }
}

TEST_F(AttachedLogTest, CapsThatAreNoTextAreDamage) {
    raw_.caps(1).text[3] = '\xff';
    expect_damage(*attached(), "no UTF-8");
    raw_.caps(1).size = max_caps_size + 1;
    expect_damage(*attached(), "one byte too many");
    raw_.caps(1).size = UINT32_MAX;
    expect_damage(*attached(), "without end");
}

TEST_F(AttachedLogTest, WindowThatIsNoneIsDamage) {
    auto log = attached();
    PacketWords& words = raw_.packets().words;
    words.newest = Latest{count + raw_.packets().max_count, 0}.pack();
    expect_damage(*log, "more packets than there are entries");
    EXPECT_EQ(log->window().packets, 0u);
    words.newest = UINT64_MAX;
    expect_damage(*log, "the largest number there is");
    words.tail = UINT64_MAX;
    EXPECT_EQ(log->window().packets, 0u);
    words.newest = 0;
    EXPECT_EQ(take(*log), 0u) << "nothing was published";
}

// Numbers that the log goes round with: 0 is none of a packet's, and what comes before it is not the largest.
TEST_F(AttachedLogTest, LookForAKeyframeEnds) {
    for (uint64_t sequence = 0; sequence < raw_.packets().max_count; ++sequence) {
        raw_.entry(sequence).since_keyframe = 0;
        raw_.entry(sequence).pts = 10 * second;
    }
    for (const uint64_t tail : {uint64_t{0}, uint64_t{1}, count, count + 1, UINT64_MAX}) {
        for (const uint64_t position : {uint64_t{0}, count, count + 1, UINT64_MAX}) {
            raw_.packets().words.tail = tail;
            raw_.begin_at(position);
            EXPECT_TRUE(open(StartWish{CUFRAMES_START_TIME, 0, second})) << tail << ", " << position;
            EXPECT_TRUE(open(StartWish{CUFRAMES_START_LIVE, 0, 0})) << tail << ", " << position;
        }
    }
}

TEST_F(AttachedLogTest, KeyframesThatAreNotThereAreNotBegunWith) {
    for (const uint32_t since : {count, uint64_t{UINT32_MAX}, uint64_t{UINT32_MAX} - 1}) {
        raw_.entry(count).since_keyframe = since;
        EXPECT_EQ(take(*attached()), 0u) << since;
    }
}

// Whoever begins behind all that there is waits for what comes.
TEST_F(AttachedLogTest, PositionBehindTheNewestWaits) {
    raw_.begin_at(UINT64_MAX);
    auto log = open(StartWish{CUFRAMES_START_LIVE, 0, 0});
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(take(**log), 0u);
    EXPECT_FALSE((*log)->has_more());
}

} // namespace
} // namespace cuframes::core
