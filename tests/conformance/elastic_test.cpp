// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Rings that grow: a default reader of a default publisher is never refused, gets more frames when it holds more, and
// loses none by it.
#include "deadline.h"
#include "picture.h"
#include "ring_test.h"

#include <cuframes/cuframes.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace cuframes::test {

namespace {

using cuframes::Frame;
using cuframes::Publisher;
using cuframes::Subscriber;

cuframes_ring_config config_of(Backend backend) {
    static const cuframes_geometry on_host = make_geometry("NV12", 64, 48, 64, 0);
    static const cuframes_geometry on_gpu = make_geometry("NV12", 64, 48, 512, 0);
    return cuframes::ring_config(memory_of(backend), backend == Backend::cuda ? &on_gpu : &on_host);
}

/// A publisher in this process, in the test's directory.
Publisher make_publisher(const RingTest& test, cuframes_policy policy, uint32_t slots = 0, uint32_t max_slots = 0) {
    auto options = cuframes::publisher_options("cam");
    const std::string directory = test.directory();
    options.directory = directory.c_str();
    options.policy = policy;
    options.wait_timeout_ms = 20'000;
    options.slots = slots;
    options.max_slots = max_slots;
    auto made = Publisher::create(options);
    EXPECT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->configure(config_of(test.GetParam())));
    return std::move(*made);
}

Subscriber make_reader(const RingTest& test, cuframes_mode mode, uint32_t max_held = 0) {
    auto options = cuframes::subscriber_options("cam");
    const std::string directory = test.directory();
    options.directory = directory.c_str();
    options.mode = mode;
    options.max_held = max_held;
    return std::move(*Subscriber::create(options));
}

bool publish(Publisher& publisher, uint64_t pts = CUFRAMES_TIME_NONE) {
    auto slot = publisher.acquire();
    return slot && slot->publish(cuframes::frame_info(pts));
}

uint64_t monotonic() {
    timespec now = {};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

} // namespace

class Elastic : public RingTest {};

// 64 readers come one by one while frames flow, and none is refused or loses a frame.
TEST_P(Elastic, SixtyFourDefaultReadersOfADefaultPublisher) {
    Publisher publisher = make_publisher(*this, CUFRAMES_POLICY_WAIT);
    std::atomic<bool> done{false};
    std::thread camera([&] {
        while (!done && publish(publisher)) {
            std::this_thread::yield();
        }
    });
    std::vector<Subscriber> readers;
    std::vector<uint64_t> received;
    const auto drain = [&] {
        for (size_t i = 0; i < readers.size(); ++i) {
            for (auto frame = readers[i].next(cuframes::not_at_all); frame;
                 frame = readers[i].next(cuframes::not_at_all)) {
                received[i] += 1;
                if (received[i] % 8 == 0) {
                    break; // the others' turn
                }
            }
        }
    };
    std::string refusal;
    while (readers.size() < 64 && refusal.empty()) {
        readers.push_back(make_reader(*this, CUFRAMES_MODE_STRICT));
        received.push_back(0);
        cuframes::Status attached;
        do {
            attached = readers.back().connect(cuframes::Timeout(1));
            drain();
        } while (attached.code() == CUFRAMES_ERROR_TIMEOUT);
        refusal = attached ? "" : attached.error().message;
    }
    EXPECT_EQ(refusal, "") << "reader " << readers.size();
    EXPECT_TRUE(eventually([&] {
        drain();
        return std::all_of(received.begin(), received.end(), [](uint64_t n) { return n >= 20; });
    }));
    publisher.set_interrupted(true);
    done = true;
    camera.join();
    for (size_t i = 0; i < readers.size(); ++i) {
        EXPECT_EQ(readers[i].stats()->lost, 0u) << i;
    }
    EXPECT_EQ(publisher.stats()->slots, 128u) << "as many as there may be";
}

// Leases come on demand, and the ring with them; what was held before stays where it is.
TEST_P(Elastic, AReaderThatHoldsMoreGetsMore) {
    Publisher publisher = make_publisher(*this, CUFRAMES_POLICY_DROP);
    Subscriber reader = make_reader(*this, CUFRAMES_MODE_STRICT);
    ASSERT_TRUE(reader.connect());
    EXPECT_LE(publisher.stats()->slots, 10u);
    const uint64_t memory = publisher.stats()->memory;
    std::vector<Frame> held;
    for (uint64_t i = 1; i <= 48; ++i) {
        ASSERT_TRUE(publish(publisher));
        auto frame = reader.next();
        ASSERT_TRUE(frame) << i << ": " << frame.error().message;
        EXPECT_EQ(frame->view().sequence, i);
        held.push_back(std::move(*frame));
    }
    EXPECT_GE(reader.stats()->max_held, 48u);
    EXPECT_GE(publisher.stats()->slots, 50u);
    EXPECT_GT(publisher.stats()->memory, memory);
    EXPECT_EQ(publisher.stats()->dropped, 0u);
    // A second one finds the ring as it is now, with all its memory.
    Subscriber late = make_reader(*this, CUFRAMES_MODE_STRICT);
    ASSERT_TRUE(late.connect());
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(publish(publisher));
        ASSERT_TRUE(late.next());
    }
}

// With no more to be had it says so, at once when it knows, and goes on when a frame is given back.
TEST_P(Elastic, ALimitIsALimit) {
    Publisher publisher = make_publisher(*this, CUFRAMES_POLICY_DROP, 0, 8);
    Subscriber reader = make_reader(*this, CUFRAMES_MODE_STRICT);
    ASSERT_TRUE(reader.connect());
    std::vector<Frame> held;
    cuframes_error code = CUFRAMES_OK;
    while (code == CUFRAMES_OK && held.size() < 64) {
        ASSERT_TRUE(publish(publisher));
        auto frame = reader.next();
        code = frame.code();
        if (frame) {
            held.push_back(std::move(*frame));
        }
    }
    EXPECT_EQ(code, CUFRAMES_ERROR_LEASES_EXHAUSTED);
    EXPECT_LE(held.size(), 6u);
    held.pop_back();
    EXPECT_TRUE(reader.next());
}

// In a ring of a fixed size an explicit number is all or nothing, and no text advises what cannot be.
TEST_P(Elastic, RefusalsOfAFixedRingAdviseWhatCanBe) {
    Publisher publisher = make_publisher(*this, CUFRAMES_POLICY_DROP, 128);
    std::vector<Subscriber> readers;
    for (int i = 0; i < 2; ++i) {
        readers.push_back(make_reader(*this, CUFRAMES_MODE_STRICT, 63));
        ASSERT_TRUE(readers.back().connect());
    }
    Subscriber more = make_reader(*this, CUFRAMES_MODE_STRICT, 1);
    const auto refused = more.connect();
    EXPECT_EQ(refused.code(), CUFRAMES_ERROR_RING_FULL);
    EXPECT_EQ(refused.error().message.find("129"), std::string::npos) << refused.error().message;
}

// One that was made for readers of two frames each still seats as many of them, and of those that name no number too.
TEST_P(Elastic, AFixedRingSeatsAsManyDefaultReadersAsBefore) {
    Publisher publisher = make_publisher(*this, CUFRAMES_POLICY_DROP, 20);
    std::vector<Subscriber> readers;
    for (int i = 0; i < 9; ++i) {
        readers.push_back(make_reader(*this, CUFRAMES_MODE_STRICT));
        EXPECT_TRUE(readers.back().connect()) << i;
    }
}

// A reader in newest mode that tells its latency passes over late frames only.
TEST_P(Elastic, NewestIsTheNewestThatIsLate) {
    Publisher publisher = make_publisher(*this, CUFRAMES_POLICY_DROP);
    Subscriber reader = make_reader(*this, CUFRAMES_MODE_NEWEST);
    ASSERT_TRUE(reader.connect());
    ASSERT_TRUE(reader.set_latency(1'000'000'000));
    const uint64_t now = monotonic();
    for (const uint64_t age_ms : {5000, 4000, 300, 200, 100}) {
        ASSERT_TRUE(publish(publisher, now - age_ms * 1'000'000));
    }
    for (const uint64_t expected : {3, 4, 5}) {
        auto frame = reader.next();
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->view().sequence, expected);
    }
    EXPECT_EQ(reader.stats()->skipped, 2u);
    for (const uint64_t age_ms : {5000, 4000}) {
        ASSERT_TRUE(publish(publisher, now - age_ms * 1'000'000));
    }
    EXPECT_EQ(reader.next()->view().sequence, 7u) << "all are late: the newest";
    ASSERT_TRUE(reader.set_latency(CUFRAMES_TIME_NONE));
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(publish(publisher, monotonic()));
    }
    EXPECT_EQ(reader.next()->view().sequence, 10u) << "the newest, whatever its time";
}

// What the publisher tells of its latency is beside the frames, in this generation and the next.
TEST_P(Elastic, LatencyIsTold) {
    Publisher publisher = make_publisher(*this, CUFRAMES_POLICY_DROP);
    Subscriber reader = make_reader(*this, CUFRAMES_MODE_STRICT);
    ASSERT_TRUE(reader.connect());
    ASSERT_TRUE(publish(publisher));
    EXPECT_EQ(reader.next()->view().latency, CUFRAMES_TIME_NONE);
    ASSERT_TRUE(publisher.set_latency(123'000'000));
    ASSERT_TRUE(publish(publisher));
    EXPECT_EQ(reader.next()->view().latency, 123'000'000u);
    ASSERT_TRUE(publisher.configure(config_of(GetParam())));
    ASSERT_TRUE(publish(publisher));
    EXPECT_EQ(reader.next()->view().latency, 123'000'000u);
}

CUFRAMES_OVER_BACKENDS(Elastic);

} // namespace cuframes::test
