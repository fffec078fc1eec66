// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a subscriber does with what a publisher sends, message by message.
#include "cuframes/cuframes.hpp"
#include "ipc/seqpacket.h"
#include "protocol/messages.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cuframes::core {
namespace {

// A publisher that dies sends no more, and what it sent last lies in one batch with the hang-up: a part of memory among it
// that nobody takes any more is not kept.
TEST(Hearing, DescriptorsBeforeAHangUpAreClosed) {
    std::string folder = (std::filesystem::temp_directory_path() / "hearing-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    auto listening = listen_at(folder + "/cam.sock", 0600, static_cast<gid_t>(-1));
    ASSERT_TRUE(listening) << listening.error().message;
    auto options = subscriber_options("cam");
    options.directory = folder.c_str();
    options.end_when_gone = true;
    auto reader = Subscriber::create(options);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_FALSE(reader->next(not_at_all)); // Connects.

    int pipe[2] = {-1, -1};
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    UniqueFd read_end(pipe[0]), write_end(pipe[1]);
    {
        Connection publisher(UniqueFd(::accept4(listening->get(), nullptr, nullptr, SOCK_CLOEXEC)));
        Welcome welcome = {};
        welcome.version = protocol_version;
        welcome.content = static_cast<uint32_t>(ContentKind::frames);
        welcome.pid = ::getpid();
        welcome.granted = 1;
        ASSERT_EQ(publisher.send(welcome), Sent::yes);
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
    std::filesystem::remove_all(folder);
}

} // namespace
} // namespace cuframes::core
