// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/top.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

namespace {

constexpr double shortest_delay = 0.05;

std::string too_short(const std::string& seconds) {
    return std::stod(seconds) < shortest_delay ? "it must be 50ms or more" : "";
}

} // namespace

void declare(CLI::App& verb, TopOptions& options) {
    verb.add_flag("-b,--batch", options.batch, "print plain lines, as where there is no terminal");
    declare_count(verb, "-n,--iterations", options.iterations, "end after so many");
    declare_seconds(verb, "-d,--delay", options.delay, "from one to the next (1s)")
        ->check(CLI::Validator(too_short, ""));
    declare_directory(verb, options.directory);
    declare_json(verb, options.json);
    declare_timeout(verb, options.timeout);
}

} // namespace cuframes::tools
