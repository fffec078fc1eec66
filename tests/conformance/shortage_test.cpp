// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Descriptors or threads run out: that is said, nobody is blamed or thrown out for it, and all goes on afterwards.
#include "ring_test.h"

#include <unistd.h>

#include <filesystem>

namespace cuframes::test {

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

class Shortage : public HostTest {
protected:
    /// Limits of a user do not bind root.
    static uid_t ordinary_user() { return 200'000 + static_cast<uid_t>(::getpid()) % 100'000; }
};

// The publisher has no descriptor for a reader's lease page: the reader stays, and gets the new generation when it has.
TEST_F(Shortage, ReaderIsServedWhenThereAreDescriptorsAgain) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess reader(*this);
    reader.attach();
    publisher.call("publish");
    reader.call("read count=1");
    publisher.call("acquire"); // So that the old ring gives none back.
    publisher.call("keep_log");
    publisher.call("use_up_descriptors leave=3");
    publisher.call("configure memory=host");
    EXPECT_EQ(reader.ask("next timeout=300").number("code"), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_EQ(publisher.stat("subscribers"), 1u);
    EXPECT_TRUE(contains(publisher.call("log").text("text"), "short of descriptors"));
    publisher.call("end_shortage");
    publisher.call("release_slot");
    publisher.call("publish");
    EXPECT_EQ(reader.call("next").number("sequence"), 2);
    EXPECT_EQ(reader.stat("reconnects"), 0u);
}

// With none at all newcomers wait, the publisher sleeps meanwhile, and its log says why.
TEST_F(Shortage, NewcomersWaitForDescriptors) {
    PublisherProcess publisher(*this);
    publisher.call("keep_log");
    publisher.call("use_up_descriptors leave=0");
    SubscriberProcess reader(*this);
    const int64_t before = publisher.call("usage").number("cpu_us");
    EXPECT_EQ(reader.ask("connect timeout=1000").number("code"), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_LT(publisher.call("usage").number("cpu_us") - before, 200'000);
    EXPECT_TRUE(contains(publisher.call("log").text("text"), "ulimit -n is 256"));
    publisher.call("end_shortage");
    reader.call("connect");
}

// One that is short itself is told so, whatever it lacked them for, and can try again.
TEST_F(Shortage, ReaderIsToldThatItIsShort) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizers look into types by descriptors, of which there are none here";
#endif
    PublisherProcess publisher(*this);
    publisher.call("publish");
    for (int left = 0; left < 4; ++left) {
        SCOPED_TRACE(left);
        SubscriberProcess reader(*this);
        reader.call("use_up_descriptors leave=" + std::to_string(left));
        const Message reply = reader.ask("next timeout=5000");
        EXPECT_EQ(reply.number("code"), CUFRAMES_ERROR_SYSTEM) << reply.text("text");
        EXPECT_TRUE(contains(reply.text("text"), "Too many open files") ||
                    contains(reply.text("text"), "out of file descriptors"))
            << reply.text("text");
        reader.call("end_shortage");
        reader.call("next");
    }
}

// Descriptors on the way between a user's processes are limited for all of them together: another of them has used that up.
TEST_F(Shortage, ReaderIsServedWhenDescriptorsMayBeSentAgain) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can try another user";
    }
    temp().open_to_others();
    std::filesystem::create_directory(directory());
    ASSERT_EQ(::chown(directory().c_str(), ordinary_user(), ordinary_user()), 0);
    Process publisher(in_directory());
    publisher.call("become uid=" + std::to_string(ordinary_user()));
    publisher.call("publisher slots=8");
    publisher.call("configure memory=host");
    SubscriberProcess reader(*this);
    reader.attach();
    publisher.call("publish");
    reader.call("read count=1");
    publisher.call("fill_the_way");
    publisher.call("configure memory=host");
    publisher.call("publish");
    SubscriberProcess newcomer(*this);
    EXPECT_EQ(newcomer.ask("next timeout=100").number("code"), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_EQ(reader.ask("next timeout=100").number("code"), CUFRAMES_ERROR_TIMEOUT);
    publisher.call("end_shortage");
    EXPECT_EQ(reader.call("next").number("sequence"), 2);
    EXPECT_EQ(reader.stat("reconnects"), 0u);
    EXPECT_EQ(newcomer.call("next").number("sequence"), 2);
}

// Without a thread to be had a publisher is refused in words.
TEST_F(Shortage, NoThreadIsAnErrorAndNotTheEnd) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can try another user";
    }
    temp().open_to_others();
    std::filesystem::create_directory(directory());
    ASSERT_EQ(::chown(directory().c_str(), ordinary_user(), ordinary_user()), 0);
    Process process(in_directory());
    process.call("become uid=" + std::to_string(ordinary_user()));
    process.call("limit_threads");
    const Message refusal = process.ask("publisher");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_SYSTEM) << refusal.text("text");
    EXPECT_TRUE(contains(refusal.text("text"), "thread")) << refusal.text("text");
    EXPECT_TRUE(std::filesystem::is_empty(directory())) << "the key was given back";
    process.call("end_shortage");
    process.call("publisher");
}

} // namespace cuframes::test
