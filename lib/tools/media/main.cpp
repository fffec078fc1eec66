// SPDX-License-Identifier: LGPL-2.1-or-later
/// cuframes-media: the verbs of the command `cuframes` that need GStreamer. That command starts it, with its own arguments.
#include "media/failure.h"
#include "media/owners.h"
#include "media/pipeline.h"
#include "media/run.h"
#include "options/parse.h"
#include "options/verbs.h"
#include "shared/say.h"

#include <csignal>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>

using namespace cuframes::tools;

namespace {

template <class Verb>
int run_verb(const Verb& verb, int argc, char** argv) {
    typename Verb::Options options;
    if (const auto code = parse(verb, options, argc - 1, argv + 1)) {
        return *code;
    }
    try {
        start_gstreamer();
        return run(options);
    } catch (const Interrupted&) {
        return exit_interrupted;
    } catch (const std::exception& failure) {
        // A Failure, but for what the C++ library has.
        return failed(verb.name, failure.what());
    }
}

/// What is used here, a line each, for `cuframes doctor` and bug reports.
int print_versions() {
    try {
        start_gstreamer();
    } catch (const Failure& failure) {
        fmt::print(stderr, "cuframes-media: {}\n", failure.what());
        return exit_failed;
    }
    const Text gstreamer(gst_version_string());
    const Owner<GstPlugin> plugin(gst_registry_find_plugin(gst_registry_get(), "cuframes"));
    fmt::print("{}\nplugin cuframes {}, {}\n", gstreamer.get(), gst_plugin_get_version(plugin.get()),
               gst_plugin_get_filename(plugin.get()));
    return exit_done;
}

} // namespace

int main(int argc, char** argv) {
    // Readers that leave, and files that may not grow, are errors that can be told.
    for (const int number : {SIGPIPE, SIGXFSZ}) {
        std::signal(number, SIG_IGN);
    }
    const std::string_view name = argc > 1 ? argv[1] : "";
    if (name == "--version") {
        return print_versions();
    }
    std::optional<int> code;
    for_each_verb([&](const auto& verb) {
        if constexpr (std::decay_t<decltype(verb)>::by == By::cuframes_media) {
            if (verb.name == name) {
                code = run_verb(verb, argc, argv);
            }
        }
    });
    if (!code) {
        fmt::print(stderr, "cuframes-media is a part of cuframes; see \"cuframes --help\"\n");
        return exit_usage;
    }
    return *code;
}
