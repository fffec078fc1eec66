// SPDX-License-Identifier: LGPL-2.1-or-later
#include "exporter.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
    constexpr char role[] = "--exporter=";
    if (argc == 2 && std::strncmp(argv[1], role, sizeof role - 1) == 0) {
        return fake_cuda_test::run_exporter(std::atoi(argv[1] + sizeof role - 1));
    }
    testing::InitGoogleTest(&argc, argv);
    // The tests that change knobs need processes that start from main(), not copies of this one.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    return RUN_ALL_TESTS();
}
