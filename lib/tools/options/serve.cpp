// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/serve.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, ServeOptions& options) {
    verb.add_option("keys", options.keys, "what to serve; else all there is, and what comes later")
        ->type_name("KEY")
        ->check(CLI::Validator([](std::string& given) { return wrong_with_key(given); }, ""));
    verb.add_option("--listen", options.address, "address of an interface; 0.0.0.0: all (127.0.0.1: this host only)")
        ->type_name("ADDRESS");
    verb.add_option("--port", options.port, "of RTSP, 0: any (8554)")
        ->type_name("NUMBER")
        ->check(CLI::Range(0, 65535).description(""));
    verb.add_option("--srt", options.srt_port,
                    "serve the keys named by SRT as well: the first at this port, each at the next")
        ->type_name("PORT")
        ->check(CLI::Range(1, 65535).description(""));
    declare_quiet(verb, options.quiet);
    declare_directory(verb, options.directory);
    verb.callback([&options] {
        if (options.srt_port > 0 && options.keys.empty()) {
            throw CLI::ValidationError("--srt", "each key has a port of its own, so say which keys");
        }
    });
}

} // namespace cuframes::tools
