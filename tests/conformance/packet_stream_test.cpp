// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Packets between processes, in numbers: nothing is lost where that is promised, whoever dies.
#include "ring_test.h"

#include <array>
#include <memory>
#include <string>

namespace cuframes::test {

using PacketStream = RingTest;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr int64_t packets = 20'000;
#else
constexpr int64_t packets = 100'000;
#endif

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

CUFRAMES_OVER_PACKETS(PacketStream);

} // namespace cuframes::test
