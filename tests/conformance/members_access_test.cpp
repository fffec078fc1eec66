// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Who may attach, whatever is carried: "user" (the default), "group:NAME" and "all".
#include "ring_test.h"

#include <grp.h>
#include <unistd.h>

#include <filesystem>

namespace cuframes::test {

namespace {

constexpr uid_t nobody = 65534;
constexpr uid_t somebody_else = 1;

} // namespace

class MembersAccess : public RingTest {
protected:
    void SetUp() override {
        if (::geteuid() != 0) {
            GTEST_SKIP() << "only root can try other users";
        }
        RingTest::SetUp();
        temp().open_to_others();
    }

    /// What a process of that user, alone in the group of the same number, is told.
    Message attach_as(uid_t uid) {
        SubscriberProcess reader(*this, "end_when_gone=1");
        reader.call("become uid=" + std::to_string(uid));
        Message reply = reader.ask("next");
        if (reply.verb() == "ok") {
            reader.call("release");
        }
        return reply;
    }
};

// By default nobody but the same user (and root) gets in, even when the directory lets others through.
TEST_P(MembersAccess, OtherUsersAreRefusedByDefault) {
    for (const bool open_directory : {false, true}) {
        PublisherProcess publisher(*this);
        if (open_directory) {
            std::filesystem::permissions(directory(), std::filesystem::perms(0755));
        }
        publisher.call("publish");
        const Message refusal = attach_as(nobody);
        EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_ACCESS_DENIED) << refusal.text("text");
        EXPECT_NE(refusal.text("text").find("cam"), std::string::npos) << refusal.text("text");
        EXPECT_EQ(attach_as(0).verb(), "ok");
    }
}

// "group:NAME" admits that group's members, and no others.
TEST_P(MembersAccess, GroupIsAdmittedAndNoOther) {
    const group* members = ::getgrgid(nobody);
    if (!members) {
        GTEST_SKIP() << "no group has the number of the user nobody here";
    }
    PublisherProcess publisher(*this, std::string("access=group:") + members->gr_name);
    publisher.call("publish");
    const Message admitted = attach_as(nobody);
    EXPECT_EQ(admitted.verb(), "ok") << admitted.text("text");
    EXPECT_EQ(attach_as(somebody_else).number("code"), CUFRAMES_ERROR_ACCESS_DENIED);
}

// "all" admits everybody.
TEST_P(MembersAccess, AllAdmitsEverybody) {
    PublisherProcess publisher(*this, "access=all");
    publisher.call("publish");
    for (const uid_t uid : {nobody, somebody_else}) {
        const Message admitted = attach_as(uid);
        EXPECT_EQ(admitted.verb(), "ok") << admitted.text("text");
    }
}

CUFRAMES_OVER_CONTENTS(MembersAccess);

} // namespace cuframes::test
