// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A publisher gone mad, whose packet log says anything: its reader gets packets or errors, and neither crashes nor spins.
#include "cuframes/cuframes.hpp"
#include "raw_peer.h"
#include "ring_test.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <span>
#include <string>

namespace cuframes::test {

namespace {

/// Where this process has the control memory of its own publisher for writing.
std::span<std::byte> control_of_publisher() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        uint64_t from = 0, to = 0;
        if (line.find("cuframes-control") != std::string::npos && line.find(" rw-s ") != std::string::npos &&
            std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64, &from, &to) == 2) {
            return {reinterpret_cast<std::byte*>(from), to - from};
        }
    }
    throw std::runtime_error("no control memory of this process");
}

} // namespace

using PacketNonsense = HostTest;

TEST_F(PacketNonsense, AnyWordsAreSurvived) {
    const std::string directory = this->directory();
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 200; ++round) {
        auto options = publisher_options("mad");
        options.directory = directory.c_str();
        options.content = CUFRAMES_CONTENT_PACKETS;
        auto publisher = Publisher::create(options);
        ASSERT_TRUE(publisher) << publisher.error().message;
        ASSERT_TRUE(publisher->set_caps("application/x-any"));
        auto wishes = subscriber_options("mad");
        wishes.directory = directory.c_str();
        wishes.content = CUFRAMES_CONTENT_PACKETS;
        wishes.start = static_cast<cuframes_start>(round % 3);
        wishes.preroll = wishes.start == CUFRAMES_START_PREROLL ? 1'000'000 : 0;
        auto reader = Subscriber::create(wishes);
        ASSERT_TRUE(reader);
        for (int i = 0; i < 30; ++i) {
            ASSERT_TRUE(publisher->publish_packet("0123456789", 10, packet_info(static_cast<uint64_t>(i), i % 5 != 0)));
        }
        const bool attached_before = round % 2 == 0;
        if (attached_before) {
            (void)reader->next_packet(not_at_all);
        }
        const std::span<std::byte> control = control_of_publisher();
        // The words of the stream, of packets, and the first entries and caps.
        const size_t begin = offsetof(ControlHeader, state), end = std::min<size_t>(control.size(), 16 * 1024);
        for (int words = 0; words < 40; ++words) {
            const size_t at = (begin + random() % (end - begin)) / 8 * 8;
            const uint64_t value = random() >> random() % 64;
            std::memcpy(control.data() + at, &value, sizeof(value));
        }
        for (int tries = 0; tries < 50; ++tries) {
            if (auto packet = reader->next_packet(not_at_all)) {
                EXPECT_LE((*packet)->size, static_cast<size_t>(CUFRAMES_MAX_PACKET_SIZE));
            }
            (void)reader->packet_window();
        }
    }
}

} // namespace cuframes::test
