// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/record.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, RecordOptions& options) {
    declare_key(verb, options.key, "of packets, which are written as they are, or of frames, which are encoded");
    declare_recording(verb, options.file, options.force);
    declare_audio(verb, options.audio);
    declare_seconds(verb, "--duration", options.duration, "how long the file is to be; else until Ctrl-C");
    declare_seconds(verb, "--preroll", options.preroll, "begin so long ago; packets only");
    declare_seconds(verb, "--timeout", options.timeout, "how long to wait for the key; else for ever");
    declare_quiet(verb, options.quiet);
    declare_directory(verb, options.directory);
}

} // namespace cuframes::tools
