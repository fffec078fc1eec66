// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Who is attached to whom, whatever is carried: keys, attaching, deaths on either side, seats.
#include "ring_test.h"

#include <csignal>
#include <filesystem>
#include <memory>
#include <vector>

namespace cuframes::test {

using Members = RingTest;

// A publisher killed with SIGKILL and started again: its subscriber first gets what was left, then goes on with the
// successor by itself; the first new frame is marked, and frames held from before stay what they were.
TEST_P(Members, ReaderGoesOnWithTheSuccessorOfAKilledPublisher) {
    auto publisher = std::make_unique<PublisherProcess>(*this, "slots=10 incarnation=1");
    SubscriberProcess reader(*this, "mode=strict max_held=4");
    reader.attach();
    publisher->call("publish count=5");
    reader.call("next");
    reader.call("next");
    publisher->kill();

    EXPECT_EQ(reader.call("read count=3 hold=2 keep=1").number("last"), 5);
    reader.send("next timeout=-1");
    ASSERT_TRUE(eventually([&] { return all_threads_sleep(reader.pid()); }));
    publisher = std::make_unique<PublisherProcess>(*this, "slots=10 incarnation=2", "format=RGB width=40 height=30");
    publisher->call("publish count=20 pace_us=1000");

    const Message resumed = reader.answer();
    EXPECT_EQ(resumed.number("incarnation"), 2);
    EXPECT_EQ(resumed.number("discontinuity"), 1);
    EXPECT_EQ(reader.call("check").number("held"), 3);
    EXPECT_EQ(reader.stat("reconnects"), 1u);
    EXPECT_EQ(reader.stat("publisher_pid"), static_cast<uint64_t>(publisher->pid()));
    const std::string states = reader.call("states").text("list");
    EXPECT_EQ(states, "attached gone waiting attached");
}

// The same in newest mode: it gets the newest of what the dead one left, then the successor's frames.
TEST_P(Members, NewestReaderGoesOnToo) {
    if (GetParam() == Backend::packets) {
        GTEST_SKIP() << "packets are read in order, in newest mode too";
    }
    auto publisher = std::make_unique<PublisherProcess>(*this, "slots=8 incarnation=1");
    SubscriberProcess reader(*this, "mode=newest max_held=2");
    reader.attach();
    publisher->call("publish count=5");
    publisher->kill();
    EXPECT_EQ(reader.call("next").number("sequence"), 5);
    publisher = std::make_unique<PublisherProcess>(*this, "slots=8 incarnation=2");
    publisher->call("publish");
    EXPECT_EQ(reader.call("next").number("incarnation"), 2);
    reader.call("check");
}

// A killed reader of a waiting publisher holds nothing back: nobody waits for the dead.
TEST_P(Members, WaitPolicyDoesNotWaitForTheDead) {
    PublisherProcess publisher(*this, "slots=4 policy=wait wait_ms=60000");
    SubscriberProcess reader(*this, "mode=strict max_held=2");
    reader.attach();
    publisher.send("publish count=50");
    // The ring is full and the publisher asleep before the reader dies.
    ASSERT_TRUE(eventually([&] { return all_threads_sleep(publisher.pid()); }));
    reader.kill();
    EXPECT_EQ(publisher.answer().number("published"), 50);
    EXPECT_EQ(publisher.stat("dropped"), 0u);
}

// One reader stopped with SIGSTOP among eight: the others lose nothing.
TEST_P(Members, OneStoppedReaderAmongEightHarmsNobody) {
    PublisherProcess publisher(*this, "slots=18");
    std::vector<std::unique_ptr<SubscriberProcess>> readers;
    for (int i = 0; i < 8; ++i) {
        readers.push_back(
            std::make_unique<SubscriberProcess>(*this, "mode=strict max_held=2 name=r" + std::to_string(i)));
        readers.back()->attach();
        readers.back()->send("read until=eos hold=1");
    }
    SubscriberProcess& stopped = *readers.back();
    ASSERT_TRUE(eventually([&] { return all_threads_sleep(stopped.pid()); }));
    stopped.stop();
    // Batches that fit the ring, so that only the stopped one can be lapped, however slow the machine is.
    const auto all_but_one_took_everything = [&] {
        const Message list = publisher.call("subscribers");
        int behind = 0;
        for (int i = 0; i < 8; ++i) {
            behind += list.number("lag" + std::to_string(i)) > 0;
        }
        return behind <= 1;
    };
    for (int batch = 0; batch < 20; ++batch) {
        publisher.call("publish count=8");
        ASSERT_TRUE(eventually(all_but_one_took_everything));
    }
    EXPECT_EQ(publisher.stat("dropped"), 0u);
    EXPECT_EQ(publisher.stat("waited_ns"), 0u);
    publisher.call("eos");
    for (int i = 0; i < 7; ++i) {
        const Message seen = readers[static_cast<size_t>(i)]->answer();
        EXPECT_EQ(seen.number("received"), 160);
        EXPECT_EQ(seen.number("missed"), 0);
    }
    stopped.resume();
    const Message seen = stopped.answer();
    EXPECT_EQ(seen.number("received") + static_cast<int64_t>(stopped.stat("lost")), 160);
    EXPECT_GT(stopped.stat("lost"), 0u);
}

// A second publisher on a live key is refused with the holder's pid, and the first goes on undisturbed.
TEST_P(Members, SecondPublisherIsRefusedWithTheHoldersPid) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess reader(*this, "mode=strict");
    reader.attach();
    Process rival(in_directory());
    const Message refusal = rival.ask("publisher slots=8");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_KEY_IN_USE);
    EXPECT_NE(refusal.text("text").find(std::to_string(publisher.pid())), std::string::npos) << refusal.text("text");
    EXPECT_NE(refusal.text("text").find("cam"), std::string::npos) << refusal.text("text");

    publisher.call("publish count=3");
    EXPECT_EQ(reader.call("read count=3").number("last"), 3);
}

// What a killed publisher left on disk is replaced; a publisher that ends in order leaves nothing.
TEST_P(Members, StaleSocketIsReplacedAndNothingIsLeft) {
    std::string path;
    {
        Process killed(in_directory());
        path = killed.call("publisher").text("path");
        killed.kill();
    }
    EXPECT_TRUE(std::filesystem::exists(path)) << "a killed publisher leaves its socket, or this test shows nothing";
    PublisherProcess publisher(*this);
    SubscriberProcess reader(*this);
    reader.attach();
    publisher.call("destroy_publisher");
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(std::filesystem::is_empty(directory())) << "left in the socket directory";
}

// So is a killed publisher, and its key can be taken again.
TEST_P(Members, KilledPublisherIsReplacedThoughAForkOfItLives) {
    PublisherProcess publisher(*this, "slots=6 incarnation=1");
    SubscriberProcess reader(*this, "mode=strict end_when_gone=1");
    reader.attach();
    const auto fork = static_cast<pid_t>(publisher.call("leave_fork_behind").number("pid"));
    publisher.kill();
    EXPECT_EQ(reader.ask("next").number("code"), CUFRAMES_ERROR_PUBLISHER_GONE);
    Process successor(in_directory());
    EXPECT_EQ(successor.ask("publisher slots=6").verb(), "ok");
    ::kill(fork, SIGKILL);
}

// max_subscribers is a limit of its own.
TEST_P(Members, MaxSubscribersIsKept) {
    PublisherProcess publisher(*this, "slots=32 max_subscribers=2");
    publisher.call("publish");
    SubscriberProcess first(*this);
    SubscriberProcess second(*this);
    SubscriberProcess third(*this);
    first.call("next");
    second.call("next");
    EXPECT_EQ(third.ask("next").number("code"), CUFRAMES_ERROR_TOO_MANY_SUBSCRIBERS);
    EXPECT_EQ(publisher.stat("refused"), 1u);
    second.call("release");
    second.call("destroy_subscriber");
    ASSERT_TRUE(eventually([&] { return third.ask("next").verb() == "ok"; }));
}

CUFRAMES_OVER_CONTENTS(Members);

// A reader of something else is refused, with a sentence that says what there is, what it asked for, and what to do.
TEST(Contents, ReaderOfAnotherIsRefused) {
    const TempDir temp;
    for (const bool of_records : {false, true}) {
        ChildOptions frames, records;
        records.program = records_agent();
        frames.environment["CUFRAMES_DIR"] = records.environment["CUFRAMES_DIR"] = (temp.path() / "ring").string();
        Process publisher(of_records ? records : frames);
        Process reader(of_records ? frames : records);
        publisher.call("publisher");
        reader.call("subscriber");
        const Message refusal = reader.ask("connect timeout=5000");
        EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_OTHER_CONTENT) << refusal.text("text");
        const std::string sentence =
            of_records
                ? "\"cam\" carries an experiment, and the subscriber asks for frames: ask for an experiment, or for"
                : "\"cam\" carries frames, and the subscriber asks for an experiment: ask for frames, or for";
        EXPECT_NE(refusal.text("text").find(sentence), std::string::npos) << refusal.text("text");
        EXPECT_EQ(publisher.call("publisher_stats").number("refused"), 1);
    }
}

} // namespace cuframes::test
