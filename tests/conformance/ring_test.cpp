// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ring_test.h"

#include "cuda_driver.h"

#include <exception>
#include <filesystem>
#include <fstream>

namespace cuframes::test {
namespace {

ChildOptions options_for(const std::string& directory) {
    ChildOptions options;
    options.environment["CUFRAMES_DIR"] = directory;
    return options;
}

} // namespace

std::string absence_of(Backend backend) {
    if (backend != Backend::cuda) {
        return {};
    }
    return CudaDriver::get() ? std::string() : "no usable CUDA driver: " + CudaDriver::absence();
}

bool driver_is_stand_in() { return CudaDriver::get() && CudaDriver::get()->extension("fake_cuda_stats"); }

void RingTest::SetUp() {
    const std::string absence = absence_of(GetParam());
    if (absence.empty()) {
        return;
    }
    // Where the build provides a driver its absence is a mistake, not a reason to skip.
    if (std::getenv("CUFRAMES_TEST_REQUIRE_CUDA")) {
        FAIL() << absence;
    }
    GTEST_SKIP() << absence;
}

std::string records_agent() {
    // Beside this program's folder, wherever the build was moved.
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
    return self.parent_path().parent_path() / "records" / "records-agent";
}

ChildOptions RingTest::in_directory() const {
    ChildOptions options = options_for(directory());
    options.program = GetParam() == Backend::records ? records_agent() : std::string();
    options.role = GetParam() == Backend::packets ? "packet-agent" : options.role;
    return options;
}

ChildOptions HostTest::in_directory() const { return options_for(directory()); }

Process::~Process() {
    if (!running() || std::uncaught_exceptions() > 0) {
        return;
    }
    try {
        EXPECT_EQ(finish(), 0) << "wait status of a child";
    } catch (const std::exception& problem) {
        ADD_FAILURE() << problem.what();
    }
}

void PublisherProcess::await_subscribers(uint64_t count) {
    ASSERT_TRUE(eventually([&] { return stat("subscribers") == count; }))
        << stat("subscribers") << " subscribers instead of " << count;
}

void SubscriberProcess::attach() {
    ASSERT_TRUE(eventually([&] {
        const Message reply = ask("next timeout=0");
        EXPECT_EQ(reply.number("code"), CUFRAMES_ERROR_TIMEOUT) << reply.text("text");
        return stat("state") == CUFRAMES_STATE_ATTACHED;
    }));
}

bool all_threads_sleep(pid_t pid) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
        std::ifstream file(task.path() / "stat");
        std::string text;
        std::getline(file, text);
        if (text.find(") S ") == std::string::npos) {
            return false;
        }
    }
    return true;
}

} // namespace cuframes::test
