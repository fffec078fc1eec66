// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Peers that press: whatever one of them does with what it was given, it stops neither the publisher nor the others.
#include "raw_ring.h"
#include "ring_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

namespace cuframes::test {

namespace {

/// Far more than anything here takes on a busy machine, far less than a peer could make it take.
constexpr milliseconds at_once{5000};

RawPeer attach(const HostTest& test) {
    RawPeer peer = RawPeer::connect(test.directory() + "/cam.sock");
    peer.send(RawPeer::valid_hello());
    return peer;
}

bool has_message(const RawPeer& peer) {
    pollfd waiting = {peer.fd(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
}

/// Sends the same message from some threads, as fast as it can, until it is destroyed and hangs up.
template <class M>
class Flood {
public:
    Flood(const RawPeer& peer, M message) : peer_(peer) {
        message.header = {static_cast<uint32_t>(M::type), sizeof(M)};
        for (int i = 0; i < 4; ++i) {
            threads_.emplace_back([this, message] {
                while (!done_) {
                    peer_.send_bytes(&message, sizeof(message));
                }
            });
        }
    }
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;
    ~Flood() {
        done_ = true;
        ::shutdown(peer_.fd(), SHUT_RDWR); // They wait for room.
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

private:
    const RawPeer& peer_;
    std::atomic<bool> done_ = false;
    std::vector<std::thread> threads_;
};

/// A socket whose last close() takes 20 seconds: it lingers on data that its peer does not take.
class SlowToClose {
public:
    SlowToClose() {
        UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        fd_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (::bind(listening.get(), generic, size) != 0 || ::listen(listening.get(), 1) != 0 ||
            ::getsockname(listening.get(), generic, &size) != 0) {
            throw std::runtime_error("no listening socket");
        }
        ::connect(fd_.get(), generic, size);
        deaf_ = UniqueFd(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const linger slow = {1, 20};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &slow, sizeof(slow));
        const std::vector<char> unread(1 << 20);
        while (::send(fd_.get(), unread.data(), unread.size(), MSG_NOSIGNAL) > 0) {
        }
    }

    SlowToClose(const SlowToClose&) = delete;
    SlowToClose& operator=(const SlowToClose&) = delete;
    ~SlowToClose() {
        const linger quick = {1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &quick, sizeof(quick));
    }

    int get() const { return fd_.get(); }
    /// From now on only whom it was sent to has it.
    void give_away() { fd_ = UniqueFd(); }

private:
    UniqueFd fd_, deaf_;
};

} // namespace

class Pressure : public HostTest {};

// A reader takes back that the descriptors it was given do not block, fills what can be filled, and pretends to sleep: the
// publisher never waits for it.
TEST_F(Pressure, NoDescriptorOfAReaderBlocksThePublisher) {
    PublisherProcess publisher(*this, "slots=8");
    const RawPeer peer = attach(*this);
    std::vector<UniqueFd> given;
    UniqueFd lease;
    for (bool all = false; !all;) {
        RawPeer::Datagram datagram = peer.receive();
        MessageHeader header = {};
        std::memcpy(&header, datagram.bytes.data(), std::min(datagram.bytes.size(), sizeof(header)));
        for (UniqueFd& fd : datagram.fds) {
            given.push_back(std::move(fd));
        }
        if (header.type == static_cast<uint32_t>(MessageType::generation)) {
            lease = std::move(given[1]);
            given.erase(given.begin() + 1);
            all = true;
        }
    }
    for (const UniqueFd& fd : given) {
        const uint64_t almost_full = 0xfffffffffffffffe;
        EXPECT_LE(::write(fd.get(), &almost_full, sizeof(almost_full)), 8);
        ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
    }
    const MappedLease page(lease);
    for (uint32_t sleep = 1; sleep <= 1000; ++sleep) { // More than its socket has room for.
        page->reader.sleeping.store(sleep);
        publisher.send("publish");
        ASSERT_EQ(publisher.receive(at_once).verb(), "ok") << "frame " << sleep;
    }
    publisher.send("publisher_stats");
    EXPECT_EQ(publisher.receive(at_once).number("published"), 1000);
    SubscriberProcess(*this).call("connect");
}

// Whatever is configured meanwhile, nothing more is sent to a reader that has not taken up what it has; then it gets the
// newest, once.
TEST_F(Pressure, OneGenerationAtMostLiesUnread) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess honest(*this);
    honest.attach();
    const RawPeer peer = attach(*this);
    const RawRing first(peer);
    std::string epoch;
    for (int change = 0; change < 100; ++change) {
        epoch = publisher.call("configure memory=host").text("epoch");
        publisher.call("publish");
        EXPECT_EQ(honest.call("read count=1").number("missed"), 0);
    }
    EXPECT_FALSE(has_message(peer)) << "it has not taken up the first";
    Need need = {};
    need.epoch = first.generation.message.epoch;
    peer.send(need);
    publisher.call("publish");
    EXPECT_FALSE(has_message(peer)) << "asking alone is not enough";
    const MappedLease page(first.lease);
    page->reader.adopted.store(1);
    peer.send(need);
    const RawGeneration newest(peer);
    EXPECT_EQ(std::to_string(newest.message.epoch), epoch);
    peer.send(need);
    publisher.call("configure memory=host");
    EXPECT_FALSE(has_message(peer));
    EXPECT_EQ(publisher.stat("subscribers"), 2u);
    EXPECT_EQ(honest.stat("reconnects"), 0u);
}

// A reader that was stopped over many reconfigurations goes on with the newest, and was never thrown out.
TEST_F(Pressure, StoppedReaderGoesOnWithTheNewest) {
    PublisherProcess publisher(*this, "slots=8");
    SubscriberProcess reader(*this);
    reader.attach();
    publisher.call("publish");
    reader.call("read count=1");
    reader.stop();
    for (int change = 0; change < 400; ++change) { // Each brought three descriptors, which a queue had room for.
        publisher.call("configure memory=host");
    }
    publisher.call("publish");
    EXPECT_EQ(publisher.stat("subscribers"), 1u);
    reader.resume();
    EXPECT_EQ(reader.call("next").number("sequence"), 2);
    EXPECT_EQ(reader.stat("reconnects"), 0u);
}

// More connections than there is room for that say nothing: who does say hello is admitted all the same, and after a while
// they are closed.
TEST_F(Pressure, SilentConnectionsKeepNobodyOut) {
    PublisherProcess publisher(*this);
    std::vector<RawPeer> silent;
    for (int i = 0; i < 150; ++i) {
        silent.push_back(RawPeer::connect(directory() + "/cam.sock"));
    }
    SubscriberProcess reader(*this);
    reader.send("connect timeout=5000");
    EXPECT_EQ(reader.receive().number("code"), CUFRAMES_OK);
    for (const RawPeer& peer : silent) {
        peer.await_close();
    }
    EXPECT_EQ(publisher.stat("subscribers"), 1u);
}

// A reader that floods its publisher keeps it neither from admitting others, nor from noticing deaths, nor from ending.
TEST_F(Pressure, FloodOfMessagesKeepsNobodyOut) {
    PublisherProcess publisher(*this, "slots=8");
    auto doomed = std::make_unique<SubscriberProcess>(*this);
    doomed->attach();
    const RawPeer peer = attach(*this);
    const RawRing ring(peer);
    const Flood<Progress> flood(peer, Progress{});
    SubscriberProcess reader(*this);
    reader.send("connect timeout=5000");
    EXPECT_EQ(reader.receive().number("code"), CUFRAMES_OK);
    doomed->kill();
    EXPECT_TRUE(eventually([&] { return publisher.stat("subscribers") == 2; }, at_once));
    publisher.send("destroy_publisher");
    EXPECT_EQ(publisher.receive(at_once).verb(), "ok");
}

// A publisher that floods its reader keeps it from neither its time-outs nor an interruption.
TEST_F(Pressure, FloodOfMessagesDoesNotHoldAReader) {
    std::filesystem::create_directory(directory());
    const UniqueFd listening = RawPeer::listen(directory() + "/cam.sock");
    SubscriberProcess reader(*this);
    reader.send("next timeout=100");
    const RawPeer peer = RawPeer::accept(listening);
    peer.receive();
    peer.send(RawPeer::valid_welcome());
    const Flood<Wake> flood(peer, Wake{});
    EXPECT_EQ(reader.receive(at_once).number("code"), CUFRAMES_ERROR_TIMEOUT);
    reader.send("next timeout=-1");
    reader.send("interrupt on=1");
    EXPECT_EQ(reader.receive(at_once).number("code"), CUFRAMES_ERROR_INTERRUPTED);
    reader.send("interrupt on=0");
}

// A peer sends descriptors that take long to close, read or unread: the others do not wait for that.
TEST_F(Pressure, DescriptorsThatAreSlowToCloseHoldUpNobody) {
    PublisherProcess publisher(*this);
    for (const bool admitted : {false, true}) {
        const RawPeer peer = attach(*this);
        if (admitted) {
            publisher.await_subscribers(1);
        }
        for (int i = 0; i < 3; ++i) {
            SlowToClose slow;
            if (peer.send(Progress{}, {slow.get()})) { // The kernel may refuse it for the publisher.
                slow.give_away();
            }
        }
    }
    SubscriberProcess reader(*this);
    reader.send("connect timeout=5000");
    EXPECT_EQ(reader.receive().number("code"), CUFRAMES_OK);
    publisher.send("destroy_publisher");
    EXPECT_EQ(publisher.receive(at_once).verb(), "ok");
}

} // namespace cuframes::test
