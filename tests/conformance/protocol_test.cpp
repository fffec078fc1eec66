// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Peers that do not keep to the protocol: they are closed, and nobody else notices.
#include "raw_ring.h"
#include "ring_test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace cuframes::test {

/// A publisher with one honest reader, whom nothing of this may disturb.
class Protocol : public HostTest {
protected:
    Protocol() : publisher_(*this, "slots=8"), reader_(*this, "mode=strict") { reader_.attach(); }

    RawPeer connect() { return RawPeer::connect(directory() + "/cam.sock"); }

    /// Frames still flow and the offender is gone.
    void expect_unharmed() {
        publisher_.await_subscribers(1);
        publisher_.call("publish count=3");
        EXPECT_EQ(reader_.call("read count=3").number("missed"), 0);
    }

    PublisherProcess publisher_;
    SubscriberProcess reader_;
};

namespace {

/// Hello with something wrong about it.
template <class Change>
Hello hello_with(Change change) {
    Hello hello = RawPeer::valid_hello();
    change(hello);
    return hello;
}

} // namespace

// Messages of a wrong size, datagrams too short to be any and datagrams too long for any close the connection.
TEST_F(Protocol, MalformedMessagesCloseTheConnection) {
    const Hello hello = RawPeer::valid_hello();
    std::vector<std::byte> bytes(sizeof(hello) + 4000);
    std::memcpy(bytes.data(), &hello, sizeof(hello));
    MessageHeader header = {static_cast<uint32_t>(MessageType::hello), sizeof(Hello)};
    std::memcpy(bytes.data(), &header, sizeof(header));
    for (const size_t size : {size_t{1}, size_t{7}, size_t{8}, sizeof(hello) - 1, sizeof(hello) + 1, bytes.size()}) {
        RawPeer peer = connect();
        EXPECT_TRUE(peer.send_bytes(bytes.data(), size));
        peer.await_close();
        SCOPED_TRACE(std::to_string(size) + " bytes");
        expect_unharmed();
    }
}

// A Hello of another protocol version is refused as such, whatever else that version may have changed.
TEST_F(Protocol, OtherVersionIsRefused) {
    for (const uint32_t version : {0u, protocol_version + 1, 0xffffffffu}) {
        const RawPeer peer = connect();
        peer.send(hello_with([&](Hello& hello) { hello.version = version; }));
        EXPECT_EQ(peer.await_close(), CUFRAMES_ERROR_VERSION_MISMATCH);
    }
    EXPECT_EQ(publisher_.stat("refused"), 3u);
    expect_unharmed();
}

// So is one with values out of range.
TEST_F(Protocol, HelloWithValuesOutOfRangeIsRefused) {
    const std::function<void(Hello&)> changes[] = {
        [](Hello& hello) { hello.mode = 77; },
        [](Hello& hello) { hello.contents = 0; },
        [](Hello& hello) { hello.frames.leases = 0; },
        [](Hello& hello) { hello.frames.leases = CUFRAMES_MAX_HELD + 1; },
        [](Hello& hello) { hello.frames.leases = 0xffffffff; },
        [](Hello& hello) { hello.frames.least = 0; },
        [](Hello& hello) { hello.frames.copies = 2; },
        [](Hello& hello) { hello.frames.grows = 2; },
        [](Hello& hello) { hello.frames.least = hello.frames.leases + 1; },
        [](Hello& hello) { hello.boot_id.fill(0xA5); },
    };
    for (const auto& change : changes) {
        const RawPeer peer = connect();
        peer.send(hello_with(change));
        peer.await_close();
    }
    expect_unharmed();
}

// A reader of something else is refused with a sentence that says what there is, and what it takes.
TEST_F(Protocol, ReaderOfAnotherContentIsRefused) {
    const RawPeer peer = connect();
    peer.send(hello_with([](Hello& hello) { hello.contents = bit_of(ContentKind::experiment) | 1u << 9; }));
    const RawPeer::Datagram datagram = peer.receive();
    Refused refused = {};
    ASSERT_EQ(datagram.bytes.size(), sizeof(refused));
    std::memcpy(&refused, datagram.bytes.data(), sizeof(refused));
    EXPECT_EQ(refused.header.type, static_cast<uint32_t>(MessageType::refused));
    EXPECT_EQ(refused.error, CUFRAMES_ERROR_OTHER_CONTENT);
    const std::string sentence = refused.message;
    for (const char* named : {"frames", "content 9", "an experiment"}) {
        EXPECT_NE(sentence.find(named), std::string::npos) << sentence;
    }
    peer.await_close();
    expect_unharmed();
}

// A name without an end is cut, not read on.
TEST_F(Protocol, NameWithoutAnEndIsCut) {
    const RawPeer peer = connect();
    peer.send(hello_with([](Hello& hello) { std::memset(hello.name, 'x', sizeof(hello.name)); }));
    publisher_.await_subscribers(2);
    EXPECT_EQ(publisher_.call("subscribers").text("name1"), std::string(sizeof(Hello::name) - 1, 'x'));
}

// Names are text: what is none is replaced, and what is too long is cut between characters, on either side.
TEST_F(Protocol, NamesAreText) {
    const RawPeer peer = connect();
    peer.send(hello_with([](Hello& hello) { std::strcpy(hello.name, "caf\xe9 \xc3\xa9\xff"); }));
    publisher_.await_subscribers(2);
    EXPECT_EQ(publisher_.call("subscribers").text("name1"), "caf\xef\xbf\xbd \xc3\xa9\xef\xbf\xbd");
    std::string name;
    for (int i = 0; i < 40; ++i) {
        name += "\xc3\xbc";
    }
    SubscriberProcess reader(*this, "name=" + name);
    reader.attach();
    EXPECT_EQ(publisher_.call("subscribers").text("name2"), name.substr(0, 62));
}

// Descriptors that nobody asked for are closed, a truncated set of them closes the connection: none is left open.
TEST_F(Protocol, UnaskedDescriptorsAreNotKept) {
    const int64_t before = publisher_.call("resources").number("fds");
    for (const size_t count : {1u, 4u, 200u}) {
        const RawPeer peer = connect();
        if (peer.send(RawPeer::valid_hello(),
                      std::vector<int>(count, STDERR_FILENO))) { // Not where the kernel refuses them.
            peer.await_close();
        }
    }
    publisher_.await_subscribers(1);
    EXPECT_EQ(publisher_.call("resources").number("fds"), before);
    expect_unharmed();
}

// Types that a later version may add are ignored; a message out of turn is not.
TEST_F(Protocol, UnknownTypesAreIgnoredAndSecondHelloIsNot) {
    const RawPeer peer = connect();
    peer.send(RawPeer::valid_hello());
    const RawRing ring(peer);
    const MessageHeader unknown = {4711, sizeof(MessageHeader)};
    peer.send_bytes(&unknown, sizeof(unknown));
    publisher_.await_subscribers(2);
    publisher_.call("publish");
    reader_.call("read count=1");
    EXPECT_EQ(publisher_.stat("subscribers"), 2u);

    peer.send(RawPeer::valid_hello());
    peer.await_close();
    expect_unharmed();
}

// Peers that connect and say nothing, that leave at once, or that never read, cost the others nothing.
TEST_F(Protocol, SilentAndDeafPeersCostNothing) {
    std::vector<RawPeer> silent;
    for (int i = 0; i < 20; ++i) {
        silent.push_back(connect());
        connect();
    }
    const RawPeer deaf = connect();
    deaf.send(RawPeer::valid_hello());
    publisher_.await_subscribers(2);
    for (int generation = 0; generation < 500; ++generation) {
        publisher_.call("configure memory=host");
        publisher_.call("publish");
        EXPECT_EQ(reader_.call("read count=1").number("missed"), 0);
    }
    EXPECT_EQ(reader_.stat("reconnects"), 0u);
}

// The control memory and the frames cannot be written through what a subscriber is given.
TEST_F(Protocol, SubscribersGetReadOnlyMemory) {
    const RawPeer peer = connect();
    peer.send(RawPeer::valid_hello());
    const RawRing ring(peer);
    for (const UniqueFd* fd : {&ring.control, &ring.frames}) {
        EXPECT_EQ(::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0), MAP_FAILED);
        EXPECT_EQ(::pwrite(fd->get(), "x", 1, 0), -1);
        EXPECT_NE(::ftruncate(fd->get(), 0), 0);
        void* readable = ::mmap(nullptr, page_size, PROT_READ, MAP_SHARED, fd->get(), 0);
        ASSERT_NE(readable, MAP_FAILED);
        EXPECT_NE(::mprotect(readable, page_size, PROT_READ | PROT_WRITE), 0);
        ::munmap(readable, page_size);
    }
    // A write that the seals refuse holds the file's lock as long as its source lets it: growing would wait for that.
    EXPECT_EQ(::fcntl(ring.frames.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_NE(::fallocate(ring.frames.get(), FALLOC_FL_KEEP_SIZE, 0, page_size), 0) << "commits memory";
    EXPECT_NE(::ftruncate(ring.lease.get(), 0), 0) << "a truncated lease page would fault the publisher";
}

// A subscriber gone mad writes anything into its lease page: it costs the slots it was granted and no more.
TEST_F(Protocol, MadLeaseWordsCostOnlyTheirOwnersSlots) {
    // Eight slots: two for the publisher, two each for the honest and the mad one leave two to spare.
    const RawPeer peer = connect();
    peer.send(RawPeer::valid_hello(2));
    const RawRing ring(peer);
    const MappedLease page(ring.lease);
    const auto write_all = [&](auto&& word) {
        for (uint32_t i = 0; i < CUFRAMES_MAX_HELD; ++i) {
            page->leases[i].store(word(i));
        }
        page->reader.sleeping.store(0xffffffff);
        page->reader.position.store(0xffffffffffffffff);
        page->reader.received.store(0xffffffffffffffff);
    };
    const auto expect_flow = [&](const char* what) {
        SCOPED_TRACE(what);
        EXPECT_EQ(publisher_.call("publish count=4").number("dropped"), 0);
        EXPECT_EQ(reader_.call("read count=4 hold=1").number("missed"), 0);
        publisher_.call("subscribers");
    };
    write_all([](uint32_t i) { return i + 1; });
    expect_flow("every slot named");
    write_all([](uint32_t) { return 0xffffffffu; });
    expect_flow("all ones");
    std::mt19937 random(7);
    for (int round = 0; round < 50; ++round) {
        write_all([&](uint32_t) { return static_cast<uint32_t>(random()) % 12; });
        expect_flow("anything");
    }
}

// A mad strict subscriber cannot hold a waiting publisher for longer than its timeout each time, nor crash it.
TEST_F(Protocol, MadPositionsDoNotStopAWaitingPublisher) {
    PublisherProcess waiting(*this, "key=patient slots=4 policy=wait wait_ms=5");
    const RawPeer peer = RawPeer::connect(directory() + "/patient.sock");
    peer.send(hello_with([](Hello& hello) { hello.mode = CUFRAMES_MODE_STRICT; }));
    const RawRing ring(peer);
    const MappedLease page(ring.lease);
    for (const uint64_t position : {uint64_t{0}, uint64_t{3}, uint64_t{1} << 40, ~uint64_t{0}}) {
        page->reader.position.store(position);
        EXPECT_EQ(waiting.call("publish count=10").number("published"), 10) << position;
    }
}

namespace {

/// Answers a subscriber in a publisher's place and returns what next() then says.
template <class Answer>
Message next_from_impostor(const HostTest& test, Answer answer) {
    std::filesystem::create_directory(test.directory());
    const std::string path = test.directory() + "/impostor.sock";
    const UniqueFd listening = RawPeer::listen(path);
    SubscriberProcess reader(test, "key=impostor end_when_gone=1");
    reader.send("next timeout=20000");
    {
        const RawPeer peer = RawPeer::accept(listening);
        peer.receive();
        answer(peer);
    }
    const Message reply = reader.receive();
    std::filesystem::remove(path);
    return reply;
}

} // namespace

class Impostor : public HostTest {};

// A publisher of another version is refused by the subscriber, with both versions in the message.
TEST_F(Impostor, PublisherOfAnotherVersionIsRefused) {
    const Message refusal = next_from_impostor(*this, [](const RawPeer& peer) {
        Refused refused = {};
        refused.version = protocol_version + 1;
        refused.error = CUFRAMES_ERROR_VERSION_MISMATCH;
        std::strcpy(refused.message, "this publisher speaks version 2");
        peer.send(refused);
    });
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_VERSION_MISMATCH) << refusal.text("text");
    EXPECT_FALSE(refusal.text("text").empty());

    const Message mismatch = next_from_impostor(*this, [](const RawPeer& peer) {
        Welcome welcome = RawPeer::valid_welcome();
        welcome.version += 1;
        peer.send(welcome);
    });
    EXPECT_EQ(mismatch.number("code"), CUFRAMES_ERROR_VERSION_MISMATCH) << mismatch.text("text");
}

// Nonsense from a publisher ends in CUFRAMES_ERROR_PROTOCOL, not in a crash.
TEST_F(Impostor, NonsenseFromAPublisherIsAProtocolError) {
    const std::function<void(const RawPeer&)> answers[] = {
        [](const RawPeer& peer) { peer.send_bytes("nonsense", 3); },
        [](const RawPeer& peer) { peer.send(Welcome{}, {STDERR_FILENO}); },
        [](const RawPeer& peer) { peer.send(Generation{}, {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO}); },
        [](const RawPeer& peer) {
            Welcome welcome = RawPeer::valid_welcome();
            welcome.granted = 0xffffffff;
            peer.send(welcome);
        },
        [](const RawPeer& peer) {
            Welcome welcome = RawPeer::valid_welcome();
            welcome.content = static_cast<uint32_t>(ContentKind::experiment);
            peer.send(welcome);
        },
        [](const RawPeer& peer) {
            const std::vector<std::byte> large(8000);
            peer.send_bytes(large.data(), large.size());
        },
    };
    for (size_t i = 0; i < std::size(answers); ++i) {
        const Message reply = next_from_impostor(*this, answers[i]);
        EXPECT_EQ(reply.number("code"), CUFRAMES_ERROR_PROTOCOL) << "answer " << i << ": " << reply.text("text");
    }
}

// A reader that sleeps on its file descriptor knocks again after a publisher has hung up on it: the descriptor wakes
// it, as nobody else would.
TEST_F(Impostor, PollingReaderTriesAgainAfterAHangUp) {
    std::filesystem::create_directory(directory());
    const UniqueFd listening = RawPeer::listen(directory() + "/impostor.sock");
    SubscriberProcess reader(*this, "key=impostor");
    for (int attempt = 0; attempt < 3; ++attempt) {
        EXPECT_EQ(reader.ask("next timeout=0").number("code"), CUFRAMES_ERROR_TIMEOUT);
        pollfd connecting = {listening.get(), POLLIN, 0};
        while (::poll(&connecting, 1, 0) == 0) {
            ASSERT_EQ(reader.call("poll").number("readable"), 1) << "attempt " << attempt;
            reader.ask("next timeout=0");
        }
        RawPeer::accept(listening).receive();
    }
}

// A generation whose memory is smaller than it says is refused before anything is read beyond its end.
TEST_F(Impostor, GenerationThatLiesAboutItsSizeIsRefused) {
    const Message reply = next_from_impostor(*this, [](const RawPeer& peer) {
        const UniqueFd small(::memfd_create("small", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        peer.send(RawPeer::valid_welcome());
        Generation generation = {};
        generation.epoch = 1;
        generation.control_size = 1 << 20;
        generation.parts_size = 1 << 20;
        peer.send(generation, {small.get(), small.get(), small.get()});
    });
    EXPECT_EQ(reply.number("code"), CUFRAMES_ERROR_PROTOCOL) << reply.text("text");
}

} // namespace cuframes::test
