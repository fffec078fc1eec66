// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/clip.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, ClipOptions& options) {
    declare_key(verb, options.key, "of packets");
    declare_recording(verb, options.file, options.force);
    declare_seconds(verb, "--before", options.before, "how long before now it begins (10s)");
    declare_seconds(verb, "--after", options.after, "how long after now it ends (10s)");
    declare_audio(verb, options.audio);
    declare_seconds(verb, "--timeout", options.timeout, "how long to wait for the key (5s)");
    declare_quiet(verb, options.quiet);
    declare_directory(verb, options.directory);
}

} // namespace cuframes::tools
