// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The ring's own lease functions, as they are shipped, in every order in which a publisher's and a reader's accesses
// can come. What the search of the lease model shows for the protocol, this shows for the code.
#include "interleaving.h"
#include "ring/lease.h"

#include <gtest/gtest.h>

#include <iostream>

namespace cuframes::test {

using namespace core;

namespace {

/// One slot that holds frame 1, which the publisher wants for frame 2 while a reader is about to take it.
struct Ring {
    Word<uint64_t> sequence{1};
    Word<uint64_t> latest{0};
    Word<uint32_t> lease{ring::no_lease};
    Word<uint64_t> pixels{1};
    bool briefly =
        false; ///< The frame is looked at, and written, in one access, as there are more orders with delayed stores.
    bool torn = false, leased = false, reclaimed = false;
};

constexpr uint64_t half_written = 99;
constexpr auto relaxed = std::memory_order_relaxed;

template <class Fence>
void read_frame(Ring& ring) {
    ring.leased = ring::try_lease<Fence>(ring.lease, ring.sequence, 0, 1);
    if (!ring.leased) {
        return;
    }
    for (int look = 0; look < 2; ++look) {
        ring.torn |= ring.pixels.load(relaxed) != 1;
    }
    ring::end_lease(ring.lease);
}

void write_frame(Ring& ring) {
    ring.pixels.store(half_written, relaxed);
    ring.pixels.store(2, relaxed);
    ring::make_visible(ring.sequence, ring.latest, 0, 2);
}

bool is_leased(const Ring& ring) { return ring::leased_slot(ring.lease, 1) == 0; }

template <class Fence>
void publish_frame(Ring& ring) {
    ring.reclaimed = ring::try_reclaim<Fence>(ring.sequence, [&] { return is_leased(ring); });
    if (ring.reclaimed) {
        write_frame(ring);
    }
}

/// Not the shipped code: looks for leases first and invalidates afterwards.
void publish_frame_wrongly(Ring& ring) {
    if (is_leased(ring)) {
        return;
    }
    ring.sequence.store(invalid_sequence, relaxed);
    ring.reclaimed = true;
    write_frame(ring);
}

struct Seen {
    size_t orders = 0, torn = 0, leased = 0, reclaimed = 0, inconsistent = 0;
};

Seen try_all_orders(void (*publisher)(Ring&), void (*reader)(Ring&),
                    Interleaving::Stores stores = Interleaving::Stores::at_once) {
    Seen seen;
    std::vector<size_t> choices;
    do {
        Ring ring;
        Interleaving interleaving(choices, stores);
        interleaving.run({[&] { publisher(ring); }, [&] { reader(ring); }});
        seen.orders += 1;
        seen.torn += ring.torn;
        seen.leased += ring.leased;
        seen.reclaimed += ring.reclaimed;
        const uint64_t expected = ring.reclaimed ? 2 : 1;
        seen.inconsistent += ring.sequence.final_value() != expected || ring.pixels.final_value() != expected ||
                             ring.lease.final_value() != ring::no_lease;
        choices = interleaving.successor();
    } while (!choices.empty());
    return seen;
}

} // namespace

// In no order does the reader see other pixels in a frame that it has leased; both sides get their way in some orders,
// and every order leaves a slot that is whole and free.
TEST(Interleavings, ShippedLeaseCodeIsSafeInEveryOrder) {
    const Seen seen = try_all_orders(publish_frame<ModelFence>, read_frame<ModelFence>);
    std::cout << seen.orders << " orders" << std::endl;
    EXPECT_GT(seen.orders, 100u);
    EXPECT_EQ(seen.torn, 0u);
    EXPECT_EQ(seen.inconsistent, 0u);
    EXPECT_GT(seen.leased, 0u);
    EXPECT_GT(seen.reclaimed, 0u);
}

// The same search finds the torn frame where the publisher invalidates too late.
TEST(Interleavings, SearchFindsAnInvalidationThatComesTooLate) {
    EXPECT_GT(try_all_orders(publish_frame_wrongly, read_frame<ModelFence>).torn, 0u);
}

// Nor does it where each side's stores reach the other late, in an order of their own.
TEST(Interleavings, ShippedLeaseCodeIsSafeWithDelayedStores) {
    const Seen seen = try_all_orders(publish_frame<ModelFence>, read_frame<ModelFence>, Interleaving::Stores::delayed);
    std::cout << seen.orders << " orders" << std::endl;
    EXPECT_EQ(seen.torn, 0u);
    EXPECT_EQ(seen.inconsistent, 0u);
    EXPECT_GT(seen.leased, 0u);
    EXPECT_GT(seen.reclaimed, 0u);
}

// For which both need their fence: without, the search finds a frame that is overwritten under its reader.
TEST(Interleavings, SearchFindsAMissingFence) {
    EXPECT_GT(try_all_orders(publish_frame<NoFence>, read_frame<ModelFence>, Interleaving::Stores::delayed).torn, 0u);
    EXPECT_GT(try_all_orders(publish_frame<ModelFence>, read_frame<NoFence>, Interleaving::Stores::delayed).torn, 0u);
}

} // namespace cuframes::test
