// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: whoever may attach to a publisher can ask it what it is and does. That changes nothing for anybody, tells
// what the publisher itself counts, and waits for nobody longer than it was told to.
#include "ring_test.h"

#include <cuframes/cuframes.hpp>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace cuframes::test {
namespace {

class Inspected : public RingTest {
protected:
    /// The ring that all agents of a test have.
    Result<Inspection> inspect(Timeout timeout = default_limit) const {
        return cuframes::inspect("cam", directory().c_str(), timeout);
    }
    cuframes_ring_state state() const {
        auto inspection = inspect();
        return inspection ? (*inspection)[0].state : CUFRAMES_RING_REFUSED;
    }
};

TEST_P(Inspected, TellsWhatItsPublisherKnows) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess slow(*this, "mode=strict name=slow"), fast(*this, "mode=newest name=fast");
    slow.attach();
    fast.attach();
    publisher.call("publish count=5");
    fast.call("read count=1");
    auto inspection = inspect();
    ASSERT_TRUE(inspection) << inspection.error().message;
    ASSERT_EQ(inspection->size(), 1u);
    const cuframes_ring_info& ring = (*inspection)[0];
    EXPECT_EQ(ring.state, CUFRAMES_RING_LIVE) << ring.message;
    EXPECT_STREQ(ring.key, "cam");
    EXPECT_TRUE(std::filesystem::is_socket(ring.path));
    EXPECT_STREQ(ring.message, "");
    EXPECT_EQ(ring.pid, publisher.pid());
    EXPECT_EQ(ring.uid, getuid());
    EXPECT_STRNE(ring.program, "");
    ASSERT_TRUE(ring.stats);
    EXPECT_EQ(ring.stats->published, publisher.stat("published"));
    EXPECT_EQ(ring.stats->last_sequence, publisher.stat("last"));
    EXPECT_EQ(ring.stats->subscribers, 2u);
    ASSERT_EQ(ring.subscriber_count, 2u);
    EXPECT_STREQ(ring.subscribers[0]->name, "slow");
    EXPECT_EQ(ring.subscribers[0]->pid, slow.pid());
    EXPECT_EQ(ring.subscribers[0]->mode, CUFRAMES_MODE_STRICT);
    EXPECT_EQ(ring.subscribers[0]->lag, 5u);
    EXPECT_STREQ(ring.subscribers[1]->name, "fast");
    EXPECT_LT(ring.subscribers[1]->lag, 5u);
}

TEST_P(Inspected, IsWaitingThenLiveThenEndedThenDead) {
    auto publisher = std::make_unique<PublisherProcess>(*this, "slots=4");
    EXPECT_EQ(state(), CUFRAMES_RING_WAITING);
    publisher->call("publish");
    EXPECT_EQ(state(), CUFRAMES_RING_LIVE);
    publisher->call("eos");
    EXPECT_EQ(state(), CUFRAMES_RING_ENDED);
    publisher->call("publish");
    EXPECT_EQ(state(), CUFRAMES_RING_LIVE);
    publisher->kill();
    auto inspection = inspect();
    ASSERT_TRUE(inspection);
    EXPECT_EQ((*inspection)[0].state, CUFRAMES_RING_DEAD);
    EXPECT_EQ((*inspection)[0].pid, 0);
    EXPECT_NE(std::string((*inspection)[0].message), "");
    EXPECT_FALSE((*inspection)[0].stats);
    // What it left does not harm the next one, which is found instead.
    publisher = std::make_unique<PublisherProcess>(*this, "slots=4");
    EXPECT_EQ(state(), CUFRAMES_RING_WAITING);
    publisher.reset();
    EXPECT_EQ(inspect().code(), CUFRAMES_ERROR_PUBLISHER_GONE);
}

TEST_P(Inspected, ChangesNothing) {
    PublisherProcess publisher(*this, "slots=8 max_subscribers=1");
    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    const auto descriptors = [&] {
        const std::filesystem::directory_iterator all("/proc/" + std::to_string(publisher.pid()) + "/fd");
        return std::distance(begin(all), end(all));
    };
    const auto before = descriptors();
    for (int i = 0; i < 200; ++i) {
        publisher.call("publish");
        auto inspection = inspect();
        ASSERT_TRUE(inspection);
        ASSERT_EQ((*inspection)[0].state, CUFRAMES_RING_LIVE) << (*inspection)[0].message;
        reader.call("read count=1");
    }
    EXPECT_TRUE(eventually([&] { return descriptors() == before; }));
    EXPECT_EQ(publisher.stat("subscribers"), 1u);
    EXPECT_EQ(publisher.stat("refused"), 0u);
    EXPECT_EQ(publisher.stat("dropped"), 0u);
    EXPECT_EQ(reader.stat("received"), 200u);
}

CUFRAMES_OVER_CONTENTS(Inspected);

class InspectedFrames : public Inspected {};

TEST_P(InspectedFrames, HaveAGeometryAndCaps) {
    PublisherProcess publisher(*this, "slots=4", "format=RGB width=40 height=30");
    publisher.call("publish");
    auto inspection = inspect();
    ASSERT_TRUE(inspection);
    const cuframes_ring_info& ring = (*inspection)[0];
    EXPECT_EQ(ring.content, CUFRAMES_CONTENT_FRAMES);
    EXPECT_EQ(ring.memory, memory_of(GetParam()));
    ASSERT_TRUE(ring.geometry);
    EXPECT_EQ(ring.geometry->width, 40u);
    EXPECT_EQ(ring.geometry->height, 30u);
    EXPECT_STREQ(ring.geometry->format, "RGB");
    EXPECT_FALSE(ring.window);
    const bool has_gpu = std::any_of(std::begin(ring.gpu_uuid), std::end(ring.gpu_uuid), [](uint8_t b) { return b; });
    EXPECT_EQ(has_gpu, GetParam() == Backend::cuda);
}

CUFRAMES_OVER_BACKENDS(InspectedFrames);

class InspectedPackets : public Inspected {};

TEST_P(InspectedPackets, HaveAWindow) {
    PublisherProcess publisher(*this);
    publisher.call("publish count=5");
    auto inspection = inspect();
    ASSERT_TRUE(inspection);
    const cuframes_ring_info& ring = (*inspection)[0];
    EXPECT_EQ(ring.content, CUFRAMES_CONTENT_PACKETS);
    EXPECT_FALSE(ring.geometry);
    ASSERT_TRUE(ring.window);
    EXPECT_EQ(ring.window->packets, 5u);
}

CUFRAMES_OVER_PACKETS(InspectedPackets);

/// Publishers of the test's own process.
class Listed : public HostTest {
protected:
    Publisher publish(const std::string& key, cuframes_content content = CUFRAMES_CONTENT_PACKETS) {
        cuframes_publisher_options options = publisher_options(key.c_str());
        const std::string directory = this->directory();
        options.directory = directory.c_str();
        options.content = content;
        options.max_bytes = 65536;
        return Publisher::create(options).value();
    }
    Result<Inspection> list(Timeout timeout = default_limit) { return cuframes::list(directory().c_str(), timeout); }
};

TEST_F(Listed, NothingIsThereWhereThereIsNoDirectory) {
    auto inspection = list();
    ASSERT_TRUE(inspection);
    EXPECT_EQ(inspection->size(), 0u);
    EXPECT_EQ(cuframes::inspect("cam", directory().c_str()).code(), CUFRAMES_ERROR_PUBLISHER_GONE);
    EXPECT_EQ(cuframes::inspect("../k", directory().c_str()).code(), CUFRAMES_ERROR_INVALID_KEY);
}

// A camera that has sent nothing yet is there, and says so.
TEST_F(Listed, PublisherThatHasNotDecidedAnswers) {
    const Publisher undecided = publish("undecided", CUFRAMES_CONTENT_UNDECIDED);
    auto inspection = list();
    ASSERT_TRUE(inspection);
    ASSERT_EQ(inspection->size(), 1u);
    EXPECT_EQ((*inspection)[0].state, CUFRAMES_RING_WAITING) << (*inspection)[0].message;
    EXPECT_EQ((*inspection)[0].content, CUFRAMES_CONTENT_UNDECIDED);
}

TEST_F(Listed, ManyRingsAndReadersAnswerAtOnce) {
    constexpr int rings = 64, readers = 4;
    std::vector<Publisher> publishers;
    std::vector<Subscriber> subscribers;
    for (int i = 0; i < rings; ++i) {
        const std::string key = "ring-" + std::to_string(100 + i);
        publishers.push_back(publish(key));
        for (int j = 0; j < readers; ++j) {
            cuframes_subscriber_options options = subscriber_options(key.c_str());
            const std::string directory = this->directory();
            options.directory = directory.c_str();
            options.content = CUFRAMES_CONTENT_PACKETS;
            subscribers.push_back(Subscriber::create(options).value());
            ASSERT_TRUE(subscribers.back().connect(default_limit));
        }
    }
    const auto before = std::chrono::steady_clock::now();
    auto inspection = list();
    const auto taken = std::chrono::steady_clock::now() - before;
    ASSERT_TRUE(inspection);
    ASSERT_EQ(inspection->size(), static_cast<size_t>(rings));
    for (int i = 0; i < rings; ++i) {
        const cuframes_ring_info& ring = (*inspection)[static_cast<size_t>(i)];
        EXPECT_EQ(ring.key, "ring-" + std::to_string(100 + i)) << "in the order of their names";
        EXPECT_EQ(ring.subscriber_count, static_cast<size_t>(readers));
    }
    EXPECT_LT(taken, scaled(std::chrono::seconds(1)));
}

// Of three publishers one is stopped: it is said so, and the others are told of as if it were not there.
TEST_F(Listed, StoppedPublisherHoldsUpNobody) {
    PublisherProcess stopped(*this, "slots=4");
    const Publisher before = publish("a"), behind = publish("z");
    ::kill(stopped.pid(), SIGSTOP);
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(stopped.pid()), nullptr, WSTOPPED | WNOWAIT), 0);
    auto inspection = list(std::chrono::milliseconds(300));
    ::kill(stopped.pid(), SIGCONT);
    ASSERT_TRUE(inspection);
    ASSERT_EQ(inspection->size(), 3u);
    EXPECT_EQ((*inspection)[0].state, CUFRAMES_RING_WAITING);
    EXPECT_EQ((*inspection)[1].state, CUFRAMES_RING_SILENT);
    EXPECT_EQ((*inspection)[1].pid, stopped.pid());
    EXPECT_EQ((*inspection)[2].state, CUFRAMES_RING_WAITING);
    // Asked before it went on, it answers nobody; asked again, it does.
    auto again = cuframes::inspect("cam", directory().c_str(), default_limit);
    ASSERT_TRUE(again);
    EXPECT_EQ((*again)[0].state, CUFRAMES_RING_WAITING) << (*again)[0].message;
}

} // namespace
} // namespace cuframes::test
