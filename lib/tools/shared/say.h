// SPDX-License-Identifier: LGPL-2.1-or-later
/// How a verb ends, and how it says what went wrong.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

namespace cuframes::tools {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
/// Ctrl-C, and once more while a file was being finished.
inline constexpr int exit_interrupted = 130;

/// `cuframes VERB: what was wrong; what to do`
inline void complain(std::string_view verb, std::string_view what) {
    fmt::print(stderr, "cuframes {}: {}\n", verb, what);
}

/// The same, to return.
inline int failed(std::string_view verb, std::string_view what) {
    complain(verb, what);
    return exit_failed;
}

} // namespace cuframes::tools
