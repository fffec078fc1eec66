// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/cat.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, CatOptions& options) {
    declare_key(verb, options.key, "of packets, or of frames");
    verb.add_flag("--y4m", options.y4m, "frames in YUV4MPEG2, which says their size and rate");
    verb.add_flag("--ts", options.transport_stream, "packets in an MPEG transport stream, which says their times");
    declare_seconds(verb, "--preroll", options.preroll, "packets: begin so long ago; else with the newest keyframe");
    declare_seconds(verb, "--timeout", options.timeout, "how long to wait for the key; else for ever");
    declare_quiet(verb, options.quiet);
    declare_directory(verb, options.directory);
    verb.callback([&options] {
        if (options.y4m && options.transport_stream) {
            throw CLI::ValidationError("--y4m", "is of frames, and --ts of packets");
        }
    });
}

} // namespace cuframes::tools
