// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/hz.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

namespace {

std::string none(const std::string& seconds) { return std::stod(seconds) > 0 ? "" : "it must be more than 0"; }

} // namespace

void declare(CLI::App& verb, HzOptions& options) {
    declare_key(verb, options.key, "which one");
    declare_count(verb, "-n,--count", options.count, "end after so many frames or packets");
    declare_seconds(verb, "--for", options.seconds, "end after that time")->check(CLI::Validator(none, ""));
    declare_directory(verb, options.directory);
    declare_json(verb, options.json);
}

} // namespace cuframes::tools
