// SPDX-License-Identifier: LGPL-2.1-or-later
//
// SIGKILL at random moments, to a publisher or a reader in turn, for as many rounds as $CUFRAMES_TEST_KILL_ROUNDS says.
#include "ring_test.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>

namespace cuframes::test {

using KillLoop = RingTest;

namespace {

unsigned from_environment(const char* name, unsigned fallback) {
    const char* value = std::getenv(name);
    return value ? static_cast<unsigned>(std::strtoul(value, nullptr, 10)) : fallback;
}

/// A publisher at full speed and three readers; whoever is killed gets a successor.
class Scene {
public:
    explicit Scene(const RingTest& test) : test_(test) {
        start_publisher();
        for (size_t i = 0; i < readers_.size(); ++i) {
            start_reader(i);
        }
    }

    void kill(size_t victim) {
        if (victim == readers_.size()) {
            publisher_->kill();
            start_publisher();
        } else {
            readers_[victim]->kill();
            start_reader(victim);
        }
    }

    /// Every reader, survivor or successor, checks so many more frames; it throws if a pixel is wrong or none come.
    void ask_for_frames(size_t reader) {
        readers_[reader]->send("read count=25 keep=1 hold=" + std::to_string(reader));
    }
    int64_t await_frames(size_t reader) { return readers_[reader]->answer("read").number("received"); }
    size_t reader_count() const { return readers_.size(); }

    /// In the end nothing is lost to the dead: all slots but the living readers' and the newest frame's can be taken.
    /// Packets are held by nobody.
    void expect_all_slots_usable() {
        if (test_.GetParam() == Backend::packets) {
            return;
        }
        // More frames than a ring holds: whoever still lived on a dead publisher's is attached to its successor then.
        for (size_t reader = 0; reader < reader_count(); ++reader) {
            ask_for_frames(reader);
        }
        for (size_t reader = 0; reader < reader_count(); ++reader) {
            await_frames(reader);
        }
        publisher_->send("interrupt on=1");
        publisher_->answer("publish");
        publisher_->send("interrupt on=0");
        publisher_->await_subscribers(readers_.size());
        for (size_t free = 0; free < slots - held_at_rest - 1; ++free) {
            ASSERT_TRUE(eventually([&] { return publisher_->ask("acquire flags=1").verb() == "ok"; })) << free;
        }
    }

private:
    static constexpr size_t held_at_rest = 0 + 1 + 2; ///< See ask_for_frames().
    static constexpr size_t slots = 2 + (2 + 2 + 3);  ///< The least that admits these readers.

    void start_publisher() {
        publisher_ = std::make_unique<PublisherProcess>(test_, "slots=" + std::to_string(slots) +
                                                                   " incarnation=" + std::to_string(++incarnation_));
        publisher_->send("publish count=0 pace_us=200");
    }

    void start_reader(size_t i) {
        static const char* const options[] = {"mode=strict max_held=2", "mode=newest max_held=2 in_place=1",
                                              "mode=strict max_held=3"};
        readers_[i] = std::make_unique<SubscriberProcess>(test_, options[i]);
    }

    const RingTest& test_;
    std::unique_ptr<PublisherProcess> publisher_;
    std::array<std::unique_ptr<SubscriberProcess>, 3> readers_;
    unsigned incarnation_ = 0;
};

} // namespace

// Whoever dies when: the survivors go on within bounds, no frame is torn or changed while it is held, no slot is lost.
TEST_P(KillLoop, SurvivorsGoOnWhoeverDies) {
    const unsigned seed = from_environment("CUFRAMES_TEST_SEED", std::random_device{}());
    const unsigned rounds = from_environment("CUFRAMES_TEST_KILL_ROUNDS", 60);
    SCOPED_TRACE("CUFRAMES_TEST_SEED=" + std::to_string(seed));
    std::cout << "CUFRAMES_TEST_SEED=" << seed << std::endl;
    std::mt19937 random(seed);
    Scene scene(*this);
    for (unsigned round = 0; round < rounds; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        const size_t victim = random() % (scene.reader_count() + 1);
        for (size_t reader = 0; reader < scene.reader_count(); ++reader) {
            scene.ask_for_frames(reader);
        }
        // The moment itself is what is random here; nothing is awaited.
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 6000));
        scene.kill(victim);
        for (size_t reader = 0; reader < scene.reader_count(); ++reader) {
            if (reader == victim) {
                scene.ask_for_frames(reader);
            }
            ASSERT_EQ(scene.await_frames(reader), 25) << "reader " << reader;
        }
    }
    scene.expect_all_slots_usable();
}

CUFRAMES_OVER_BACKENDS(KillLoop);
CUFRAMES_OVER_PACKETS(KillLoop);

} // namespace cuframes::test
