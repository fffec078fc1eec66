// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Nothing is left behind: no descriptor, mapping, thread or byte, on either side.
#include "ring_test.h"

namespace cuframes::test {

using Leaks = RingTest;

namespace {

/// What the process has more of, named; empty: nothing.
std::string growth(const Message& before, const Message& after) {
    std::string grown;
    for (const char* what : {"fds", "threads", "memfds", "cuda_objects", "cuda_bytes"}) {
        if (after.number(what) > before.number(what)) {
            grown += std::string(what) + " " + after.text(what) + ", before " + before.text(what) + "; ";
        }
    }
    // malloc keeps arenas and a driver keeps caches as it sees fit; a thousand leaks would show all the same.
    if (after.number("maps") - before.number("maps") >= 20) {
        grown += "maps; ";
    }
    if (after.number("heap") - before.number("heap") >= 256 * 1024) {
        grown += "heap; ";
    }
    return grown;
}

/// A ring may be taken down by a thread of its own, a moment after its last frame went.
void expect_no_growth(Process& process, const Message& before, const char* side) {
    EXPECT_TRUE(eventually([&] { return growth(before, process.call("resources")).empty(); }))
        << side << ": " << growth(before, process.call("resources"));
}

} // namespace

// A thousand times attach, take a frame, detach: both processes are what they were.
TEST_P(Leaks, ThousandAttachmentsLeaveNothingBehind) {
    PublisherProcess publisher(*this);
    publisher.call("publish count=3");
    Process reader(in_directory());
    reader.call("cycle count=50");
    publisher.await_subscribers(0);
    const Message publisher_before = publisher.call("resources");
    const Message reader_before = reader.call("resources");

    reader.call("cycle count=1000", milliseconds(120'000));
    publisher.await_subscribers(0);
    expect_no_growth(publisher, publisher_before, "publisher");
    expect_no_growth(reader, reader_before, "reader");
}

// A hundred generations come and go under an attached reader: only the last one is kept.
TEST_P(Leaks, HundredReconfigurationsLeaveNothingBehind) {
    PublisherProcess publisher(*this);
    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    const auto reconfigure = [&](int rounds) {
        for (int round = 0; round < rounds; ++round) {
            publisher.call("configure memory=" + memory() + " width=" + std::to_string(round % 2 ? 64 : 80));
            publisher.call("publish");
            reader.call("read count=1");
        }
    };
    reconfigure(10);
    const Message publisher_before = publisher.call("resources");
    const Message reader_before = reader.call("resources");
    reconfigure(100);
    expect_no_growth(publisher, publisher_before, "publisher");
    expect_no_growth(reader, reader_before, "reader");
}

// A reader that outlives thirty killed publishers keeps nothing of them.
TEST_P(Leaks, ReaderKeepsNothingOfDeadPublishers) {
    SubscriberProcess reader(*this, "mode=newest");
    const auto outlive = [&](int publishers) {
        for (int i = 0; i < publishers; ++i) {
            PublisherProcess publisher(*this, "incarnation=" + std::to_string(i + 1));
            publisher.call("publish");
            reader.call("read count=1");
            publisher.kill();
            // A busy machine may tell of the death later than this waits.
            EXPECT_TRUE(eventually([&] {
                EXPECT_EQ(reader.ask("next timeout=10").number("code"), CUFRAMES_ERROR_TIMEOUT);
                return reader.stat("state") != CUFRAMES_STATE_ATTACHED;
            }));
            // Now it has looked for the next one, and watches for it: what it has for that counts before and after.
            EXPECT_EQ(reader.ask("next timeout=10").number("code"), CUFRAMES_ERROR_TIMEOUT);
        }
    };
    outlive(3);
    const Message before = reader.call("resources");
    outlive(30);
    expect_no_growth(reader, before, "reader");
}

CUFRAMES_OVER_BACKENDS(Leaks);

} // namespace cuframes::test
