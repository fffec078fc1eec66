// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/doctor.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, DoctorOptions& options) {
    declare_key(verb, options.key, "also look at this one, and read a frame of it")->required(false);
    declare_directory(verb, options.directory);
    declare_json(verb, options.json);
    declare_seconds(verb, "--timeout", options.timeout, "how long to wait for what should come at once (2s)");
}

} // namespace cuframes::tools
