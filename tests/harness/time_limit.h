// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "deadline.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cuframes::test {

/// A test that stands still ends the program, which says which one: without this the runner waits for as long as all tests
/// of a suite may take together. For main(), after InitGoogleTest().
class TimeLimit : public testing::EmptyTestEventListener {
public:
    static void set() {
        std::signal(SIGALRM, tell_and_abort);
        testing::UnitTest::GetInstance()->listeners().Append(new TimeLimit);
    }

private:
    /// A tenth of that is what the longest takes.
    static constexpr milliseconds limit{180'000};
    inline static char told_[256];

    void OnTestStart(const testing::TestInfo& test) override {
        std::snprintf(told_, sizeof told_, "%s.%s stands still\n", test.test_suite_name(), test.name());
        ::alarm(static_cast<unsigned>(scaled(limit) / std::chrono::seconds(1)));
    }
    void OnTestEnd(const testing::TestInfo&) override { ::alarm(0); }

    static void tell_and_abort(int) {
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, told_, std::strlen(told_));
        std::abort();
    }
};

} // namespace cuframes::test
