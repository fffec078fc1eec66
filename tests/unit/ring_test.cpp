// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a leased slot is never written, and every sequence number is delivered or counted. The parties are threads on
// one mapping here, which meet as often as they can.
#include "ring/reader.h"
#include "ring/slot_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace cuframes;
using namespace cuframes::core;
using namespace cuframes::core::ring;

constexpr auto anything = [](uint64_t) { return true; };
constexpr auto nobody = [](uint32_t) { return false; };

/// A ring of bare records and words, as the publisher keeps it.
struct Ring {
    explicit Ring(uint32_t slots, uint32_t kept) : records(slots), table(records, kept, slots - kept) {}

    void publish(uint32_t slot) {
        sequence += 1;
        records[slot].pts.store(sequence);
        make_visible(records[slot].sequence, words.latest, slot, sequence);
        state.last_sequence.store(sequence);
        words.slots_in_use.store(table.used());
        table.published(slot, sequence);
    }

    void end() {
        state.last_sequence.store(sequence);
        add_end(state.ends, state.end_positions, sequence);
    }

    /// Acquires, publishes and releases one slot.
    std::optional<uint32_t> cycle() {
        auto slot = table.acquire(anything, nobody);
        if (slot) {
            publish(*slot);
            table.release(*slot);
        }
        return slot;
    }

    std::vector<SlotRecord> records;
    StreamWords state = {};
    FrameWords words = {};
    SlotTable table;
    uint64_t sequence = 0;
};

TEST(SlotTable, KeepsAsManyFramesAsAskedAndReusesTheOldest) {
    Ring ring(8, 4);
    std::vector<uint32_t> used;
    for (int i = 0; i < 8; ++i) {
        used.push_back(*ring.cycle());
    }
    EXPECT_EQ(used, (std::vector<uint32_t>{0, 1, 2, 3, 0, 1, 2, 3})) << "slots for the producer stay untouched";
}

TEST(SlotTable, SlotsBeyondThoseKeptAreForFramesTheProducerHolds) {
    Ring ring(6, 3);
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(ring.table.acquire(anything, nobody)) << i;
    }
    EXPECT_TRUE(ring.table.acquire(anything, nobody));
    EXPECT_FALSE(ring.table.acquire(anything, nobody)) << "all are held";
    EXPECT_FALSE(ring.table.blocked_by_readers());
    ring.table.release(2);
    EXPECT_EQ(ring.table.acquire(anything, nobody), 2u);
}

TEST(SlotTable, OneGivenBackWithWorkInItIsTheLastToBeUsedAgain) {
    Ring ring(4, 4);
    const auto give_back = [&] {
        const auto slot = ring.table.acquire(anything, nobody);
        ring.table.release(*slot, true);
        return *slot;
    };
    std::vector<uint32_t> used{give_back()};
    for (int i = 0; i < 4; ++i) {
        used.push_back(*ring.cycle());
    }
    EXPECT_EQ(used, (std::vector<uint32_t>{0, 1, 2, 3, 0})) << "in a new ring";
    used = {give_back()};
    for (int i = 0; i < 4; ++i) {
        used.push_back(*ring.cycle());
    }
    EXPECT_EQ(used, (std::vector<uint32_t>{1, 2, 3, 0, 1})) << "in one that is full";
}

TEST(SlotTable, TheNewestFrameAndLeasedOnesAreNeverTaken) {
    Ring ring(3, 3);
    for (int i = 0; i < 3; ++i) {
        ring.cycle();
    }
    // Slot 2 is the newest, slot 0 is leased.
    auto leased = [](uint32_t slot) { return slot == 0; };
    EXPECT_EQ(ring.table.acquire(anything, leased), 1u);
    EXPECT_FALSE(ring.table.acquire(anything, leased));
    EXPECT_TRUE(ring.table.blocked_by_readers());
    EXPECT_EQ(ring.records[0].sequence.load(), 1u) << "a leased frame keeps its sequence";
}

TEST(SlotTable, ProtectedFramesAreNotOverwritten) {
    Ring ring(4, 4);
    for (int i = 0; i < 4; ++i) {
        ring.cycle();
    }
    EXPECT_FALSE(ring.table.acquire([](uint64_t sequence) { return sequence < 1; }, nobody));
    auto slot = ring.table.acquire([](uint64_t sequence) { return sequence <= 1; }, nobody);
    ASSERT_TRUE(slot);
    EXPECT_EQ(ring.table.overwritten(*slot), 1u);
}

TEST(Reader, StrictTellsExactlyHowManyWereLost) {
    Ring ring(4, 4);
    std::atomic<uint32_t> lease{0};
    ring.cycle();
    Reader reader(ring.state, ring.words, ring.records, CUFRAMES_MODE_STRICT, 0);
    EXPECT_EQ(reader.take(lease)->sequence, 1u);
    end_lease(lease);
    for (int i = 0; i < 10; ++i) {
        ring.cycle();
    }
    // 2 to 11 were published, 8 to 11 are still there.
    for (uint64_t expected = 8; expected <= 11; ++expected) {
        const auto taken = reader.take(lease);
        ASSERT_TRUE(taken);
        EXPECT_EQ(taken->sequence, expected);
        EXPECT_EQ(taken->missed, expected == 8 ? 6u : 0u);
        end_lease(lease);
    }
    EXPECT_FALSE(reader.take(lease));
    EXPECT_EQ(lease.load(), no_lease);
}

TEST(Reader, NewestSkipsAndCounts) {
    Ring ring(4, 4);
    std::atomic<uint32_t> lease{0};
    Reader reader(ring.state, ring.words, ring.records, CUFRAMES_MODE_NEWEST, 0);
    EXPECT_FALSE(reader.take(lease));
    for (int i = 0; i < 7; ++i) {
        ring.cycle();
    }
    const auto taken = reader.take(lease);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->sequence, 7u);
    EXPECT_EQ(taken->missed, 6u);
    EXPECT_FALSE(reader.has_next());
    EXPECT_EQ(reader.pass_to(9), 2u) << "frames dropped after the last one count at the end";
    EXPECT_EQ(reader.pass_to(9), 0u);
}

TEST(Reader, AFrameInMemoryThatIsNotMappedYetIsLeftThere) {
    Ring ring(4, 4);
    std::atomic<uint32_t> lease{0};
    Reader reader(ring.state, ring.words, ring.records, CUFRAMES_MODE_STRICT, 0);
    for (int i = 0; i < 3; ++i) {
        ring.cycle();
    }
    EXPECT_EQ(reader.take(lease, CUFRAMES_TIME_NONE, 2)->slot, 0u);
    end_lease(lease);
    EXPECT_EQ(reader.take(lease, CUFRAMES_TIME_NONE, 2)->slot, 1u);
    end_lease(lease);
    EXPECT_FALSE(reader.take(lease, CUFRAMES_TIME_NONE, 2));
    EXPECT_EQ(lease.load(), no_lease);
    EXPECT_EQ(reader.position(), 2u) << "it is neither taken nor lost";
    EXPECT_EQ(reader.take(lease, CUFRAMES_TIME_NONE, 3)->sequence, 3u);
}

TEST(Reader, APublisherGoneMadCannotSendItOutOfTheRing) {
    Ring ring(4, 4);
    std::atomic<uint32_t> lease{0};
    Reader reader(ring.state, ring.words, ring.records, CUFRAMES_MODE_NEWEST, 0);
    ring.words.latest.store(Latest{5, 60000}.pack());
    EXPECT_FALSE(reader.take(lease));
    ring.words.latest.store(Latest{5, 1}.pack()); // Slot 1 never gets that sequence.
    EXPECT_FALSE(reader.take(lease)) << "gives up after a bound";
    EXPECT_EQ(lease.load(), no_lease);
}

// What a reader finds, in words: the number of a frame, or E for an end of the stream.
std::string told(Reader& reader, std::atomic<uint32_t>& lease, uint64_t late_until = CUFRAMES_TIME_NONE) {
    std::string all;
    for (;;) {
        if (const auto taken = reader.take(lease, late_until)) {
            all += std::to_string(taken->sequence) + ' ';
            end_lease(lease);
        } else if (reader.end_is_next()) {
            reader.tell_end();
            all += "E ";
        } else {
            return all;
        }
    }
}

TEST(Ends, AreToldInTheirPlaceThoughFramesFollowedBeforeTheReaderLooked) {
    Ring ring(8, 8);
    std::atomic<uint32_t> lease{0};
    Reader strict(ring.state, ring.words, ring.records, CUFRAMES_MODE_STRICT, 0);
    Reader newest(ring.state, ring.words, ring.records, CUFRAMES_MODE_NEWEST, 0);
    Reader patient(ring.state, ring.words, ring.records, CUFRAMES_MODE_NEWEST, 0);
    ring.end();
    for (int round = 0; round < 2; ++round) {
        ring.cycle();
        ring.cycle();
        ring.end();
    }
    ring.cycle();
    EXPECT_EQ(told(strict, lease), "E 1 2 E 3 4 E 5 ");
    // It passes over what is late, but not over the ends of what it passes over.
    EXPECT_EQ(told(newest, lease), "E E E 5 ");
    EXPECT_EQ(newest.position(), 5u);
    EXPECT_EQ(told(patient, lease, 0), "E 1 2 E 3 4 E 5 ") << "no frame was late";
    ring.end();
    EXPECT_TRUE(strict.has_end());
    EXPECT_EQ(told(strict, lease), "E ");
    EXPECT_EQ(told(strict, lease), "");
}

TEST(Ends, CountWhatWasLostBeforeThem) {
    Ring ring(4, 4);
    std::atomic<uint32_t> lease{0};
    Reader reader(ring.state, ring.words, ring.records, CUFRAMES_MODE_STRICT, 0);
    ring.cycle();
    ring.sequence += 2; // Dropped.
    ring.end();
    for (int i = 0; i < 10; ++i) {
        ring.cycle();
    }
    EXPECT_FALSE(reader.take(lease));
    ASSERT_TRUE(reader.end_is_next()) << "frame 1 was lapped: nothing comes before the end any more";
    EXPECT_EQ(reader.tell_end(), 3u);
    EXPECT_EQ(reader.take(lease)->missed, 6u);
}

TEST(Ends, AreAllToldWhenThereWereMoreThanHaveAPlace) {
    Ring ring(4, 4);
    std::atomic<uint32_t> lease{0};
    Reader reader(ring.state, ring.words, ring.records, CUFRAMES_MODE_STRICT, 0);
    constexpr uint64_t rounds = 2 * known_ends + 1;
    for (uint64_t i = 0; i < rounds; ++i) {
        ring.cycle();
        ring.end();
    }
    const std::string all = told(reader, lease);
    EXPECT_EQ(std::count(all.begin(), all.end(), 'E'), static_cast<long>(rounds));
    EXPECT_TRUE(all.ends_with("E 511 E 512 E 513 E ")) << all;
}

TEST(Ends, OfAPublisherGoneMadDoNotHoldAReader) {
    Ring ring(4, 4);
    std::atomic<uint32_t> lease{0};
    Reader reader(ring.state, ring.words, ring.records, CUFRAMES_MODE_STRICT, 0, 7);
    ring.state.ends.store(3); // Fewer than before.
    ring.cycle();
    EXPECT_EQ(told(reader, lease), "1 ");
    ring.state.ends.store(8);
    ring.state.end_positions[8].store(UINT64_MAX); // Behind every frame.
    ring.cycle();
    EXPECT_EQ(told(reader, lease), "2 E ");
    EXPECT_EQ(reader.position(), 2u);
}

TEST(Lease, WordsOutOfRangeNameNoSlot) {
    std::atomic<uint32_t> word{0};
    EXPECT_EQ(leased_slot(word, 8), -1);
    word = 8;
    EXPECT_EQ(leased_slot(word, 8), 7);
    word = 9;
    EXPECT_EQ(leased_slot(word, 8), -1);
    word = UINT32_MAX;
    EXPECT_EQ(leased_slot(word, 8), -1);
}

/// One publisher and readers of both modes as threads, at full speed, on the smallest legal ring.
class LeaseUnderLoad : public testing::TestWithParam<cuframes_mode> {};

// A stream that ends after every third frame, and goes on at once: whenever the reader looks, it finds every end once and
// passes over no frame that is there.
TEST_P(LeaseUnderLoad, EndsAndFramesAreAllAccountedFor) {
    constexpr uint64_t frames = 30'000;
    Ring ring(8, 8);
    std::atomic<uint32_t> lease{0};
    std::atomic<uint64_t> position{0};
    std::atomic<bool> done{false};
    uint64_t accounted = 0;
    uint64_t ends = 0;
    uint64_t misplaced = 0;
    std::thread thread([&] {
        Reader reader(ring.state, ring.words, ring.records, GetParam(), 0);
        bool last_round = false;
        while (!last_round) {
            last_round = done.load();
            for (;;) {
                if (const auto taken = reader.take(lease)) {
                    end_lease(lease);
                    accounted += 1 + taken->missed;
                    misplaced += ends != (taken->sequence - 1) / 3;
                } else if (reader.end_is_next()) {
                    accounted += reader.tell_end();
                    ends += 1;
                    misplaced += reader.position() > ends * 3;
                } else {
                    break;
                }
                position = reader.position();
            }
        }
    });
    const bool waits = GetParam() == CUFRAMES_MODE_STRICT;
    for (uint64_t frame = 0; frame < frames;) {
        auto slot = ring.table.acquire([&](uint64_t sequence) { return !waits || sequence <= position.load(); },
                                       [&](uint32_t wanted) { return leased_slot(lease, 8) == wanted; });
        if (slot) {
            ring.publish(*slot);
            ring.table.release(*slot);
            if (++frame % 3 == 0) {
                ring.end();
            }
        }
    }
    done = true;
    thread.join();
    EXPECT_EQ(ends, frames / 3);
    EXPECT_EQ(misplaced, 0u);
    EXPECT_EQ(accounted, frames);
}

TEST_P(LeaseUnderLoad, NoReaderSeesATornFrame) {
    constexpr int reader_count = 2;
    constexpr uint64_t frames = 200'000;
    Ring ring(2 + reader_count, 2 + reader_count);
    // Plain words stand for the pixels: a write during a read shows as words that differ.
    std::vector<std::array<uint64_t, 8>> pixels(ring.records.size());
    std::array<std::atomic<uint32_t>, reader_count> leases = {};
    std::atomic<bool> done{false};
    std::atomic<uint64_t> torn{0};
    std::vector<std::thread> readers;
    std::array<uint64_t, reader_count> accounted = {};

    for (int r = 0; r < reader_count; ++r) {
        readers.emplace_back([&, r] {
            Reader reader(ring.state, ring.words, ring.records, GetParam(), 0);
            bool last_round = false;
            while (!last_round) {
                last_round = done.load();
                while (const auto taken = reader.take(leases[r])) {
                    for (uint64_t word : pixels[taken->slot]) {
                        torn += word != taken->sequence;
                    }
                    end_lease(leases[r]);
                    accounted[r] += 1 + taken->missed;
                }
            }
            accounted[r] += reader.pass_to(ring.state.last_sequence.load());
        });
    }
    for (uint64_t frame = 0; frame < frames; ++frame) {
        auto slot = ring.table.acquire(anything, [&](uint32_t wanted) {
            return std::any_of(leases.begin(), leases.end(), [&](const auto& lease) {
                return leased_slot(lease, static_cast<uint32_t>(ring.records.size())) == wanted;
            });
        });
        ASSERT_TRUE(slot) << "2 + the sum of leases is always enough";
        pixels[*slot].fill(ring.sequence + 1);
        ring.publish(*slot);
        ring.table.release(*slot);
    }
    done = true;
    for (auto& reader : readers) {
        reader.join();
    }
    EXPECT_EQ(torn.load(), 0u);
    for (uint64_t total : accounted) {
        EXPECT_EQ(total, frames) << "every frame was delivered or counted";
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, LeaseUnderLoad, testing::Values(CUFRAMES_MODE_NEWEST, CUFRAMES_MODE_STRICT),
                         [](const auto& mode) { return mode.param == CUFRAMES_MODE_STRICT ? "Strict" : "Newest"; });

} // namespace
