// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which directories and publishers are trusted, and which access rules understood.
#include "ring_test.h"

#include <unistd.h>

#include <filesystem>

namespace cuframes::test {

namespace {

constexpr uid_t somebody_else = 1;

} // namespace

class Access : public HostTest {
protected:
    void SetUp() override {
        if (::geteuid() != 0) {
            GTEST_SKIP() << "only root can try other users";
        }
        temp().open_to_others();
    }
};

// A rule that cannot be understood is refused by name, and nothing is left on disk.
TEST_F(Access, UnknownRuleOrGroupIsRefused) {
    Process publisher(in_directory());
    for (const char* rule : {"everybody", "group:", "group:no-such-group-here"}) {
        const Message refusal = publisher.ask(std::string("publisher access=") + rule);
        EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_INVALID_ARGUMENT) << rule;
        EXPECT_NE(refusal.text("text").find(rule), std::string::npos) << refusal.text("text");
    }
    EXPECT_TRUE(temp().contents().empty());
}

// In /tmp, where anybody may make the directory that a user without another looks into, a reader trusts its own or root's.
TEST_F(Access, ReaderDoesNotTrustADirectoryThatAnotherUserMade) {
    const uid_t victim = 300'000 + static_cast<uid_t>(::getpid()) % 100'000;
    ChildOptions options;
    options.environment = {{"CUFRAMES_DIR", ""}, {"XDG_RUNTIME_DIR", ""}};
    const std::string path = "/tmp/cuframes-" + std::to_string(victim);
    const auto read_from_directory_of = [&](uid_t owner) {
        std::filesystem::create_directory(path);
        std::filesystem::permissions(path, std::filesystem::perms(0755));
        Process attacker(in_directory());
        attacker.call("publisher access=all dir=" + path);
        attacker.call("configure memory=host");
        attacker.call("publish");
        EXPECT_EQ(::chown(path.c_str(), owner, owner), 0);
        Process reader(options);
        reader.call("become uid=" + std::to_string(victim));
        reader.call("subscriber");
        const Message reply = reader.ask("next");
        if (reply.verb() == "ok") {
            reader.call("release");
        }
        attacker.call("destroy_publisher");
        std::filesystem::remove_all(path);
        return reply;
    };
    const Message refusal = read_from_directory_of(somebody_else);
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_DIRECTORY) << refusal.text("text");
    EXPECT_NE(refusal.text("text").find(path), std::string::npos) << refusal.text("text");
    EXPECT_EQ(read_from_directory_of(victim).verb(), "ok") << "a publisher of root's";
}

// Nor does it trust a publisher of another user there.
TEST_F(Access, ReaderDoesNotTrustAPublisherOfAnotherUserUnlessToldWhere) {
    const uid_t victim = 300'000 + static_cast<uid_t>(::getpid()) % 100'000;
    const std::string path = "/tmp/cuframes-" + std::to_string(victim);
    std::filesystem::create_directory(path);
    std::filesystem::permissions(path, std::filesystem::perms(0777));
    Process stranger(in_directory());
    stranger.call("become uid=" + std::to_string(somebody_else));
    stranger.call("publisher access=all dir=" + path);
    EXPECT_EQ(::chown(path.c_str(), victim, victim), 0);
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    for (const bool told : {false, true}) {
        ChildOptions options;
        options.environment = {{"CUFRAMES_DIR", told ? path : ""}, {"XDG_RUNTIME_DIR", ""}};
        Process reader(options);
        reader.call("become uid=" + std::to_string(victim));
        reader.call("subscriber");
        const Message reply = reader.ask("connect timeout=5000");
        EXPECT_EQ(reply.number("code"), told ? CUFRAMES_OK : CUFRAMES_ERROR_ACCESS_DENIED) << reply.text("text");
    }
    stranger.call("destroy_publisher");
    std::filesystem::remove_all(path);
}

// The folder of a claim is made by Kubernetes for those who were given the same GPU: they may be different users.
TEST_F(Access, ReadersTrustThoseWhomKubernetesGaveTheSameClaim) {
    const std::string claim = (temp().path() / "claim").string();
    std::filesystem::create_directory(claim);
    std::filesystem::permissions(claim, std::filesystem::perms(0777));
    std::filesystem::permissions(temp().path(), std::filesystem::perms(0755));
    ChildOptions options;
    options.environment = {{"CUFRAMES_DIR", ""}, {"NVIDIA_DRA_LOCAL_IPC_DIR", claim}, {"XDG_RUNTIME_DIR", "/nowhere"}};
    Process publisher(options);
    publisher.call("become uid=" + std::to_string(somebody_else));
    publisher.call("publisher access=all");
    EXPECT_TRUE(std::filesystem::is_socket(claim + "/cuframes/cam.sock"));
    Process reader(options);
    reader.call("become uid=65534");
    reader.call("subscriber");
    const Message reply = reader.ask("connect timeout=5000");
    EXPECT_EQ(reply.number("code"), CUFRAMES_OK) << reply.text("text");
    publisher.call("destroy_publisher");
}

// An ordinary user cannot publish into a directory it may not write to; the message names the directory.
TEST_F(Access, UnwritableDirectoryIsNamed) {
    std::filesystem::create_directory(directory());
    std::filesystem::permissions(directory(), std::filesystem::perms(0755));
    Process publisher(in_directory());
    publisher.call("become uid=65534");
    const Message refusal = publisher.ask("publisher");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_DIRECTORY);
    EXPECT_NE(refusal.text("text").find(directory()), std::string::npos) << refusal.text("text");
    EXPECT_TRUE(std::filesystem::is_empty(directory()));
}

} // namespace cuframes::test
