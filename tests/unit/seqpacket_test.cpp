// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Packets on a connection, and the descriptors that come with them.
#include "deadline.h"
#include "in_child.h"
#include "ipc/seqpacket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <vector>

namespace {

using namespace cuframes;
using namespace cuframes::core;

struct SocketPair {
    SocketPair() {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        raw = UniqueFd(fds[0]);
        connection = Connection(UniqueFd(fds[1]));
    }

    /// Sends any bytes, with any descriptors.
    bool send(const void* bytes, size_t size, const std::vector<int>& fds) const {
        iovec part = {const_cast<void*>(bytes), size};
        std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
        msghdr message = {};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::copy(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(c)));
        return ::sendmsg(raw.get(), &message, 0) == static_cast<ssize_t>(size);
    }
    bool send_message(const std::vector<int>& fds) const {
        const MessageHeader header = {7, sizeof(MessageHeader)};
        return send(&header, sizeof(header), fds);
    }
    Datagram::Kind receive() {
        const Datagram::Kind kind = inbox.receive(connection)[0].kind;
        inbox.clear();
        return kind;
    }

    UniqueFd raw;
    Connection connection;
    Inbox inbox;
};

auto open_fds() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

/// A socket whose last close() takes 20 seconds, as its peer does not take what was sent.
struct SlowToClose {
    SlowToClose() {
        const UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listening.get(), generic, size), 0);
        EXPECT_EQ(::listen(listening.get(), 1), 0);
        EXPECT_EQ(::getsockname(listening.get(), generic, &size), 0);
        fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ::connect(fd.get(), generic, size);
        deaf = UniqueFd(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const linger slow = {1, 20};
        EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &slow, sizeof(slow)), 0);
        const std::vector<char> unread(1 << 20);
        while (::send(fd.get(), unread.data(), unread.size(), MSG_NOSIGNAL) > 0) {
        }
    }
    UniqueFd fd, deaf;
};

template <class Body>
double seconds(Body&& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(Messages, OnesThatAreOffAreCalledMalformed) {
    SocketPair pair;
    auto kind_of = [&](const void* bytes, size_t size) {
        EXPECT_EQ(::send(pair.raw.get(), bytes, size, 0), static_cast<ssize_t>(size));
        return pair.receive();
    };
    std::array<char, 600> large = {};
    EXPECT_EQ(kind_of("abc", 3), Datagram::Kind::malformed);
    EXPECT_EQ(kind_of(large.data(), large.size()), Datagram::Kind::malformed) << "longer than any message";
    const MessageHeader lying = {1, 100};
    EXPECT_EQ(kind_of(&lying, sizeof(lying)), Datagram::Kind::malformed);
    const MessageHeader unknown = {4711, sizeof(MessageHeader)};
    EXPECT_EQ(kind_of(&unknown, sizeof(unknown)), Datagram::Kind::message) << "of a later version: to be ignored";
    EXPECT_EQ(pair.receive(), Datagram::Kind::nothing_yet);
    pair.raw.reset();
    EXPECT_EQ(pair.receive(), Datagram::Kind::hang_up);
}

// So many come in one call, and the rest in the next.
TEST(Messages, ComeInBatches) {
    SocketPair pair;
    for (size_t i = 0; i < Inbox::room + 3; ++i) {
        ASSERT_TRUE(pair.send_message({}));
    }
    EXPECT_EQ(pair.inbox.receive(pair.connection).size(), Inbox::room);
    const auto rest = pair.inbox.receive(pair.connection);
    ASSERT_GE(rest.size(), 3u);
    EXPECT_EQ(rest[2].kind, Datagram::Kind::message);
    EXPECT_EQ(pair.receive(), Datagram::Kind::nothing_yet);
}

// A peer that closes with something unread in its socket resets the connection. What it said before is heard all the same.
TEST(Messages, LastWordsAreHeard) {
    SocketPair pair;
    EXPECT_EQ(pair.connection.send(Wake{}), Sent::yes);
    ASSERT_TRUE(pair.send_message({}));
    pair.raw.reset();
    EXPECT_EQ(pair.inbox.receive(pair.connection)[0].kind, Datagram::Kind::message);
}

TEST(Messages, SurplusDescriptorsAreClosed) {
    SocketPair pair;
    const auto before = open_fds();
    for (const size_t count : {4u, 8u}) {
        ASSERT_TRUE(pair.send_message(std::vector<int>(count, pair.raw.get())));
        EXPECT_EQ(pair.receive(), Datagram::Kind::malformed) << count;
        EXPECT_TRUE(test::eventually([&] { return open_fds() == before; }));
    }
}

// A datagram without a byte is no message, but may bring descriptors.
TEST(Messages, DescriptorsOfAnEmptyPacketAreClosed) {
    SocketPair pair;
    const auto before = open_fds();
    ASSERT_TRUE(pair.send(nullptr, 0, std::vector<int>(3, pair.raw.get())));
    EXPECT_EQ(pair.receive(), Datagram::Kind::hang_up);
    EXPECT_TRUE(test::eventually([&] { return open_fds() == before; }));
}

// Too few descriptors free here to take what came is not the peer's fault, and not called so.
TEST(Messages, OwnShortageOfDescriptorsIsCalledThat) {
    EXPECT_EQ(test::in_child([]() -> std::string {
                  SocketPair pair;
                  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
                  if (!pair.send_message({event.get(), event.get(), event.get()})) {
                      return "nothing was sent";
                  }
                  const rlimit limit = {static_cast<rlim_t>(event.get()) + 2, 1024};
                  ::setrlimit(RLIMIT_NOFILE, &limit);
                  return pair.receive() == Datagram::Kind::out_of_descriptors ? "out of descriptors" : "something else";
              }),
              "out of descriptors");
}

// Whatever a peer sends, closing it is not waited for: read or not.
TEST(Messages, DescriptorsThatAreSlowToCloseAreNotWaitedFor) {
    SocketPair read;
    SocketPair unread;
    for (SocketPair* pair : {&read, &unread}) {
        SlowToClose slow;
        ASSERT_TRUE(pair->send_message({slow.fd.get()}));
        slow.fd.reset(); // Not the last: quick.
    }
    EXPECT_LT(seconds([&] {
                  EXPECT_EQ(read.receive(), Datagram::Kind::message);
                  read.connection.close();
                  unread.connection.close();
              }),
              5.0);
}

} // namespace
