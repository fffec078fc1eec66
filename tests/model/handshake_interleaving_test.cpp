// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The ring's own handshakes, as they are shipped, in every order in which both sides' accesses can come, with stores
// that are delayed past later loads: nobody is left asleep, and nobody waits for what has come back already.
#include "interleaving.h"
#include "protocol/layout.h"
#include "ring/handshake.h"
#include "ring/lease.h"

#include <gtest/gtest.h>

#include <iostream>

namespace cuframes::test {

using namespace core;

namespace {

/// A reader that finds no frame and goes to sleep while its publisher publishes one.
template <class ReadersFence, class PublishersFence>
struct Sleeping {
    Word<uint32_t> sleeping{0};
    Word<uint64_t> sequence{0}, latest{0};
    bool sleeps = false, woken = false;

    void first() {
        sleeps =
            ring::may_sleep<ReadersFence>(sleeping, 1, [&] { return latest.load(std::memory_order_acquire) != 0; });
    }
    void second() {
        ring::change_then_look<PublishersFence>([&] { ring::make_visible(sequence, latest, 0, 1); },
                                                [&] { woken = ring::sleep_of(sleeping) == 1; });
    }
    bool missed() const { return sleeps && !woken; }
};

/// A publisher that finds the only slot leased and waits, while the reader gives it back.
template <class ReadersFence, class PublishersFence>
struct Waiting {
    Word<uint32_t> waits{0}, lease{1};
    bool found = false, told = false;

    void first() {
        told = ring::give_back<ReadersFence>(waits, [&] { ring::end_lease(lease); });
    }
    void second() {
        found = ring::wait_for_readers<PublishersFence>(waits, [&] { return ring::leased_slot(lease, 1) < 0; });
    }
    bool missed() const { return !found && !told; }
};

/// A reader that takes up a generation while that is superseded: it is sent the next one, or asks for it.
template <class ReadersFence, class PublishersFence>
struct Adopting {
    Word<uint32_t> adopted{0}, stream{0};
    bool asks = false, sent = false;

    void first() {
        ring::adopt<ReadersFence>(adopted);
        asks = stream.load(std::memory_order_acquire) != 0;
    }
    void second() {
        ring::change_then_look<PublishersFence>([&] { stream.store(1, std::memory_order_release); },
                                                [&] { sent = adopted.load(std::memory_order_acquire) != 0; });
    }
    bool missed() const { return !asks && !sent; }
};

/// In how many of all orders the two sides miss each other.
template <class Handshake>
size_t missed_in_all_orders() {
    size_t orders = 0, missed = 0;
    std::vector<size_t> choices;
    do {
        Handshake handshake;
        Interleaving interleaving(choices, Interleaving::Stores::delayed);
        interleaving.run({[&] { handshake.first(); }, [&] { handshake.second(); }});
        orders += 1;
        missed += handshake.missed();
        choices = interleaving.successor();
    } while (!choices.empty());
    std::cout << orders << " orders, missed in " << missed << std::endl;
    EXPECT_GT(orders, 10u);
    return missed;
}

template <template <class, class> class Handshake>
void expect_both_fences_to_be_needed() {
    EXPECT_EQ((missed_in_all_orders<Handshake<ModelFence, ModelFence>>()), 0u);
    EXPECT_GT((missed_in_all_orders<Handshake<NoFence, ModelFence>>()), 0u) << "the reader's fence does nothing";
    EXPECT_GT((missed_in_all_orders<Handshake<ModelFence, NoFence>>()), 0u) << "the publisher's fence does nothing";
}

} // namespace

TEST(HandshakeInterleavings, NoReaderSleepsThroughAFrame) { expect_both_fences_to_be_needed<Sleeping>(); }

TEST(HandshakeInterleavings, NoPublisherWaitsForWhatHasComeBack) { expect_both_fences_to_be_needed<Waiting>(); }

TEST(HandshakeInterleavings, NoReaderIsLeftWithAGenerationThatIsSuperseded) {
    expect_both_fences_to_be_needed<Adopting>();
}

} // namespace cuframes::test
