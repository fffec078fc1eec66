// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: one live publisher a key; what a dead one left is replaced; nothing is left on disk; messages that are off
// close the connection and leak nothing.
#include "in_child.h"
#include "ipc/rendezvous.h"
#include "ipc/seqpacket.h"
#include "ipc/shared_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace {

using namespace cuframes;
using namespace cuframes::core;
namespace stdfs = std::filesystem;

class RendezvousTest : public testing::Test {
protected:
    RendezvousTest() {
        char name[] = "/tmp/cuframes-test-XXXXXX";
        root_ = ::mkdtemp(name);
    }
    ~RendezvousTest() override { stdfs::remove_all(root_); }

    AccessRule user() { return *AccessRule::parse(nullptr); }

    std::string root_;
};

TEST_F(RendezvousTest, ALiveKeyIsRefusedWithItsHoldersPid) {
    auto first = KeyHolder::take(root_ + "/d", "cam", user());
    ASSERT_TRUE(first) << first.error().message;
    auto second = KeyHolder::take(root_ + "/d", "cam", user());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, CUFRAMES_ERROR_KEY_IN_USE);
    EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
    EXPECT_TRUE(connect_to(first->path())) << "the refused one did not disturb the first";
}

TEST_F(RendezvousTest, GivingTheKeyBackLeavesNothing) {
    {
        auto holder = KeyHolder::take(root_ + "/d", "cam", user());
        ASSERT_TRUE(holder);
        EXPECT_TRUE(stdfs::exists(root_ + "/d/cam.sock"));
    }
    EXPECT_TRUE(stdfs::is_empty(root_ + "/d"));
}

TEST_F(RendezvousTest, AStaleSocketIsReplaced) {
    stdfs::create_directory(root_ + "/d");
    for (const char* left : {"cam.sock", "cam.new"}) {
        auto address = listen_at(root_ + "/d/" + left, 0600, static_cast<gid_t>(-1));
        ASSERT_TRUE(address);
    }
    auto refused = connect_to(root_ + "/d/cam.sock");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, CUFRAMES_ERROR_PUBLISHER_GONE);
    auto holder = KeyHolder::take(root_ + "/d", "cam", user());
    ASSERT_TRUE(holder) << holder.error().message;
    EXPECT_TRUE(connect_to(holder->path()));
}

TEST_F(RendezvousTest, FailureLeavesNothingAndSaysWhy) {
    std::string long_directory = root_ + "/" + std::string(110, 'd');
    auto too_long = KeyHolder::take(long_directory, "cam", user());
    ASSERT_FALSE(too_long);
    EXPECT_EQ(too_long.error().code, CUFRAMES_ERROR_PATH_TOO_LONG);
    EXPECT_FALSE(stdfs::exists(long_directory));

    auto no_parent = KeyHolder::take(root_ + "/a/b", "cam", user());
    ASSERT_FALSE(no_parent);
    EXPECT_EQ(no_parent.error().code, CUFRAMES_ERROR_DIRECTORY);

    ::close(::open((root_ + "/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    auto not_directory = KeyHolder::take(root_ + "/file", "cam", user());
    ASSERT_FALSE(not_directory);
    EXPECT_NE(not_directory.error().message.find("not a directory"), std::string::npos);
    EXPECT_FALSE(AccessRule::parse("group:no-such-group-here"));
    EXPECT_FALSE(AccessRule::parse("everybody"));
}

TEST_F(RendezvousTest, DirectoryAndSocketAreAsOpenAsTheAccessRuleSays) {
    auto mode_of = [](const std::string& path) {
        struct stat status = {};
        ::stat(path.c_str(), &status);
        return status.st_mode & 07777;
    };
    {
        auto holder = KeyHolder::take(root_ + "/user", "cam", user());
        EXPECT_EQ(mode_of(root_ + "/user"), 0700u);
        EXPECT_EQ(mode_of(root_ + "/user/cam.sock"), 0600u);
    }
    auto holder = KeyHolder::take(root_ + "/all", "cam", *AccessRule::parse("all"));
    EXPECT_EQ(mode_of(root_ + "/all"), 0755u);
    EXPECT_EQ(mode_of(root_ + "/all/cam.sock"), 0666u);
}

TEST_F(RendezvousTest, AWatchFiresWhenTheSocketAppearsEvenIfItsDirectoryIsYetToCome) {
    SocketWatch watch(root_ + "/one/two");
    auto fires = [&] {
        pollfd entry = {watch.fd(), POLLIN, 0};
        return ::poll(&entry, 1, 5000) == 1;
    };
    EXPECT_TRUE(watch.arm());
    stdfs::create_directory(root_ + "/one");
    EXPECT_TRUE(fires());
    EXPECT_TRUE(watch.arm());
    stdfs::create_directory(root_ + "/one/two");
    EXPECT_TRUE(fires());
    EXPECT_TRUE(watch.arm());
    auto holder = KeyHolder::take(root_ + "/one/two", "cam", user());
    EXPECT_TRUE(fires());
    watch.disarm();
    pollfd entry = {watch.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&entry, 1, 0), 0) << "disarmed: quiet";
    watch.close();
    EXPECT_EQ(watch.fd(), -1);
    EXPECT_TRUE(watch.arm());
    holder->release();
    auto next = KeyHolder::take(root_ + "/one/two", "cam", user());
    EXPECT_TRUE(fires()) << "armed again with an instance of its own";
}

TEST_F(RendezvousTest, AWatchTellsOfASocketWhenItsDirectoryIsMadeWhileItClimbs) {
    // So deep that there is time to move it into place at once, while the watch looks for the nearest that exists.
    std::string below;
    for (int level = 0; level < 300; ++level) {
        below += "/d";
    }
    stdfs::create_directories(root_ + "/prepared" + below);
    SocketWatch watch(root_ + "/here" + below);
    for (int round = 0; round < 200; ++round) {
        std::thread mover([&] { ::rename((root_ + "/prepared").c_str(), (root_ + "/here").c_str()); });
        for (std::atomic<int> i{0}; i < round % 20 * 100; ++i) {
        }
        const bool armed = static_cast<bool>(watch.arm());
        mover.join();
        pollfd entry = {watch.fd(), POLLIN, 0};
        const bool moved_later = ::poll(&entry, 1, 0) == 1;
        ::close(::open((root_ + "/here" + below + "/cam.sock").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        ASSERT_TRUE(armed && (moved_later || ::poll(&entry, 1, 0) == 1)) << "asleep in round " << round;
        stdfs::remove(root_ + "/here" + below + "/cam.sock");
        ::rename((root_ + "/here").c_str(), (root_ + "/prepared").c_str());
    }
}

TEST_F(RendezvousTest, AWatchSaysWhatForbidsIt) {
    stdfs::create_directory(root_ + "/d");
    stdfs::permissions(root_, stdfs::perms(0711));
    stdfs::permissions(root_ + "/d", stdfs::perms(0311)); // To be connected to, and not to be listed.
    const std::string said = test::in_child([&] {
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) {
            return std::string("nobody else can be");
        }
        SocketWatch watch(root_ + "/d");
        auto armed = watch.arm();
        return armed ? "watches" : armed.error().message;
    });
    EXPECT_EQ(said, text("cannot watch ", root_, "/d: Permission denied"));
}

TEST(SharedMemoryTest, APeersMemfdMustBeSealedAndLargeEnough) {
    UniqueFd unsealed(::memfd_create("test", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(unsealed.get(), 4096), 0);
    EXPECT_FALSE(map_shared_memory(unsealed, 4096, Access::read_only)) << "could be truncated under us: SIGBUS";
    auto made = create_shared_memory("test", 8192, 0, Writers::only_present_mappings);
    ASSERT_TRUE(made);
    EXPECT_FALSE(map_shared_memory(made->fd, 12288, Access::read_only));
    EXPECT_TRUE(map_shared_memory(made->fd, 8192, Access::read_only));
    EXPECT_FALSE(map_shared_memory(made->fd, 8192, Access::read_write)) << "subscribers cannot write frames";
}

} // namespace
