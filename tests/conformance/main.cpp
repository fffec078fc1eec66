// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The conformance suite: what cuframes.h promises, shown between real processes. The program starts itself again in the
// role "agent" for each publisher and subscriber, and tells them what to do line by line (tests/harness).
//
//     conformance [--backend=host|cuda] [GoogleTest options]      host: with packets and records
#include "packet_agent.h"
#include "ring_test.h"
#include "time_limit.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

/// What the test runner of Meson takes as "skipped".
constexpr int exit_skipped = 77;

/// Turns --backend=… into GoogleTest's filter; empty when it was not given.
std::string take_backend(std::vector<char*>& arguments) {
    static const std::string option = "--backend=";
    for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
        const std::string text = *argument;
        if (text.rfind(option, 0) == 0) {
            arguments.erase(argument);
            return text.substr(option.size());
        }
    }
    return {};
}

} // namespace

int main(int argc, char** argv) {
    using namespace cuframes::test;
    std::vector<char*> arguments(argv, argv + argc);
    if (argc == 2 && std::string(argv[1]) == "--role=agent") {
        return agent_main();
    }
    if (argc == 2 && std::string(argv[1]) == "--role=packet-agent") {
        return packet_agent_main();
    }
    const std::string backend = take_backend(arguments);
    if (backend == "cuda" && !absence_of(Backend::cuda).empty() && !std::getenv("CUFRAMES_TEST_REQUIRE_CUDA")) {
        std::cout << "skipped: " << absence_of(Backend::cuda) << std::endl;
        return exit_skipped;
    }
    if (!backend.empty()) {
        GTEST_FLAG_SET(filter, backend == "cuda" ? "*/cuda" : "-*/cuda");
    }
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    ::testing::InitGoogleTest(&count, arguments.data());
    TimeLimit::set();
    return RUN_ALL_TESTS();
}
