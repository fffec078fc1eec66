// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The tail of a packet log, as it is shipped, in every order: no reader believes what was overwritten, and none begins with
// a packet that a waiting publisher lets go.
#include "interleaving.h"
#include "ring/tail.h"

#include <gtest/gtest.h>

namespace cuframes::test {

using namespace core;

namespace {

constexpr uint64_t packet = 3; ///< The one in question, at the tail.
constexpr uint64_t old_bytes = 0x01d, new_bytes = 0x2e2;

/// A reader that copies a packet while its publisher lets it go and writes another one in its place.
template <class PublishersFence>
struct Copying {
    Word<uint64_t> tail{packet}, bytes{old_bytes};
    uint64_t copied = 0;
    bool whole = false;

    void first() {
        copied = bytes.load(std::memory_order_relaxed);
        whole = ring::was_whole(tail, packet);
    }
    void second() {
        ring::move_tail<PublishersFence>(tail, packet + 1, [] { return false; });
        bytes.store(new_bytes, std::memory_order_relaxed);
    }
    bool is_wrong() const { return whole && copied != old_bytes; }
};

/// A reader that begins with a packet that its publisher would keep for it, and would let go if it did not begin there.
template <class ReadersFence, class PublishersFence>
struct Beginning {
    Word<uint64_t> tail{packet}, position{packet + 5};
    bool began = false, gone = false;

    void first() { began = ring::begin_at<ReadersFence>(position, tail, packet); }
    void second() {
        gone = ring::move_tail<PublishersFence>(tail, packet + 1,
                                                [&] { return position.load(std::memory_order_relaxed) < packet; });
    }
    bool is_wrong() const { return began && gone; }
};

template <class Sides>
size_t wrong_in_all_orders() {
    size_t orders = 0, wrong = 0;
    std::vector<size_t> choices;
    do {
        Sides sides;
        Interleaving interleaving(choices, Interleaving::Stores::delayed);
        interleaving.run({[&] { sides.first(); }, [&] { sides.second(); }});
        orders += 1;
        wrong += sides.is_wrong();
        choices = interleaving.successor();
    } while (!choices.empty());
    EXPECT_GT(orders, 10u);
    return wrong;
}

} // namespace

TEST(TailInterleavings, NoReaderBelievesWhatWasOverwritten) {
    EXPECT_EQ(wrong_in_all_orders<Copying<ModelFence>>(), 0u);
    EXPECT_GT(wrong_in_all_orders<Copying<NoFence>>(), 0u) << "the publisher's fence does nothing";
}

TEST(TailInterleavings, NoReaderBeginsWithWhatIsLetGo) {
    EXPECT_EQ((wrong_in_all_orders<Beginning<ModelFence, ModelFence>>()), 0u);
    EXPECT_GT((wrong_in_all_orders<Beginning<NoFence, ModelFence>>()), 0u) << "the reader's fence does nothing";
    EXPECT_GT((wrong_in_all_orders<Beginning<ModelFence, NoFence>>()), 0u) << "the publisher's fence does nothing";
}

} // namespace cuframes::test
