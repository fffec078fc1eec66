// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/play.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, PlayOptions& options) {
    declare_key(verb, options.key, "of frames, packets or sound");
    declare_audio(verb, options.audio);
    declare_choice(verb, "--mode", options.mode, {"newest", "strict"},
                   "of frames: skip what is late, or show all (newest)");
    verb.add_option("--sink", options.sink, "GStreamer's element that shows it; else the one that fits this desktop")
        ->type_name("ELEMENT");
    declare_seconds(verb, "--timeout", options.timeout, "how long to wait for the key; else for ever");
    declare_quiet(verb, options.quiet);
    declare_directory(verb, options.directory);
}

} // namespace cuframes::tools
