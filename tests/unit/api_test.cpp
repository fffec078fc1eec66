// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: the C ABI tells every mistake by value and by sentence, and takes structs of older headers.
#include "base/error_list.h"
#include "base/log.h"
#include "cuframes/cuframes.h"
#include "temp_dir.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <set>
#include <string>

namespace {

#define CUFRAMES_ERROR_COUNT(name, python, sentence) +1
constexpr int error_count = CUFRAMES_ERROR_LIST(CUFRAMES_ERROR_COUNT);

TEST(Errors, EachValueHasItsOwnNameAndSentence) {
    std::set<std::string> names;
    std::set<std::string> sentences;
    for (int code = CUFRAMES_OK; code >= -error_count; --code) {
        names.insert(cuframes_error_name(code));
        sentences.insert(cuframes_error_string(code));
    }
    EXPECT_EQ(names.size(), size_t{error_count + 1});
    EXPECT_EQ(sentences.size(), names.size());
    EXPECT_FALSE(names.contains("unknown"));
    EXPECT_STREQ(cuframes_error_name(-error_count - 1), "unknown");
    EXPECT_STREQ(cuframes_error_string(-error_count - 1), "Unknown error value.");
    EXPECT_STREQ(cuframes_error_name(1), "unknown");
    EXPECT_STREQ(cuframes_error_name(CUFRAMES_ERROR_KEY_IN_USE), "CUFRAMES_ERROR_KEY_IN_USE");
    EXPECT_STREQ(cuframes_error_name(CUFRAMES_OK), "CUFRAMES_OK");
}

TEST(Names, AreTheWordsOfTheDocumentation) {
    EXPECT_STREQ(cuframes_mode_name(CUFRAMES_MODE_NEWEST), "newest");
    EXPECT_STREQ(cuframes_mode_name(CUFRAMES_MODE_STRICT), "strict");
    EXPECT_STREQ(cuframes_leave_reason_name(CUFRAMES_LEFT_CLOSED), "closed");
    EXPECT_STREQ(cuframes_leave_reason_name(CUFRAMES_LEFT_DIED), "died");
    EXPECT_STREQ(cuframes_leave_reason_name(CUFRAMES_LEFT_PROTOCOL), "protocol");
    EXPECT_STREQ(cuframes_state_name(CUFRAMES_STATE_WAITING), "waiting");
    EXPECT_STREQ(cuframes_state_name(CUFRAMES_STATE_ATTACHED), "attached");
    EXPECT_STREQ(cuframes_state_name(CUFRAMES_STATE_ENDED), "ended");
    EXPECT_STREQ(cuframes_state_name(CUFRAMES_STATE_GONE), "gone");
}

TEST(Names, AreThereForAValueOfANewerLibrary) {
    EXPECT_STREQ(cuframes_leave_reason_name(static_cast<cuframes_leave_reason>(3)), "unknown");
}

TEST(Arguments, MissingOnesAreNamed) {
    cuframes_publisher* publisher = nullptr;
    EXPECT_EQ(cuframes_publisher_create(nullptr, &publisher), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(std::string(cuframes_last_error_message()).find("options"), std::string::npos);
    cuframes_publisher_options options = {};
    EXPECT_EQ(cuframes_publisher_create(&options, &publisher), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(std::string(cuframes_last_error_message()).find("CUFRAMES_INIT"), std::string::npos);
    EXPECT_EQ(cuframes_publisher_configure(nullptr, nullptr), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(cuframes_subscriber_next(nullptr, 0, nullptr), CUFRAMES_ERROR_INVALID_ARGUMENT);
    cuframes_publisher_destroy(nullptr);
    cuframes_subscriber_destroy(nullptr);
    cuframes_frame_unref(nullptr);
    cuframes_slot_release(nullptr);
}

TEST(Arguments, OutOfRangeOnesAreToldWithTheRange) {
    cuframes_publisher* publisher = nullptr;
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.key = "cam";
    options.slots = 2;
    EXPECT_EQ(cuframes_publisher_create(&options, &publisher), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(std::string(cuframes_last_error_message()).find("3 to 128"), std::string::npos);
    options.slots = 8;
    options.access = "friends";
    EXPECT_EQ(cuframes_publisher_create(&options, &publisher), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_NE(std::string(cuframes_last_error_message()).find("group:NAME"), std::string::npos);

    cuframes_subscriber* subscriber = nullptr;
    cuframes_subscriber_options read;
    CUFRAMES_INIT(read);
    read.key = "cam";
    read.max_held = 65;
    EXPECT_EQ(cuframes_subscriber_create(&read, &subscriber), CUFRAMES_ERROR_INVALID_ARGUMENT);
    read.max_held = 1;
    read.key = "a/b";
    EXPECT_EQ(cuframes_subscriber_create(&read, &subscriber), CUFRAMES_ERROR_INVALID_KEY);
}

TEST(Versions, AStructOfAnOlderHeaderIsTaken) {
    // An older header knew the options up to `directory`; what follows is garbage to it, and zero to the library.
    cuframes_subscriber_options options;
    std::memset(&options, 0xff, sizeof(options));
    options.struct_size = offsetof(cuframes_subscriber_options, name);
    options.key = "cam";
    options.directory = "/tmp";
    cuframes_subscriber* subscriber = nullptr;
    ASSERT_EQ(cuframes_subscriber_create(&options, &subscriber), CUFRAMES_OK) << cuframes_last_error_message();
    cuframes_subscriber_destroy(subscriber);
}

TEST(Versions, AnArrayOfAnOlderHeaderIsFilledInItsOwnSteps) {
    const cuframes::test::TempDir directory;
    const std::string path = directory.path();
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.key = "cam";
    options.directory = path.c_str();
    cuframes_publisher* publisher = nullptr;
    ASSERT_EQ(cuframes_publisher_create(&options, &publisher), CUFRAMES_OK) << cuframes_last_error_message();
    cuframes_subscriber* subscribers[2] = {};
    for (cuframes_subscriber*& subscriber : subscribers) {
        cuframes_subscriber_options read;
        CUFRAMES_INIT(read);
        read.key = "cam";
        read.directory = path.c_str();
        read.name = &subscriber == subscribers ? "one" : "two";
        ASSERT_EQ(cuframes_subscriber_create(&read, &subscriber), CUFRAMES_OK);
        ASSERT_EQ(cuframes_subscriber_connect(subscriber, 10'000), CUFRAMES_OK) << cuframes_last_error_message();
    }
    // An older header knew it up to `mode`; a newer one, as these will be then, has more.
    struct Older {
        uint32_t struct_size;
        int32_t pid;
        uint64_t id;
        char name[64];
    };
    struct Newer {
        cuframes_subscriber_info known;
        uint64_t unknown;
    };
    Older older[3] = {{sizeof(Older), 0, 0, ""}, {}, {0, 77, 0, "untouched"}};
    EXPECT_EQ(cuframes_publisher_get_subscribers(publisher, reinterpret_cast<cuframes_subscriber_info*>(older), 3), 2);
    EXPECT_STREQ(older[0].name, "one");
    EXPECT_STREQ(older[1].name, "two");
    EXPECT_STREQ(older[2].name, "untouched");
    EXPECT_EQ(older[1].struct_size, sizeof(Older));
    Newer newer[2] = {};
    newer[0].known.struct_size = sizeof(Newer);
    newer[1].unknown = 5;
    EXPECT_EQ(cuframes_publisher_get_subscribers(publisher, &newer[0].known, 2), 2);
    EXPECT_STREQ(newer[1].known.name, "two");
    EXPECT_EQ(newer[1].unknown, 5u);

    newer[0].known.struct_size = 0;
    EXPECT_EQ(cuframes_publisher_get_subscribers(publisher, &newer[0].known, 2), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(cuframes_publisher_get_subscribers(publisher, nullptr, 0), 2);
    for (cuframes_subscriber* subscriber : subscribers) {
        cuframes_subscriber_destroy(subscriber);
    }
    cuframes_publisher_destroy(publisher);
}

TEST(Log, GoesToTheHandlerAtItsLevelAndBack) {
    std::string seen;
    cuframes_set_log_func(
        [](cuframes_log_level, const char* message, void* data) { *static_cast<std::string*>(data) += message; }, &seen,
        CUFRAMES_LOG_WARNING);
    cuframes::core::log(CUFRAMES_LOG_INFO, "quiet");
    cuframes::core::log(CUFRAMES_LOG_WARNING, "loud");
    cuframes_set_log_func(nullptr, nullptr, CUFRAMES_LOG_WARNING);
    EXPECT_EQ(seen, "loud");
}

/// What a listener, an application's function and stderr get of a warning.
struct Heard {
    std::string listener, application, standard_error;
};

Heard hear(bool shows, bool application) {
    static Heard heard;
    static bool shown;
    static const int added = cuframes_add_log_listener(
        [](cuframes_log_level, const char* message, void*) {
            heard.listener += message;
            return shown;
        },
        nullptr);
    EXPECT_EQ(added, CUFRAMES_OK);
    heard = {};
    shown = shows;
    cuframes_set_log_func(
        application ? +[](cuframes_log_level, const char* message, void*) { heard.application += message; } : nullptr,
        nullptr, CUFRAMES_LOG_WARNING);
    ::testing::internal::CaptureStderr();
    cuframes::core::log(CUFRAMES_LOG_WARNING, "loud");
    heard.standard_error = ::testing::internal::GetCapturedStderr();
    cuframes_set_log_func(nullptr, nullptr, CUFRAMES_LOG_WARNING);
    return heard;
}

TEST(Log, ReachesListenersBesideTheApplicationAndStderrOnlyWhereNobodyShowsIt) {
    // Each in turn: a listener stays for good.
    const Heard unseen = hear(false, false);
    EXPECT_EQ(unseen.listener, "loud");
    EXPECT_EQ(unseen.standard_error, "cuframes: warning: loud\n");
    const Heard shown = hear(true, false);
    EXPECT_EQ(shown.listener, "loud");
    EXPECT_EQ(shown.standard_error, "");
    const Heard both = hear(false, true);
    EXPECT_EQ(both.listener, "loud");
    EXPECT_EQ(both.application, "loud");
    EXPECT_EQ(both.standard_error, "");
}

TEST(DefaultDirectory, FollowsTheEnvironmentInTheOrderDocumented) {
    char path[256];
    ::setenv("CUFRAMES_DIR", "/first", 1);
    ::setenv("NVIDIA_DRA_LOCAL_IPC_DIR", "/second", 1);
    ::setenv("XDG_RUNTIME_DIR", "/third", 1);
    ASSERT_EQ(cuframes_default_directory(path, sizeof(path)), CUFRAMES_OK);
    EXPECT_STREQ(path, "/first");
    ::unsetenv("CUFRAMES_DIR");
    ASSERT_EQ(cuframes_default_directory(path, sizeof(path)), CUFRAMES_OK);
    EXPECT_STREQ(path, "/second/cuframes");
    ::unsetenv("NVIDIA_DRA_LOCAL_IPC_DIR");
    ASSERT_EQ(cuframes_default_directory(path, sizeof(path)), CUFRAMES_OK);
    EXPECT_STREQ(path, "/third/cuframes");
    EXPECT_EQ(cuframes_default_directory(path, 3), CUFRAMES_ERROR_INVALID_ARGUMENT);
}

} // namespace
