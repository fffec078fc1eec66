// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: every wait ends when it is told to, by whichever thread and however often, and no timeout is too long for it.
#include "base/deadline.h"
#include "cuframes/cuframes.h"
#include "deadline.h"
#include "temp_dir.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <utility>

namespace cuframes::test {

using namespace core;
namespace {

/// Called once, by the next who clears an eventfd.
std::function<void()> while_clearing;

constexpr int64_t forever[] = {std::numeric_limits<int64_t>::max(),
                               std::numeric_limits<int64_t>::max() - 1,
                               std::numeric_limits<int64_t>::max() / 1000,
                               int64_t{10'000'000'000'000}, // 317 years.
                               int64_t{1} << 31,
                               int64_t{1} << 32,
                               -1,
                               -2,
                               std::numeric_limits<int64_t>::min()};

/// A call in a thread of its own, which a test waits for with a deadline. One that hangs takes the process with it.
class Call {
public:
    explicit Call(std::function<int()> body)
        : thread_([this, body = std::move(body)] {
              thread_id_ = ::gettid();
              result_ = body();
              done_ = true;
          }) {}
    Call(const Call&) = delete;
    ~Call() {
        if (!await()) {
            std::fprintf(stderr, "a call has not returned\n");
            std::abort(); // There is no other way to be rid of it.
        }
        thread_.join();
    }

    bool done() const { return done_; }
    bool await() const {
        return eventually([this] { return done_.load(); });
    }
    /// Whether it waits in the kernel.
    bool await_sleep() const {
        return eventually([this] {
            std::ifstream file("/proc/self/task/" + std::to_string(thread_id_) + "/stat");
            std::string text;
            std::getline(file, text);
            return text.find(") S ") != std::string::npos;
        });
    }
    /// Its result, once it is done.
    int result() const { return await() ? result_.load() : 1; }

private:
    std::atomic<pid_t> thread_id_{0};
    std::atomic<int> result_{0};
    std::atomic<bool> done_{false};
    std::thread thread_;
};

class WaitingTest : public ::testing::Test {
protected:
    ~WaitingTest() override {
        cuframes_subscriber_destroy(subscriber_);
        cuframes_publisher_destroy(publisher_);
    }

    void subscribe(cuframes_mode mode = CUFRAMES_MODE_STRICT, int64_t connect_timeout = 0) {
        cuframes_subscriber_options options;
        CUFRAMES_INIT(options);
        options.key = "cam";
        options.directory = directory_.c_str();
        options.mode = mode;
        options.max_held = 1;
        options.connect_timeout_ms = connect_timeout;
        ASSERT_EQ(cuframes_subscriber_create(&options, &subscriber_), CUFRAMES_OK) << cuframes_last_error_message();
    }

    void make_publisher(cuframes_policy policy = CUFRAMES_POLICY_DROP, uint32_t wait_ms = 0) {
        cuframes_publisher_options options;
        CUFRAMES_INIT(options);
        options.key = "cam";
        options.directory = directory_.c_str();
        options.slots = 4;
        options.policy = policy;
        options.wait_timeout_ms = wait_ms;
        ASSERT_EQ(cuframes_publisher_create(&options, &publisher_), CUFRAMES_OK) << cuframes_last_error_message();
        configure();
    }

    void configure() {
        cuframes_ring_config config;
        CUFRAMES_INIT(config);
        config.memory = CUFRAMES_MEMORY_HOST;
        cuframes_geometry geometry;
        CUFRAMES_INIT(geometry);
        config.geometry = &geometry;
        geometry.width = geometry.height = 64;
        geometry.plane_count = 1;
        std::strcpy(geometry.format, "GRAY8");
        geometry.planes[0] = {.offset = 0, .pitch = 64, .row_bytes = 64, .rows = 64, .reserved = 0};
        geometry.frame_size = 64 * 64;
        ASSERT_EQ(cuframes_publisher_configure(publisher_, &config), CUFRAMES_OK) << cuframes_last_error_message();
    }

    int acquire(int flags = CUFRAMES_ACQUIRE_DEFAULT) {
        cuframes_slot* slot = nullptr;
        const int result = cuframes_publisher_acquire(publisher_, static_cast<cuframes_acquire_flags>(flags), &slot);
        cuframes_slot_release(slot);
        return result;
    }

    /// Publishes until the frames that the strict subscriber has yet to take fill the ring.
    void fill() {
        for (;;) {
            cuframes_slot* slot = nullptr;
            if (cuframes_publisher_acquire(publisher_, CUFRAMES_ACQUIRE_NO_WAIT, &slot) != CUFRAMES_OK) {
                return;
            }
            cuframes_frame_info info;
            CUFRAMES_INIT(info);
            EXPECT_EQ(cuframes_slot_publish(slot, &info, CUFRAMES_DEFAULT_STREAM), CUFRAMES_OK);
            cuframes_slot_release(slot);
        }
    }

    int next(int64_t timeout_ms) {
        cuframes_frame* frame = nullptr;
        const int result = cuframes_subscriber_next(subscriber_, timeout_ms, &frame);
        cuframes_frame_unref(frame);
        return result;
    }

    TempDir temp_;
    std::string directory_ = (temp_.path() / "ring").string();
    cuframes_publisher* publisher_ = nullptr;
    cuframes_subscriber* subscriber_ = nullptr;
};

} // namespace

TEST(Deadlines, ThatNobodyLivesToSeeAreNever) {
    const auto now = std::chrono::steady_clock::now();
    for (const int64_t timeout : {std::numeric_limits<int64_t>::max(), int64_t{10'000'000'000'000}, int64_t{-1},
                                  std::numeric_limits<int64_t>::min()}) {
        EXPECT_FALSE(deadline_in(timeout, now)) << timeout;
    }
    EXPECT_EQ(deadline_in(1500, now), now + std::chrono::milliseconds(1500));
    EXPECT_EQ(poll_timeout({}), -1);
    EXPECT_EQ(poll_timeout(now - std::chrono::hours(1)), 0);
    EXPECT_GT(poll_timeout(deadline_in(int64_t{1} << 40)), 1 << 20) << "a poll is long, but never negative";
}

// A timeout that is meant as for ever is one, in every call that takes one.
TEST_F(WaitingTest, VeryLongTimeoutsWait) {
    make_publisher();
    subscribe();
    ASSERT_EQ(cuframes_subscriber_connect(subscriber_, forever[0]), CUFRAMES_OK);
    for (const int64_t timeout : forever) {
        cuframes_subscriber_set_interrupted(subscriber_, false);
        cuframes_publisher_set_interrupted(publisher_, false);
        Call read([&] { return next(timeout); });
        Call wait([&] { return cuframes_publisher_wait_subscribers(publisher_, 2, timeout); });
        EXPECT_TRUE(read.await_sleep() && wait.await_sleep()) << timeout;
        EXPECT_FALSE(read.done() || wait.done()) << timeout;
        cuframes_subscriber_set_interrupted(subscriber_, true);
        cuframes_publisher_set_interrupted(publisher_, true);
        EXPECT_EQ(read.result(), CUFRAMES_ERROR_INTERRUPTED) << timeout;
        EXPECT_EQ(wait.result(), CUFRAMES_ERROR_INTERRUPTED) << timeout;
    }
}

TEST_F(WaitingTest, VeryLongTimeoutsWaitForALeaseToo) {
    make_publisher(CUFRAMES_POLICY_WAIT);
    subscribe();
    ASSERT_EQ(cuframes_subscriber_connect(subscriber_, 20'000), CUFRAMES_OK);
    fill();
    cuframes_frame* held = nullptr;
    ASSERT_EQ(cuframes_subscriber_next(subscriber_, 20'000, &held), CUFRAMES_OK);
    for (const int64_t timeout : forever) {
        cuframes_subscriber_set_interrupted(subscriber_, false);
        Call wait([&] { return cuframes_subscriber_wait_lease(subscriber_, timeout); });
        EXPECT_TRUE(wait.await_sleep());
        EXPECT_FALSE(wait.done()) << timeout;
        cuframes_subscriber_set_interrupted(subscriber_, true);
        EXPECT_EQ(wait.result(), CUFRAMES_ERROR_INTERRUPTED) << timeout;
    }
    cuframes_frame_unref(held);
}

TEST_F(WaitingTest, VeryLongConnectTimeoutsWait) {
    for (const int64_t timeout : forever) {
        subscribe(CUFRAMES_MODE_STRICT, timeout);
        Call connect([&] { return cuframes_subscriber_connect(subscriber_, -1); });
        EXPECT_TRUE(connect.await_sleep());
        EXPECT_FALSE(connect.done()) << timeout;
        cuframes_subscriber_set_interrupted(subscriber_, true);
        EXPECT_EQ(connect.result(), CUFRAMES_ERROR_INTERRUPTED) << timeout;
        cuframes_subscriber_destroy(std::exchange(subscriber_, nullptr));
    }
}

// The longest wait of a publisher for its readers is as legal as any.
TEST_F(WaitingTest, LongestWaitForReadersWaits) {
    make_publisher(CUFRAMES_POLICY_WAIT, std::numeric_limits<uint32_t>::max());
    subscribe();
    ASSERT_EQ(cuframes_subscriber_connect(subscriber_, 20'000), CUFRAMES_OK);
    fill();
    Call wait([&] { return acquire(); });
    EXPECT_TRUE(wait.await_sleep());
    EXPECT_FALSE(wait.done());
    EXPECT_EQ(next(20'000), CUFRAMES_OK);
    EXPECT_EQ(wait.result(), CUFRAMES_OK);
}

// A ring that is configured anew has nothing for those who wait for a slot of the one before: they learn so at once.
TEST_F(WaitingTest, ConfigureEndsTheWaitForASlot) {
    make_publisher(CUFRAMES_POLICY_WAIT, 3'600'000);
    subscribe();
    ASSERT_EQ(cuframes_subscriber_connect(subscriber_, 20'000), CUFRAMES_OK);
    fill();
    Call first([&] { return acquire(); });
    Call second([&] { return acquire(); });
    ASSERT_TRUE(first.await_sleep() && second.await_sleep());
    ASSERT_FALSE(first.done() || second.done());
    configure();
    EXPECT_EQ(first.result(), CUFRAMES_ERROR_INVALID_STATE);
    EXPECT_EQ(second.result(), CUFRAMES_ERROR_INVALID_STATE);
    EXPECT_EQ(acquire(), CUFRAMES_OK);
}

// An interruption ends a wait for readers, and nothing else: a ring is made anew where there is nobody to wait for.
TEST_F(WaitingTest, ConfigureIsInterruptedOnlyWhileItWaits) {
    make_publisher(CUFRAMES_POLICY_WAIT, 3'600'000);
    configure();
    cuframes_publisher_set_interrupted(publisher_, true);
    configure();
}

// Whoever interrupts last has the last word: what an earlier interruption left to be cleared is not all that is there.
TEST_F(WaitingTest, InterruptionBesideItsTakingBackIsNotSleptThrough) {
    subscribe();
    cuframes_subscriber_set_interrupted(subscriber_, true);
    while_clearing = [this] { cuframes_subscriber_set_interrupted(subscriber_, true); };
    cuframes_subscriber_set_interrupted(subscriber_, false);
    EXPECT_FALSE(while_clearing) << "nothing was cleared";
    pollfd waiting = {cuframes_subscriber_fd(subscriber_), POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, 0), 1) << "it is interrupted, and whoever sleeps in next() does not wake up";
    EXPECT_EQ(next(-1), CUFRAMES_ERROR_INTERRUPTED);
}

} // namespace cuframes::test

/// The C library's, in its place: lets a test do something between the two halves of what the library does.
extern "C" int eventfd_read(int fd, eventfd_t* value) {
    if (auto between = std::exchange(cuframes::test::while_clearing, nullptr)) {
        between();
    }
    return ::read(fd, value, sizeof(*value)) == sizeof(*value) ? 0 : -1;
}
