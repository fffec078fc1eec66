// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Packets between processes, in numbers: nothing is lost where that is promised, whoever dies, and nothing grows.
#include "ring_test.h"

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>

namespace cuframes::test {

using PacketStream = RingTest;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
constexpr int64_t packets = sanitized ? 20'000 : 100'000;

/// What a process has, as the kernel counts it.
struct Holdings {
    uint64_t descriptors = 0, memfd_blocks = 0, resident_kb = 0;

    explicit Holdings(pid_t pid) {
        const std::string process = "/proc/" + std::to_string(pid);
        for (const auto& entry : std::filesystem::directory_iterator(process + "/fd")) {
            std::error_code gone;
            struct stat status = {};
            descriptors += 1;
            if (std::filesystem::read_symlink(entry.path(), gone).string().starts_with("/memfd:") &&
                ::stat(entry.path().c_str(), &status) == 0) {
                memfd_blocks += static_cast<uint64_t>(status.st_blocks);
            }
        }
        std::ifstream file(process + "/status");
        for (std::string word; file >> word;) {
            if (word == "VmRSS:") {
                file >> resident_kb;
            }
        }
    }
};

} // namespace

// Each packet is whole and in its place at four strict readers, while others come, read and are killed.
TEST_P(PacketStream, WaitPolicyLosesNothingWhoeverDies) {
    PublisherProcess publisher(*this, "slots=64 policy=wait wait_ms=60000");
    std::array<std::unique_ptr<SubscriberProcess>, 4> readers;
    const std::string all = "read count=" + std::to_string(packets);
    for (auto& reader : readers) {
        reader = std::make_unique<SubscriberProcess>(*this, "mode=strict");
        reader->attach();
        reader->send(all);
    }
    publisher.send("publish count=" + std::to_string(packets));
    for (int killed = 0; killed < 20; ++killed) {
        SubscriberProcess other(*this, "mode=strict");
        other.call("read count=1"); // One that comes when all is published still finds the last ones.
        other.send("read count=1000000");
        other.kill();
    }
    for (auto& reader : readers) {
        const Message seen = reader->answer(all, milliseconds(120'000));
        EXPECT_EQ(seen.number("received"), packets);
        EXPECT_EQ(seen.number("missed"), 0);
        EXPECT_EQ(seen.number("first"), 1);
    }
    EXPECT_EQ(publisher.answer("publish").number("last"), packets);
    EXPECT_EQ(publisher.stat("dropped"), 0u);
}

// Under `drop` a reader that was stopped is told exactly what it lost, and what it gets is whole.
TEST_P(PacketStream, StoppedReaderKnowsWhatItLost) {
    PublisherProcess publisher(*this, "slots=64");
    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    publisher.call("publish count=10");
    reader.call("read count=10");
    reader.send("read until=eos");
    reader.stop();
    publisher.call("publish count=5000");
    publisher.call("eos");
    reader.resume();
    const Message seen = reader.answer("read");
    EXPECT_EQ(seen.number("received") + seen.number("missed"), 5000);
    EXPECT_EQ(seen.number("last"), 5010);
    EXPECT_GT(seen.number("missed"), 4000);
    EXPECT_EQ(reader.stat("lost"), static_cast<uint64_t>(seen.number("missed")));
    EXPECT_EQ(publisher.stat("lapped"), static_cast<uint64_t>(seen.number("missed")));
}

// A camera with sound for an hour, as fast as it goes, with what `max-time` and `max-bytes` are by default: one reader
// follows, others come and go, one is stopped. What the publisher has when its window is full is all that it ever has.
TEST_P(PacketStream, HourOfACameraTakesNoMoreThanItsWindow) {
    constexpr int64_t a_second = 50, step = 5 * a_second; // Less than the window has, so that the reader can follow.
    // By then the index has gone round once, too, whose pages come as they are used.
    constexpr int64_t filled = 180 * a_second, hour = (sanitized ? 600 : 3600) * a_second;
    PublisherProcess publisher(*this, "log_bytes=0");
    SubscriberProcess follower(*this, "mode=strict"), stopped(*this, "mode=strict");
    Process visitor(in_directory());
    follower.attach();
    stopped.attach();
    int64_t done = 0;
    const auto film = [&](int64_t until) {
        for (; done < until; done += step) {
            publisher.call("publish camera=1 count=" + std::to_string(step));
            const Message seen = follower.call("read count=" + std::to_string(step));
            EXPECT_EQ(seen.number("missed"), 0);
            if (done % (20 * step) == 0) {
                visitor.call("subscriber mode=strict");
                visitor.call("read count=10");
                visitor.call("destroy_subscriber");
            }
        }
        publisher.await_subscribers(2);
        return Holdings(publisher.pid());
    };
    stopped.stop();
    const Holdings before = film(filled), after = film(hour);
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.memfd_blocks, before.memfd_blocks);
    if (!sanitized) { // Those keep what was freed.
        EXPECT_LE(after.resident_kb, before.resident_kb + 256);
    }
    const Message window = publisher.call("window");
    EXPECT_GE(window.number("span"), 15'000'000'000);
    EXPECT_LE(publisher.stat("memory"), static_cast<uint64_t>(window.number("bytes")) + (4 << 20));

    publisher.call("eos");
    stopped.resume();
    const Message late = stopped.call("read until=eos");
    EXPECT_EQ(late.number("received"), window.number("packets"));
    EXPECT_EQ(late.number("received") + late.number("missed"), hour);
    EXPECT_EQ(stopped.stat("lost"), static_cast<uint64_t>(late.number("missed")));
}

// Packets of 4 MiB, whose bytes take longer to write and to read than all else: whoever is killed is killed in the middle of
// one, mostly. A reader that is not gets whole ones, and knows how many it did not (see PacketReaderRole::take()).
TEST_P(PacketStream, LargePacketsAreWholeWhoeverDiesInTheMiddle) {
    constexpr int rounds = sanitized ? 12 : 40;
    const char* given = std::getenv("CUFRAMES_TEST_SEED");
    const auto seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
    std::cout << "CUFRAMES_TEST_SEED=" << seed << std::endl;
    std::mt19937 random(seed);
    std::unique_ptr<PublisherProcess> publisher;
    std::unique_ptr<SubscriberProcess> victim;
    const auto publish = [&](int incarnation) {
        publisher = std::make_unique<PublisherProcess>(*this, "slots=4 log_bytes=16777216 incarnation=" +
                                                                  std::to_string(incarnation + 1));
        publisher->send("publish count=0");
    };
    const auto read = [&] {
        victim = std::make_unique<SubscriberProcess>(*this, "mode=strict");
        victim->send("read count=1000000");
    };
    SubscriberProcess witness(*this, "mode=strict");
    publish(0);
    read();
    for (int round = 1; round <= rounds; ++round) {
        witness.send("read count=5");
        // The moment itself is what is random here; nothing is awaited.
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 12'000));
        if (random() % 2 == 0) {
            publisher->kill();
            publish(round);
        } else {
            victim->kill();
            read();
        }
        ASSERT_EQ(witness.answer("read").number("received"), 5) << "round " << round;
    }
    victim->kill();
}

CUFRAMES_OVER_PACKETS(PacketStream);

} // namespace cuframes::test
