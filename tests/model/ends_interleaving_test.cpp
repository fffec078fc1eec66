// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The ring's own functions for ends of a stream, as they are shipped, in every order in which a publisher's and a reader's
// accesses can come.
#include "interleaving.h"
#include "ring/ends.h"
#include "ring/lease.h"

#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <set>
#include <string>

namespace cuframes::test {

using namespace core;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

/// A stream whose frame 1 a reader has taken. Slots are not used again: that is what the lease code is tried for.
struct Stream {
    std::array<Word<uint64_t>, 4> sequences{Word<uint64_t>(0), Word<uint64_t>(1), Word<uint64_t>(0), Word<uint64_t>(0)};
    Word<uint64_t> latest{Latest{1, 1}.pack()};
    Word<uint32_t> ends{0};
    std::array<Word<uint64_t>, 3> positions{Word<uint64_t>(0), Word<uint64_t>(0), Word<uint64_t>(0)};
};

using Look = std::optional<ring::Look> (*)(const Stream&);

std::optional<ring::Look> shipped_look(const Stream& stream) { return ring::look(stream.ends, stream.latest); }

/// Not the shipped code: a frame that is published in between is passed over for the end after it.
std::optional<ring::Look> frame_first(const Stream& stream) {
    const Latest newest = Latest::unpack(stream.latest.load(relaxed));
    return ring::Look{newest, stream.ends.load(relaxed)};
}

/// Not the shipped code: an end that comes in between is told after the frame that followed it.
std::optional<ring::Look> ends_first(const Stream& stream) {
    const uint32_t ends = stream.ends.load(relaxed);
    return ring::Look{Latest::unpack(stream.latest.load(relaxed)), ends};
}

class StreamReader {
public:
    StreamReader(const Stream& stream, Look look) : stream_(stream), look_(look) {}

    /// One step, as ring::Reader makes it: the next frame, an end, or nothing.
    void step() {
        const auto now = look_(stream_);
        if (!now) {
            return;
        }
        const uint64_t next = now->newest.sequence > position_ ? position_ + 1 : UINT64_MAX;
        if (now->ends != told_) {
            const auto place = ring::end_position(stream_.ends, stream_.positions, told_ + 1);
            if (!place || *place < next) {
                told_ += 1;
                position_ = std::max(position_, place.value_or(0));
                seen_ += 'E';
                return;
            }
        }
        if (next != UINT64_MAX) {
            position_ = next;
            seen_ += static_cast<char>('0' + next);
        }
    }

    const std::string& seen() const { return seen_; }

private:
    const Stream& stream_;
    Look look_;
    uint64_t position_ = 1;
    uint32_t told_ = 0;
    std::string seen_;
};

/// What a publisher does, in characters: a digit is the next frame, E an end.
void publish(Stream& stream, const std::string& script) {
    uint32_t frame = 1;
    for (const char step : script) {
        if (step == 'E') {
            ring::add_end(stream.ends, stream.positions, frame);
        } else {
            frame += 1;
            ring::make_visible(stream.sequences[frame], stream.latest, frame, frame);
        }
    }
}

/// What a reader that looks once while that is done, and then until nothing is left, has seen.
std::set<std::string> seen_in_all_orders(Look look, const std::string& script,
                                         Interleaving::Stores stores = Interleaving::Stores::at_once) {
    std::set<std::string> seen;
    std::vector<size_t> choices;
    size_t orders = 0;
    do {
        Stream stream;
        StreamReader reader(stream, look);
        Interleaving interleaving(choices, stores);
        interleaving.run({[&] { publish(stream, script); }, [&] { reader.step(); }});
        Interleaving rest({});
        rest.run({[&] {
            for (size_t step = 0; step < script.size() + 1; ++step) {
                reader.step();
            }
        }});
        seen.insert(reader.seen());
        orders += 1;
        choices = interleaving.successor();
    } while (!choices.empty());
    std::cout << script << ": " << orders << " orders" << std::endl;
    return seen;
}

} // namespace

// In every order the reader sees each frame and each end once, and each end in its place.
TEST(EndsInterleavings, EachFrameAndEachEndIsSeenOnceAndInOrder) {
    for (const std::string script : {"2E", "E2", "2E3", "E2E"}) {
        EXPECT_EQ(seen_in_all_orders(shipped_look, script), std::set<std::string>{script});
        EXPECT_EQ(seen_in_all_orders(shipped_look, script, Interleaving::Stores::delayed),
                  std::set<std::string>{script});
    }
}

// The same search finds what is wrong where the two words are read one after the other only.
TEST(EndsInterleavings, SearchFindsFramesAndEndsOutOfPlace) {
    EXPECT_TRUE(seen_in_all_orders(frame_first, "2E").contains("E")) << "frame 2 is passed over";
    EXPECT_TRUE(seen_in_all_orders(ends_first, "E2").contains("2E"));
}

} // namespace cuframes::test
