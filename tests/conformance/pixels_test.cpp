// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Every visible byte arrives as it was, in every layout, by every way into a slot and out of it.
#include "picture.h"
#include "ring_test.h"

#include <vector>

namespace cuframes::test {

using Pixels = RingTest;

namespace {

/// Publishes some frames by each way of writing and lets the reader compare every pixel of them.
void exchange(PublisherProcess& publisher, SubscriberProcess& reader, const std::string& layout,
              const std::vector<std::string>& sources) {
    publisher.call("configure " + layout);
    for (const std::string& source : sources) {
        publisher.call("publish count=3 source=" + source);
        const Message seen = reader.call("read count=3 hold=1");
        EXPECT_EQ(seen.number("missed"), 0) << layout << " written from " << source;
    }
}

std::vector<std::string> ways_to_write(Backend backend) {
    return backend != Backend::cuda ? std::vector<std::string>{"host", "direct"}
                                    : std::vector<std::string>{"host", "device"};
}

} // namespace

// Frames of every format and of odd sizes, in rows with and without padding and planes that start anywhere, arrive byte
// for byte.
TEST_P(Pixels, EveryLayoutArrivesByteIdentical) {
    PublisherProcess publisher(*this, "slots=8 policy=wait");
    SubscriberProcess copying(*this, "mode=strict max_held=2");
    SubscriberProcess in_place(*this, "mode=strict max_held=2 in_place=1");
    copying.attach();
    in_place.attach();
    const char* placements[] = {"alignment=1", "alignment=4 lead=52", "alignment=256"};
    for (const std::string& format : known_formats()) {
        for (const char* size : {"width=66 height=47", "width=33 height=9", "width=640 height=360"}) {
            for (const char* placement : placements) {
                const std::string layout = "memory=" + memory() + " format=" + format + ' ' + size + ' ' + placement;
                exchange(publisher, copying, layout, ways_to_write(GetParam()));
                EXPECT_EQ(in_place.call("read count=6 hold=1").number("missed"), 0) << layout;
            }
        }
    }
}

// So do large ones.
TEST_P(Pixels, LargeFramesArriveByteIdentical) {
    PublisherProcess publisher(*this, "slots=6 policy=wait");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.attach();
    for (const char* layout : {"format=NV12 width=1920 height=1080", "format=P010_10LE width=3840 height=2160"}) {
        exchange(publisher, reader, "memory=" + memory() + ' ' + layout, ways_to_write(GetParam()));
    }
}

// A destination that has fewer rows than the frame is not written behind its end, but refused, whoever made the ring.
TEST_P(Pixels, DestinationWithFewerRowsIsRefused) {
    PublisherProcess publisher(*this, "", "format=NV12 width=64 height=48");
    SubscriberProcess reader(*this);
    reader.attach();
    publisher.call("publish");
    reader.call("next");
    const Message refusal = reader.ask("read_into rows=47");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(refusal.text("text").find("47 rows"), std::string::npos) << refusal.text("text");
    reader.call("read_into rows=48");
    reader.call("read_into rows=0");
}

// What was copied into its slot is counted; what the producer wrote there itself is not.
TEST_P(Pixels, CopiesAreCounted) {
    PublisherProcess publisher(*this);
    publisher.call("publish count=3 source=host");
    EXPECT_EQ(publisher.stat("copied"), 3u);
    if (GetParam() != Backend::cuda) {
        publisher.call("publish count=4 source=direct");
        EXPECT_EQ(publisher.stat("copied"), 3u);
        EXPECT_EQ(publisher.stat("published"), 7u);
    }
    EXPECT_EQ(publisher.stat("bytes") % publisher.stat("published"), 0u);
}

CUFRAMES_OVER_BACKENDS(Pixels);

} // namespace cuframes::test
