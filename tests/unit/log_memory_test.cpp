// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/packet_log/log_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace cuframes::core {
namespace {

constexpr uint64_t mib = 1 << 20;

LogMemory memory_of(uint64_t most) {
    auto made = LogMemory::create(most);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
}

/// As the service thread does.
void get_ahead(LogMemory& memory) {
    if (const auto stretch = memory.wanted()) {
        memory.note(*stretch, memory.get(*stretch));
    }
}

long faults_so_far() {
    rusage usage = {};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt;
}

bool kernel_can_populate() {
    void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool can = ::madvise(page, 4096, MADV_POPULATE_WRITE) == 0;
    ::munmap(page, 4096);
    return can;
}

TEST(LogMemory, WhatWasGotAheadIsFilledWithoutFaults) {
    if (!kernel_can_populate()) {
        GTEST_SKIP() << "needs Linux 5.14";
    }
    LogMemory memory = memory_of(64 * mib);
    get_ahead(memory);
    const auto offset = memory.take(mib / 2);
    ASSERT_TRUE(offset);
    const long before = faults_so_far();
    std::memset(memory.at(*offset), 1, mib / 2);
    // A page each would be 128; a sanitizer's notes about them are on some of their own.
    EXPECT_LT(faults_so_far() - before, 32);
}

TEST(LogMemory, SmallPacketsWantAStepAheadAndNoMore) {
    LogMemory memory = memory_of(64 * mib);
    for (int i = 0; i < 10; ++i) {
        get_ahead(memory);
    }
    EXPECT_EQ(memory.committed(), mib);
    ASSERT_TRUE(memory.take(mib * 3 / 4));
    get_ahead(memory);
    get_ahead(memory);
    EXPECT_EQ(memory.committed(), 2 * mib);
}

TEST(LogMemory, APacketAsLargeAsTheLargestFindsRoom) {
    LogMemory memory = memory_of(64 * mib);
    ASSERT_TRUE(memory.take(5 * mib));
    EXPECT_EQ(memory.committed(), 5 * mib);
    get_ahead(memory);
    EXPECT_EQ(memory.committed(), 10 * mib);
    ASSERT_TRUE(memory.take(5 * mib));
    EXPECT_EQ(memory.committed(), 10 * mib);
}

TEST(LogMemory, NeverMoreThanItsBound) {
    LogMemory memory = memory_of(mib + 65'536);
    while (memory.take(65'536)) {
        get_ahead(memory);
    }
    EXPECT_EQ(memory.committed(), mib + 65'536);
    EXPECT_FALSE(memory.wanted());
}

TEST(LogMemory, TakingWhileItIsGotAheadGivesNothingTwice) {
    LogMemory memory = memory_of(64 * mib);
    const auto stretch = memory.wanted();
    ASSERT_TRUE(stretch);
    std::vector<std::pair<uint64_t, uint64_t>> taken;
    const auto take = [&](uint64_t size) {
        const auto offset = memory.take(size);
        ASSERT_TRUE(offset);
        taken.emplace_back(*offset, size);
    };
    take(3 * mib); // More than what is on its way, which so is in what this brings.
    memory.note(*stretch, memory.get(*stretch));
    EXPECT_EQ(memory.committed(), 3 * mib);
    for (int i = 0; i < 20; ++i) {
        take(mib / 3);
        get_ahead(memory);
    }
    std::ranges::sort(taken);
    for (size_t i = 1; i < taken.size(); ++i) {
        EXPECT_LE(taken[i - 1].first + taken[i - 1].second, taken[i].first);
    }
}

TEST(LogMemory, WhatCannotBeHadIsNotAskedForAtOnceAgain) {
    LogMemory memory = memory_of(64 * mib);
    const auto stretch = memory.wanted();
    ASSERT_TRUE(stretch);
    memory.note(*stretch, Error{CUFRAMES_ERROR_NO_MEMORY, "as a test has it"});
    EXPECT_FALSE(memory.wanted());
    EXPECT_FALSE(memory.take(1));
    EXPECT_EQ(memory.committed(), 0u);
}

} // namespace
} // namespace cuframes::core
