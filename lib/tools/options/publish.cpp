// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/publish.h"

#include <CLI/CLI.hpp>

#include <regex>

namespace cuframes::tools {

namespace {

std::string wrong_with_size(const std::string& size) {
    return std::regex_match(size, std::regex("[1-9][0-9]{0,4}x[1-9][0-9]{0,4}")) ? ""
                                                                                 : size + " is no size: write 1280x720";
}

} // namespace

void declare(CLI::App& verb, PublishOptions& options) {
    verb.add_option("source", options.source, "a file, rtsp://…, v4l2, v4l2:/dev/videoN, or test")
        ->type_name("SOURCE")
        ->required();
    verb.add_option("--key", options.key,
                    "where its frames go; its packets go to KEY.h264, its sound to KEY.aac, or as encoded")
        ->type_name("KEY")
        ->required()
        ->check(CLI::Validator([](std::string& given) { return wrong_with_key(given); }, ""));
    declare_choice(verb, "--only", options.only, {"frames", "packets"}, "do without the other");
    verb.add_flag("--encode", options.encode, "share packets of H.264 also where the source is not encoded");
    verb.add_flag("--loop", options.loop, "begin a file again when it ends");
    declare_choice(verb, "--memory", options.memory, {"auto", "system", "cuda"},
                   "where frames are to lie (auto: where they are decoded)");
    verb.add_option("--access", options.access, "who may read: user, group:NAME or all (user)")->type_name("WHO");
    declare_seconds(verb, "--max-time", options.max_time, "how much of the past of packets is kept (15s)");
    declare_seconds(verb, "--stall-timeout", options.stall_timeout,
                    "connect again when nothing came for so long (10s)");
    declare_choice(verb, "--transport", options.transport, {"tcp", "udp", "auto"}, "of RTSP (tcp)");
    declare_seconds(verb, "--latency", options.latency, "of RTSP: how long packets may be late (200ms)");
    verb.add_option("--size", options.size, "of test (1280x720)")
        ->type_name("WIDTHxHEIGHT")
        ->check(CLI::Validator([](std::string& given) { return wrong_with_size(given); }, ""));
    verb.add_option("--rate", options.rate, "of test: pictures in a second (30)")
        ->type_name("NUMBER")
        ->check(CLI::Range(0.1, 1000.0).description(""));
    declare_quiet(verb, options.quiet);
    declare_directory(verb, options.directory);
}

} // namespace cuframes::tools
