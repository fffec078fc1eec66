// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Packets: what is kept of the past, where a reader begins in it, and what it is told of what has left.
#include "cuframes/cuframes.hpp"
#include "deadline.h"
#include "ring_test.h"

#include <sys/resource.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

namespace cuframes::test {

namespace {

constexpr uint64_t second = 1'000'000'000;
constexpr const char* h264 = "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au";

/// What the packet with this number has in it: other bytes, and another size, for each.
std::string bytes_of(uint64_t number) {
    std::string out(100 + number * 37 % 400, '\0');
    for (size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<char>(number * 31 + i * 7);
    }
    return out;
}

std::string data_of(const Packet& packet) { return std::string(static_cast<const char*>(packet->data), packet->size); }

} // namespace

class PacketLog : public HostTest {
protected:
    Publisher publish(uint64_t max_time = 0, uint64_t max_bytes = 0, cuframes_policy policy = CUFRAMES_POLICY_DROP,
                      uint32_t wait_ms = 20'000) {
        auto options = publisher_options("cam");
        options.directory = directory_.c_str();
        options.content = CUFRAMES_CONTENT_PACKETS;
        options.max_time = max_time;
        options.max_bytes = max_bytes;
        options.policy = policy;
        options.wait_timeout_ms = wait_ms;
        auto made = Publisher::create(options);
        if (!made) {
            throw std::runtime_error(made.error().message);
        }
        EXPECT_TRUE(made->set_caps(h264));
        return std::move(*made);
    }

    Subscriber subscribe(cuframes_start start = CUFRAMES_START_LIVE, uint64_t value = 0,
                         cuframes_mode mode = CUFRAMES_MODE_STRICT) {
        auto options = subscriber_options("cam");
        options.directory = directory_.c_str();
        options.content = CUFRAMES_CONTENT_PACKETS;
        options.mode = mode;
        options.start = start;
        options.preroll = start == CUFRAMES_START_PREROLL ? value : 0;
        if (start == CUFRAMES_START_TIME) {
            options.start_time = cuframes_some(value);
        }
        auto made = Subscriber::create(options);
        if (!made) {
            throw std::runtime_error(made.error().message);
        }
        return std::move(*made);
    }

    /// The next `count` packets of a stream with a keyframe in every `gop`, `step` nanoseconds apart, the last of them
    /// captured now.
    void send(Publisher& publisher, uint64_t count, uint64_t gop, uint64_t step = second / 25) {
        const auto now = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
        for (uint64_t i = 0; i < count; ++i, ++sent_) {
            const std::string bytes = bytes_of(sent_ + 1);
            const auto info = packet_info(now - (count - 1 - i) * step, sent_ % gop != 0);
            const auto done = publisher.publish_packet(bytes.data(), bytes.size(), info);
            ASSERT_TRUE(done) << done.error().message;
        }
    }

    /// The sequence number of the next packet, which is what was sent with it.
    uint64_t take(Subscriber& subscriber) {
        auto packet = subscriber.next_packet(milliseconds(20'000));
        if (!packet) {
            ADD_FAILURE() << packet.error().message;
            return 0;
        }
        EXPECT_EQ(data_of(*packet), bytes_of((*packet)->sequence));
        last_ = std::make_unique<Packet>(*packet);
        return (*packet)->sequence;
    }
    bool is_empty(Subscriber& subscriber) {
        auto packet = subscriber.next_packet(not_at_all);
        return !packet && packet.error().code == CUFRAMES_ERROR_TIMEOUT;
    }

    const std::string directory_ = directory();
    std::unique_ptr<Packet> last_; ///< Taken.
    uint64_t sent_ = 0;
};

TEST_F(PacketLog, PacketsArriveAsTheyWerePublished) {
    Publisher publisher = publish();
    Subscriber reader = subscribe();
    ASSERT_TRUE(reader.connect());
    auto info = packet_info(5 * second);
    info.dts = cuframes_some(4 * second);
    info.duration = cuframes_some(7);
    info.flags = 0x1234;
    info.metadata = "meta";
    info.metadata_size = 4;
    ASSERT_TRUE(publisher.publish_packet("key", 3, info));
    info.delta = true;
    ASSERT_TRUE(publisher.publish_packet(nullptr, 0, info));

    auto first = reader.next_packet(milliseconds(20'000));
    ASSERT_TRUE(first) << first.error().message;
    const cuframes_packet_view& view = first->view();
    EXPECT_EQ(data_of(*first), "key");
    EXPECT_STREQ(view.caps, h264);
    EXPECT_EQ(view.pts, 5 * second);
    EXPECT_EQ(view.dts, 4 * second);
    EXPECT_EQ(view.duration, 7u);
    EXPECT_EQ(view.flags, 0x1234u);
    EXPECT_FALSE(view.delta);
    EXPECT_TRUE(view.discontinuity);
    EXPECT_EQ(view.sequence, 1u);
    EXPECT_EQ(std::string(static_cast<const char*>(view.metadata), view.metadata_size), "meta");
    auto other = reader.next_packet(milliseconds(20'000));
    ASSERT_TRUE(other);
    EXPECT_TRUE((*other)->delta);
    EXPECT_EQ((*other)->size, 0u);
    EXPECT_FALSE((*other)->discontinuity);
    EXPECT_EQ((*other)->behind, 0u);
}

TEST_F(PacketLog, PacketsAreKeptWhoeverGoes) {
    auto publisher = std::make_unique<Publisher>(publish());
    auto reader = std::make_unique<Subscriber>(subscribe());
    ASSERT_TRUE(reader->connect());
    send(*publisher, 1, 1);
    take(*reader);
    publisher.reset();
    reader.reset();
    EXPECT_EQ(data_of(*last_), bytes_of(1));
    EXPECT_STREQ((*last_)->caps, h264);
}

TEST_F(PacketLog, LiveBeginsWithTheNextKeyframe) {
    Publisher publisher = publish();
    send(publisher, 15, 10);
    Subscriber reader = subscribe();
    ASSERT_TRUE(reader.connect());
    EXPECT_TRUE(is_empty(reader));
    send(publisher, 10, 10);
    EXPECT_EQ(take(reader), 21u);
    EXPECT_EQ((*last_)->missed, 0u);
    EXPECT_EQ(take(reader), 22u);
}

TEST_F(PacketLog, KeyframeBeginsWithTheNewestThereIs) {
    Publisher publisher = publish();
    send(publisher, 25, 10);
    Subscriber reader = subscribe(CUFRAMES_START_KEYFRAME);
    EXPECT_EQ(take(reader), 21u);
    EXPECT_EQ((*last_)->behind, 4u);
    EXPECT_EQ((*last_)->missed, 0u);
    for (uint64_t next = 22; next <= 25; ++next) {
        EXPECT_EQ(take(reader), next);
    }
    EXPECT_TRUE(is_empty(reader));
}

// 25 packets a second, a keyframe each 0.4 s: one at or before the wanted time, and the newest of those.
TEST_F(PacketLog, PrerollBeginsWithTheKeyframeAtOrBeforeIt) {
    Publisher publisher = publish();
    send(publisher, 100, 10);
    Subscriber reader = subscribe(CUFRAMES_START_PREROLL, second);
    // Packet 75 was captured one second ago.
    EXPECT_EQ(take(reader), 71u);
}

TEST_F(PacketLog, PrerollOfNothingIsLive) {
    Publisher publisher = publish();
    send(publisher, 15, 10);
    Subscriber reader = subscribe(CUFRAMES_START_PREROLL, 0);
    ASSERT_TRUE(reader.connect());
    EXPECT_TRUE(is_empty(reader));
}

TEST_F(PacketLog, PrerollLongerThanTheWindowBeginsWithTheOldestKeyframe) {
    Publisher publisher = publish();
    send(publisher, 30, 10);
    Subscriber reader = subscribe(CUFRAMES_START_PREROLL, 3600 * second);
    EXPECT_EQ(take(reader), 1u);
}

TEST_F(PacketLog, TimeOfAFrameBeginsWithItsGop) {
    Publisher publisher = publish();
    send(publisher, 30, 10);
    Subscriber all = subscribe(CUFRAMES_START_PREROLL, 3600 * second);
    for (int i = 0; i < 17; ++i) {
        take(all);
    }
    Subscriber reader = subscribe(CUFRAMES_START_TIME, (*last_)->pts);
    EXPECT_EQ(take(reader), 11u);
}

TEST_F(PacketLog, StreamWithoutKeyframesIsReadAllTheSame) {
    Publisher publisher = publish();
    for (int i = 0; i < 300; ++i, ++sent_) { // 12 s, of the 15 s that are kept.
        const std::string bytes = bytes_of(sent_ + 1);
        ASSERT_TRUE(publisher.publish_packet(bytes.data(), bytes.size(), packet_info(sent_ * second / 25 + 1, true)));
    }
    Subscriber reader = subscribe(CUFRAMES_START_KEYFRAME);
    ASSERT_TRUE(reader.connect());
    EXPECT_TRUE(is_empty(reader));
    const std::string bytes = bytes_of(301);
    ASSERT_TRUE(publisher.publish_packet(bytes.data(), bytes.size(), packet_info(13 * second, true)));
    EXPECT_EQ(take(reader), 301u);
}

TEST_F(PacketLog, WholeGopsLeaveFirstAndTheTimeIsCovered) {
    Publisher publisher = publish(2 * second);
    send(publisher, 200, 10);
    const auto window = publisher.packet_window();
    ASSERT_TRUE(window);
    const uint64_t span = window->newest_time - window->oldest_time;
    EXPECT_GE(span, 2 * second);
    EXPECT_LT(span, 2 * second + 10 * second / 25);
    Subscriber reader = subscribe(CUFRAMES_START_PREROLL, 3600 * second);
    const uint64_t first = take(reader);
    EXPECT_FALSE((*last_)->delta);
    EXPECT_EQ(window->packets, 200 - first + 1);
    EXPECT_EQ(window->keyframes, (200 - first) / 10 + 1);
    const auto same = reader.packet_window();
    ASSERT_TRUE(same);
    EXPECT_EQ(same->packets, window->packets);
    EXPECT_EQ(same->bytes, window->bytes);
    EXPECT_EQ(same->keyframes, window->keyframes);
    EXPECT_EQ(same->oldest_time, window->oldest_time);
    EXPECT_EQ(same->newest_time, window->newest_time);
    EXPECT_EQ(same->keyframe_time, window->keyframe_time);
    EXPECT_EQ(same->bit_rate, window->bit_rate);
}

// From the end of connect() on, in its own words before and after.
TEST_F(PacketLog, WindowIsKnownToWhoIsAttached) {
    auto publisher = std::make_unique<Publisher>(publish());
    send(*publisher, 25, 10);
    for (int i = 0; i < 20; ++i) {
        Subscriber reader = subscribe();
        const auto early = reader.packet_window();
        ASSERT_FALSE(early);
        EXPECT_EQ(early.error().code, CUFRAMES_ERROR_INVALID_STATE);
        EXPECT_NE(early.error().message.find("connect"), std::string::npos) << early.error().message;
        ASSERT_TRUE(reader.connect());
        const auto window = reader.packet_window();
        ASSERT_TRUE(window) << window.error().message;
        EXPECT_EQ(window->packets, 25u);
        EXPECT_EQ(window->keyframes, 3u);
    }
    Subscriber reader = subscribe(CUFRAMES_START_KEYFRAME);
    ASSERT_TRUE(reader.connect());
    publisher.reset();
    EXPECT_EQ(reader.packet_window()->packets, 25u) << "what a dead publisher left is there until it is read";
    while (reader.next_packet(not_at_all)) {
    }
    const auto late = reader.packet_window();
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, CUFRAMES_ERROR_INVALID_STATE);
}

TEST_F(PacketLog, BytesAreBoundedToo) {
    Publisher publisher = publish(3600 * second, 64 * 1024);
    send(publisher, 2000, 10);
    const auto window = publisher.packet_window();
    ASSERT_TRUE(window);
    EXPECT_LE(window->bytes, 64u * 1024);
    EXPECT_GE(window->bytes, 32u * 1024);
    const auto stats = publisher.stats();
    EXPECT_LE(stats->memory, 64u * 1024);
    EXPECT_EQ(stats->published, 2000u);
    Subscriber reader = subscribe(CUFRAMES_START_PREROLL, 3600 * second);
    take(reader);
    EXPECT_FALSE((*last_)->delta);
}

TEST_F(PacketLog, MemoryComesBeforeThePacketThatNeedsIt) {
    Publisher publisher = publish();
    EXPECT_EQ(publisher.stats()->memory, 1u << 20) << "for the first packets";
    const std::string bytes(600 << 10, 'x');
    ASSERT_TRUE(publisher.publish_packet(bytes.data(), bytes.size(), packet_info()));
    EXPECT_TRUE(eventually([&] { return publisher.stats()->memory == 2u << 20; }));
    ASSERT_TRUE(publisher.publish_packet(bytes.data(), bytes.size(), packet_info()));
    ASSERT_TRUE(publisher.publish_packet(bytes.data(), bytes.size(), packet_info()));
    EXPECT_TRUE(eventually([&] { return publisher.stats()->memory == 3u << 20; })) << "and so on";
}

TEST_F(PacketLog, GopLargerThanTheLogLeavesItsBeginning) {
    Publisher publisher = publish(3600 * second, 64 * 1024);
    Subscriber reader = subscribe();
    ASSERT_TRUE(reader.connect());
    send(publisher, 1, 100'000);
    EXPECT_EQ(take(reader), 1u);
    send(publisher, 999, 100'000);
    EXPECT_GT(take(reader), 500u);
    EXPECT_EQ((*last_)->missed, (*last_)->sequence - 2);
    Subscriber late = subscribe(CUFRAMES_START_KEYFRAME);
    ASSERT_TRUE(late.connect());
    EXPECT_TRUE(is_empty(late)) << "there is no keyframe to begin with";
}

TEST_F(PacketLog, PacketTooLargeIsRefusedAndCounted) {
    Publisher publisher = publish(0, 64 * 1024);
    Subscriber reader = subscribe();
    ASSERT_TRUE(reader.connect());
    send(publisher, 1, 1);
    const std::string large(70'000, 'x');
    const auto refused = publisher.publish_packet(large.data(), large.size(), packet_info());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, CUFRAMES_ERROR_NO_MEMORY);
    EXPECT_NE(refused.error().message.find("max-bytes"), std::string::npos) << refused.error().message;
    sent_ += 1;
    send(publisher, 1, 1);
    EXPECT_EQ(publisher.stats()->dropped, 1u);
    EXPECT_EQ(take(reader), 1u);
    EXPECT_EQ(take(reader), 3u);
    EXPECT_EQ((*last_)->missed, 1u);
    EXPECT_TRUE((*last_)->discontinuity);
    EXPECT_EQ(reader.stats()->lost, 1u);
}

// In both modes, which only name differently what was missed; what the publisher dropped is among it.
TEST_F(PacketLog, LappedReaderGoesOnWithTheOldestKeyframeAndKnowsWhatItMissed) {
    Publisher publisher = publish(2 * second);
    Subscriber strict = subscribe(), newest = subscribe(CUFRAMES_START_LIVE, 0, CUFRAMES_MODE_NEWEST);
    ASSERT_TRUE(strict.connect());
    ASSERT_TRUE(newest.connect());
    send(publisher, 10, 10);
    for (Subscriber* reader : {&strict, &newest}) {
        EXPECT_EQ(take(*reader), 1u);
        EXPECT_EQ((*last_)->missed, 0u);
    }
    send(publisher, 500, 10);
    ASSERT_TRUE(publisher.drop());
    sent_ += 1;
    send(publisher, 9, 10);
    for (Subscriber* reader : {&strict, &newest}) {
        const uint64_t next = take(*reader), missed = next - 2;
        EXPECT_FALSE((*last_)->delta);
        EXPECT_TRUE((*last_)->discontinuity);
        EXPECT_EQ((*last_)->missed, missed);
        EXPECT_EQ(publisher.stats()->lapped, missed);
        uint64_t before = next;
        while (before < 520) {
            const uint64_t taken = take(*reader);
            EXPECT_EQ((*last_)->missed, taken == 512 ? 1u : 0u); // Number 511 is that of none.
            EXPECT_EQ(taken, before + (*last_)->missed + 1);
            before = taken;
        }
        EXPECT_EQ(reader->stats()->lost, reader == &strict ? missed + 1 : 0);
        EXPECT_EQ(reader->stats()->skipped, reader == &newest ? missed + 1 : 0);
    }
    const auto attached = publisher.subscribers();
    ASSERT_TRUE(attached);
    for (const cuframes_subscriber_info& info : *attached) {
        EXPECT_EQ(info.lost, info.mode == CUFRAMES_MODE_STRICT ? strict.stats()->lost : 0);
        EXPECT_EQ(info.skipped, info.mode == CUFRAMES_MODE_NEWEST ? newest.stats()->skipped : 0);
    }
}

TEST_F(PacketLog, CapsGoWithTheirPackets) {
    Publisher publisher = publish();
    for (int change = 0; change < 3; ++change) {
        ASSERT_TRUE(publisher.set_caps(("audio/x-opus, channels=(int)" + std::to_string(change)).c_str()));
        send(publisher, 2, 1);
    }
    Subscriber reader = subscribe(CUFRAMES_START_PREROLL, 3600 * second);
    uint64_t version = 0;
    for (int change = 0; change < 3; ++change) {
        for (int i = 0; i < 2; ++i) {
            take(reader);
            EXPECT_EQ((*last_)->caps, "audio/x-opus, channels=(int)" + std::to_string(change));
            EXPECT_EQ((*last_)->caps_version == version, i == 1);
            version = (*last_)->caps_version;
        }
    }
}

TEST_F(PacketLog, CapsThatChangeWithEachPacketStayTheirs) {
    Publisher publisher = publish();
    for (int change = 0; change < 200; ++change) {
        ASSERT_TRUE(publisher.set_caps(("text/x-raw, n=(int)" + std::to_string(change)).c_str()));
        send(publisher, 1, 1);
    }
    Subscriber reader = subscribe(CUFRAMES_START_PREROLL, 3600 * second);
    for (uint64_t next = take(reader); next < 200; next = take(reader)) {
        EXPECT_GT(next, 200u - 64u);
        EXPECT_EQ((*last_)->caps, "text/x-raw, n=(int)" + std::to_string(next - 1));
    }
}

TEST_F(PacketLog, EndIsToldInItsPlace) {
    Publisher publisher = publish();
    Subscriber reader = subscribe();
    ASSERT_TRUE(reader.connect());
    send(publisher, 2, 1);
    ASSERT_TRUE(publisher.eos());
    send(publisher, 1, 1);
    EXPECT_EQ(take(reader), 1u);
    EXPECT_EQ(take(reader), 2u);
    auto end = reader.next_packet(milliseconds(20'000));
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, CUFRAMES_ERROR_EOS);
    EXPECT_EQ(take(reader), 3u);
}

TEST_F(PacketLog, ReaderGoesOnWithAllThatTheNextPublisherHas) {
    auto first = std::make_unique<Publisher>(publish());
    send(*first, 20, 10);
    Subscriber reader = subscribe(CUFRAMES_START_KEYFRAME);
    EXPECT_EQ(take(reader), 11u);
    first.reset();
    for (uint64_t left = 12; left <= 20; ++left) {
        EXPECT_EQ(take(reader), left);
    }
    sent_ = 0;
    Publisher second_one = publish();
    send(second_one, 5, 10);
    EXPECT_EQ(take(reader), 1u);
    EXPECT_TRUE((*last_)->discontinuity);
    EXPECT_EQ(take(reader), 2u);
}

// Nothing that a strict reader has yet to take leaves the log, from wherever it began.
TEST_F(PacketLog, WaitingPublisherLosesNothing) {
    constexpr uint64_t total = 3000;
    Publisher publisher = publish(second, 64 * 1024, CUFRAMES_POLICY_WAIT);
    send(publisher, 50, 10);
    std::thread producer;
    {
        Subscriber reader = subscribe(CUFRAMES_START_KEYFRAME);
        EXPECT_EQ(take(reader), 41u);
        producer = std::thread([&] { send(publisher, total - 50, 10); });
        for (uint64_t next = 42; next <= total; ++next) {
            ASSERT_EQ(take(reader), next);
            ASSERT_EQ((*last_)->missed, 0u);
        }
        EXPECT_EQ(reader.stats()->lost, 0u);
    }
    producer.join();
    EXPECT_EQ(publisher.stats()->lapped, 0u);
    EXPECT_GT(publisher.stats()->waited_ns, 0u);
}

TEST_F(PacketLog, WaitEndsForAReaderThatTakesNothing) {
    Publisher publisher = publish(second, 64 * 1024, CUFRAMES_POLICY_WAIT, 50);
    Subscriber reader = subscribe();
    ASSERT_TRUE(reader.connect());
    send(publisher, 1, 10);
    EXPECT_EQ(take(reader), 1u);
    send(publisher, 999, 10);
    EXPECT_GT(take(reader), 2u);
    EXPECT_GT((*last_)->missed, 0u);
    EXPECT_EQ((*last_)->missed, publisher.stats()->lapped);
}

TEST_F(PacketLog, UndecidedPublisherLetsReadersWait) {
    auto options = publisher_options("cam");
    options.directory = directory_.c_str();
    options.content = CUFRAMES_CONTENT_UNDECIDED;
    auto made = Publisher::create(options);
    ASSERT_TRUE(made) << made.error().message;
    Subscriber reader = subscribe(CUFRAMES_START_KEYFRAME);
    EXPECT_TRUE(is_empty(reader));
    const auto early = made->publish_packet("x", 1);
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, CUFRAMES_ERROR_INVALID_STATE);
    ASSERT_TRUE(made->set_caps(h264));
    send(*made, 1, 1);
    EXPECT_EQ(take(reader), 1u);
    const auto frames = made->acquire();
    ASSERT_FALSE(frames);
    EXPECT_NE(frames.error().message.find("carries packets"), std::string::npos) << frames.error().message;
}

// Where the log cannot be had the key is given back, and the handle refuses what is asked of it.
TEST_F(PacketLog, UndecidedPublisherOutlivesALogThatCannotBeMade) {
    auto options = publisher_options("cam");
    options.directory = directory_.c_str();
    options.content = CUFRAMES_CONTENT_UNDECIDED;
    auto made = Publisher::create(options);
    ASSERT_TRUE(made) << made.error().message;
    rlimit before = {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit small = before;
    small.rlim_cur = 1 << 20;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto refused = made->set_caps(h264);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, CUFRAMES_ERROR_NO_MEMORY) << refused.error().message;
    EXPECT_EQ(made->stats()->published, 0u);
    EXPECT_FALSE(made->set_caps(h264));
    EXPECT_FALSE(made->publish_packet("x", 1));
    EXPECT_FALSE(made->eos());
    EXPECT_TRUE(made->drop());
    EXPECT_FALSE(made->wait_subscribers(1, milliseconds(1)));
    Publisher next = publish();
    send(next, 1, 1);
}

} // namespace cuframes::test
