// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a subscriber does with what a publisher sends, message by message.
#include "cuframes/cuframes.hpp"
#include "ipc/seqpacket.h"
#include "protocol/messages.h"
#include "raw_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace cuframes::core {
namespace {

/// A socket where a publisher's is looked for.
class Listening {
public:
    Listening() : folder_((std::filesystem::temp_directory_path() / "hearing-XXXXXX").string()) {
        EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
        auto made = listen_at(folder_ + "/cam.sock", 0600, static_cast<gid_t>(-1));
        EXPECT_TRUE(made) << made.error().message;
        socket_ = std::move(*made);
    }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;
    ~Listening() { std::filesystem::remove_all(folder_); }

    const char* folder() const { return folder_.c_str(); }
    Connection accept() const { return Connection(UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC))); }

private:
    std::string folder_;
    UniqueFd socket_;
};

Welcome welcome(ContentKind kind) {
    Welcome out = {};
    out.version = protocol_version;
    out.content = static_cast<uint32_t>(kind);
    out.pid = ::getpid();
    out.granted = kind == ContentKind::frames ? 1 : 0;
    return out;
}

// A publisher that dies sends no more, and what it sent last lies in one batch with the hang-up: a part of memory among it
// that nobody takes any more is not kept.
TEST(Hearing, DescriptorsBeforeAHangUpAreClosed) {
    const Listening listening;
    auto options = subscriber_options("cam");
    options.directory = listening.folder();
    options.end_when_gone = true;
    auto reader = Subscriber::create(options);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_FALSE(reader->next(not_at_all)); // Connects.

    int pipe[2] = {-1, -1};
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    UniqueFd read_end(pipe[0]), write_end(pipe[1]);
    {
        const Connection publisher = listening.accept();
        ASSERT_EQ(publisher.send(welcome(ContentKind::frames)), Sent::yes);
        Chunk chunk = {};
        chunk.index = 1;
        ASSERT_EQ(publisher.send(chunk, {write_end.get()}), Sent::yes);
        write_end.reset();
    }
    const auto gone = reader->next(std::chrono::milliseconds(20'000));
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, CUFRAMES_ERROR_PUBLISHER_GONE) << gone.error().message;
    pollfd other_end = {read_end.get(), POLLIN, 0};
    // In a thread of its own, as closing can make its caller wait.
    EXPECT_EQ(::poll(&other_end, 1, 20'000), 1) << "somebody has the descriptor still";
}

// Admission and the log are two messages, and the second may be late: who is told that it is attached can ask for both.
TEST(Hearing, ReaderOfPacketsIsAttachedOnceItHasTheLog) {
    const Listening listening;
    const auto log = sound_log(20);
    const RawGeneration sent(*log, 20);
    auto options = subscriber_options("cam");
    options.directory = listening.folder();
    options.content = CUFRAMES_CONTENT_PACKETS;
    auto reader = Subscriber::create(options);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ(reader->connect(not_at_all).code(), CUFRAMES_ERROR_TIMEOUT);
    const Connection publisher = listening.accept();
    ASSERT_EQ(publisher.send(welcome(ContentKind::packets)), Sent::yes);
    EXPECT_EQ(reader->connect(std::chrono::milliseconds(20)).code(), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_EQ(reader->packet_window().code(), CUFRAMES_ERROR_INVALID_STATE);
    ASSERT_EQ(publisher.send(sent.message, {sent.control.fd.get(), sent.page.fd.get(), sent.part.fd.get()}), Sent::yes);
    const auto connected = reader->connect(std::chrono::milliseconds(20'000));
    ASSERT_TRUE(connected) << connected.error().message;
    const auto window = reader->packet_window();
    ASSERT_TRUE(window) << window.error().message;
    EXPECT_EQ(window->packets, 20u);
}

// And one whose publisher dies in between goes on looking.
TEST(Hearing, ReaderOfPacketsIsNotAttachedToWhoDiedBefore) {
    const Listening listening;
    auto options = subscriber_options("cam");
    options.directory = listening.folder();
    options.content = CUFRAMES_CONTENT_PACKETS;
    auto reader = Subscriber::create(options);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ(reader->connect(not_at_all).code(), CUFRAMES_ERROR_TIMEOUT);
    ASSERT_EQ(listening.accept().send(welcome(ContentKind::packets)), Sent::yes);
    EXPECT_EQ(reader->connect(std::chrono::milliseconds(20)).code(), CUFRAMES_ERROR_TIMEOUT);
    EXPECT_EQ(reader->packet_window().code(), CUFRAMES_ERROR_INVALID_STATE);
}

} // namespace
} // namespace cuframes::core
