// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a reader has an inotify instance only while it waits for its publisher, and finds it where there are none left.
#include "base/result.h"
#include "cuframes/cuframes.h"
#include "in_child.h"
#include "ipc/unique_fd.h"
#include "subscriber/poller.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

namespace {

using namespace cuframes;
using namespace cuframes::core;
using test::eventually;

// Limits of a user namespace of the test's own: nobody else on the machine is short of anything.
bool set_limit(const char* name, int value) {
    const UniqueFd fd(::open(text("/proc/sys/user/", name).c_str(), O_WRONLY | O_CLOEXEC));
    const std::string number = std::to_string(value);
    return fd && ::write(fd.get(), number.data(), number.size()) == static_cast<ssize_t>(number.size());
}
bool set_instances(int value) { return set_limit("max_inotify_instances", value); }

int instances_here() {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        count += std::filesystem::read_symlink(entry, gone) == "anon_inode:inotify";
    }
    return count;
}

/// What a child's library has warned of.
class Warnings {
public:
    Warnings() {
        cuframes_set_log_func(
            [](cuframes_log_level, const char* message, void* data) {
                auto& self = *static_cast<Warnings*>(data);
                std::lock_guard lock(self.mutex_);
                self.all_.emplace_back(message);
            },
            this, CUFRAMES_LOG_WARNING);
    }
    Warnings(const Warnings&) = delete;
    Warnings& operator=(const Warnings&) = delete;
    ~Warnings() { cuframes_set_log_func(nullptr, nullptr, CUFRAMES_LOG_WARNING); }

    size_t count() {
        std::lock_guard lock(mutex_);
        return all_.size();
    }
    bool last_has(const std::string& part) {
        std::lock_guard lock(mutex_);
        return !all_.empty() && all_.back().find(part) != std::string::npos;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> all_;
};

class Publisher {
public:
    Publisher(const std::string& directory, const char* key) {
        cuframes_publisher_options options;
        CUFRAMES_INIT(options);
        options.key = key;
        options.directory = directory.c_str();
        options.slots = 128;
        options.max_subscribers = 256;
        cuframes_publisher_create(&options, &handle_);
    }
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;
    ~Publisher() { cuframes_publisher_destroy(handle_); }

private:
    cuframes_publisher* handle_ = nullptr;
};

class Reader {
public:
    Reader(const std::string& directory, const char* key) {
        cuframes_subscriber_options options;
        CUFRAMES_INIT(options);
        options.key = key;
        options.directory = directory.c_str();
        options.max_held = 1;
        cuframes_subscriber_create(&options, &handle_);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { cuframes_subscriber_destroy(handle_); }

    bool attached(int64_t within_ms) { return cuframes_subscriber_connect(handle_, within_ms) == CUFRAMES_OK; }
    /// Lets it do what it has to: there are no frames.
    void run(int64_t ms) {
        cuframes_frame* frame = nullptr;
        cuframes_subscriber_next(handle_, ms, &frame);
    }

private:
    cuframes_subscriber* handle_ = nullptr;
};

class PublisherWatch : public testing::Test {
protected:
    /// Runs `body` in a user namespace. It says what is wrong: nothing, if all is right.
    void in_user_namespace(const std::function<std::string()>& body) {
        const std::string said = test::in_child(
            [&] { return ::unshare(CLONE_NEWUSER) == 0 && set_instances(1000) ? body() : std::string("skip"); });
        if (said == "skip") {
            GTEST_SKIP() << "no user namespace with limits of its own can be made here";
        }
        EXPECT_EQ(said, "");
    }
    std::string directory() const { return directory_.path().string(); }

private:
    test::TempDir directory_;
};

constexpr int64_t long_ms = 20'000;

#define REQUIRE(condition)                                                                                             \
    if (!(condition)) {                                                                                                \
        return text(__LINE__, ": " #condition "; instances ", instances_here());                                       \
    }

TEST_F(PublisherWatch, TakesAnInstanceOnlyWhileThereIsNoPublisher) {
    in_user_namespace([this]() -> std::string {
        Reader reader(directory(), "cam");
        REQUIRE(instances_here() == 0);
        REQUIRE(!reader.attached(1) && instances_here() == 1);
        for (int i = 0; i < 3; ++i) {
            auto publisher = std::make_unique<Publisher>(directory(), "cam");
            REQUIRE(reader.attached(long_ms));
            REQUIRE(eventually([&] {
                reader.run(10);
                return instances_here() == 0;
            }));
            publisher.reset();
            REQUIRE(eventually([&] {
                reader.run(10);
                return instances_here() == 1;
            }));
        }
        return {};
    });
}

TEST_F(PublisherWatch, WithoutInstancesLooksFromTimeToTimeAndWarnsOnce) {
    in_user_namespace([this]() -> std::string {
        Warnings warnings;
        set_instances(0);
        Reader reader(directory(), "cam");
        REQUIRE(!reader.attached(450));
        REQUIRE(!reader.attached(450));
        REQUIRE(warnings.count() == 1 && warnings.last_has("/proc/sys/fs/inotify/max_user_instances"));
        Publisher publisher(directory(), "cam");
        REQUIRE(reader.attached(long_ms));
        REQUIRE(warnings.count() == 1);
        return {};
    });
}

TEST_F(PublisherWatch, IsBackAsSoonAsAnInstanceCanBeHad) {
    in_user_namespace([this]() -> std::string {
        Warnings warnings;
        set_instances(0);
        Reader reader(directory(), "cam");
        REQUIRE(!reader.attached(1) && warnings.count() == 1);
        set_instances(1);
        REQUIRE(eventually([&] { return !reader.attached(10) && instances_here() == 1; }));
        auto publisher = std::make_unique<Publisher>(directory(), "cam");
        REQUIRE(reader.attached(long_ms));
        REQUIRE(eventually([&] {
            reader.run(10);
            return instances_here() == 0;
        }));
        set_instances(0);
        publisher.reset();
        REQUIRE(eventually([&] {
            reader.run(10);
            return warnings.count() == 2;
        }));
        publisher = std::make_unique<Publisher>(directory(), "cam");
        REQUIRE(reader.attached(long_ms));
        return {};
    });
}

TEST_F(PublisherWatch, WithoutWatchesKeepsNoInstance) {
    in_user_namespace([this]() -> std::string {
        Warnings warnings;
        set_limit("max_inotify_watches", 0);
        Reader reader(directory(), "cam");
        REQUIRE(!reader.attached(1));
        REQUIRE(warnings.count() == 1 && warnings.last_has("/proc/sys/fs/inotify/max_user_watches"));
        REQUIRE(instances_here() == 0);
        Publisher publisher(directory(), "cam");
        REQUIRE(reader.attached(long_ms));
        return {};
    });
}

TEST_F(PublisherWatch, OfManyReadersNeedsInstancesOnlyForThoseThatWait) {
    in_user_namespace([this]() -> std::string {
        rlimit files = {};
        ::getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files);
        REQUIRE(files.rlim_cur >= 4096);

        Warnings warnings;
        set_instances(4);
        Publisher publisher(directory(), "many");
        std::vector<std::unique_ptr<Reader>> readers;
        for (int i = 0; i < 126; ++i) {
            readers.push_back(std::make_unique<Reader>(directory(), "many"));
            REQUIRE(readers.back()->attached(long_ms));
        }
        REQUIRE(instances_here() == 0 && warnings.count() == 0);
        for (int i = 0; i < 14; ++i) {
            readers.push_back(std::make_unique<Reader>(directory(), "elsewhere"));
            REQUIRE(!readers.back()->attached(1));
        }
        REQUIRE(instances_here() == 4 && warnings.count() == 10);
        Publisher elsewhere(directory(), "elsewhere");
        for (auto& reader : readers) {
            REQUIRE(reader->attached(long_ms));
        }
        return {};
    });
}

// What cannot be waited for would be waited for in vain.
TEST(Poller, SaysWhatItCannotWaitFor) {
    auto poller = Poller::create();
    ASSERT_TRUE(poller);
    const test::TempDir folder;
    const UniqueFd file(::open((folder.path() / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const auto added = poller->add(file.get(), Poller::Source::messages);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, CUFRAMES_ERROR_SYSTEM);
}

} // namespace
