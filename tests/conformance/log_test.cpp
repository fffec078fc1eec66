// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the log tells of a stream, on both sides: docs/howto/see-what-happens.md shows these lines.
#include "ring_test.h"

#include <memory>

namespace cuframes::test {

class Log : public RingTest {
protected:
    /// Has a process publish whose log is kept from before. The epoch of its generation.
    std::string publish(Process& publisher, const std::string& options = {}) {
        publisher.call("keep_log level=4");
        publisher.call("publisher " + options);
        return std::to_string(publisher.call("configure memory=" + memory()).number("epoch"));
    }
    static bool says(Process& process, const std::string& line) {
        return eventually([&] { return process.call("log").text("text").find(line) != std::string::npos; });
    }
    static std::string log_of(Process& process) { return process.call("log").text("text"); }
    static std::string named(const Process& reader, const std::string& mode) {
        return "reader \"reader\" (pid " + std::to_string(reader.pid()) + ", " + mode + ")";
    }
};

TEST_P(Log, TellsOfTheKeyAndOfEachGeneration) {
    Process publisher(in_directory());
    const std::string epoch = publish(publisher, "slots=6");
    EXPECT_TRUE(says(publisher, "key \"cam\" taken: readers connect to " + directory() + "/cam.sock (access=user)"))
        << log_of(publisher);
    const std::string where = GetParam() == Backend::cuda ? "in memory of GPU " : "in host memory";
    EXPECT_TRUE(says(publisher, "\"cam\" has a new generation: epoch " + epoch + ", NV12 64x48, 6 slots of "))
        << log_of(publisher);
    EXPECT_TRUE(says(publisher, " bytes (at most 6) " + where)) << log_of(publisher);
    EXPECT_EQ(log_of(publisher).find("released"), std::string::npos);
    publisher.call("destroy_publisher");
    EXPECT_TRUE(says(publisher, "key \"cam\" released")) << log_of(publisher);
}

TEST_P(Log, TellsWhoAttachedAndWhyItLeft) {
    Process publisher(in_directory());
    publish(publisher);
    SubscriberProcess polite(*this, "mode=strict max_held=3");
    polite.attach();
    EXPECT_TRUE(says(publisher, named(polite, "strict") + " attached to \"cam\" and may hold 3 frames"))
        << log_of(publisher);
    publisher.call("publish count=2");
    polite.call("read count=2");
    polite.call("destroy_subscriber");
    EXPECT_TRUE(says(publisher, named(polite, "strict") + " left \"cam\": it closed; received 2, skipped 0, lost 0"))
        << log_of(publisher);

    SubscriberProcess killed(*this, "mode=newest");
    killed.call("read count=1"); // One that goes before it was sent all it needs was not admitted.
    const std::string who = named(killed, "newest");
    killed.kill();
    EXPECT_TRUE(says(publisher, who + " left \"cam\": its process ended without closing it; received "))
        << log_of(publisher);
}

TEST_P(Log, TellsAReaderOfItsPublishers) {
    SubscriberProcess reader(*this, "max_held=2");
    reader.call("keep_log level=4");
    EXPECT_EQ(reader.ask("connect timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_TRUE(says(reader, "\"reader\" waits for a publisher of \"cam\": ")) << log_of(reader);
    auto publisher = std::make_unique<PublisherProcess>(*this);
    reader.attach();
    const std::string which = "the publisher of \"cam\" (pid " + std::to_string(publisher->pid()) + ")";
    EXPECT_TRUE(says(reader, "found " + which + ": \"reader\" may hold 2 frames")) << log_of(reader);
    publisher->kill();
    EXPECT_TRUE(eventually([&] {
        reader.ask("next timeout=10");
        return log_of(reader).find(which + " is gone") != std::string::npos;
    })) << log_of(reader);
}

// Who holds a frame for long is named when there is no slot to be had, and not before.
TEST_P(Log, TellsWhoHoldsAFrameForLongWhenSlotsAreMissing) {
    Process publisher(in_directory());
    publish(publisher, "slots=3");
    SubscriberProcess reader(*this, "max_held=1");
    reader.attach();
    publisher.call("publish");
    reader.call("next");
    EXPECT_TRUE(eventually([&] {
        publisher.ask("acquire"); // After two of them there is none.
        return log_of(publisher).find(named(reader, "strict") + " holds frame 1 of \"cam\", published ") !=
               std::string::npos;
    })) << log_of(publisher);
}

TEST_P(Log, TellsOfAWaitForReaders) {
    Process publisher(in_directory());
    publish(publisher, "slots=3 policy=wait wait_ms=200");
    SubscriberProcess reader(*this, "mode=strict max_held=1");
    reader.attach();
    publisher.call("publish count=6");
    EXPECT_TRUE(says(publisher, "\"cam\" waited ")) << log_of(publisher);
}

CUFRAMES_OVER_BACKENDS(Log);

} // namespace cuframes::test
