// SPDX-License-Identifier: LGPL-2.1-or-later
/// The command `cuframes`: its own verbs, those of cuframes-media, and any `cuframes-NAME` in $PATH.
#include "facts/run.h"
#include "nearest.h"
#include "options/parse.h"
#include "options/verbs.h"
#include "shared/elsewhere.h"
#include "shared/say.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

using namespace cuframes::tools;

namespace {

void print_verbs(By by, const char* heading) {
    fmt::print("\n{}\n", heading);
    for_each_verb([&](const auto& verb) {
        if (verb.by == by) {
            fmt::print("  {:<12}{}\n", verb.name, verb.summary);
        }
    });
}

void print_help() {
    fmt::print("cuframes: see and use the video that programs of this host share\n"
               "Usage: cuframes VERB [OPTIONS]\n"
               "       cuframes VERB --help\n"
               "       cuframes --version\n");
    print_verbs(By::cuframes, "Facts:");
    print_verbs(By::cuframes_media, "Pictures and streams:");
    if (const auto others = foreign_verbs(); !others.empty()) {
        fmt::print("\nOf other programs (cuframes-NAME in $PATH):\n");
        for (const std::string& name : others) {
            fmt::print("  {}\n", name);
        }
    }
}

std::vector<std::string> names_of_verbs() {
    std::vector<std::string> names;
    for_each_verb([&](const auto& verb) { names.emplace_back(verb.name); });
    return names;
}

template <class Verb>
int run_verb(const Verb& verb, int argc, char** argv) {
    typename Verb::Options options;
    // What is wrong with a media verb's options is said before GStreamer is loaded.
    if (const auto code = parse(verb, options, argc - 1, argv + 1)) {
        return *code;
    }
    if constexpr (Verb::by == By::cuframes) {
        return run(options);
    } else {
        return become_media(argv);
    }
}

int no_such_verb(const std::string& name) {
    const std::string meant = nearest(name, names_of_verbs());
    fmt::print(stderr, "cuframes: there is no verb \"{}\"; {}see \"cuframes --help\"\n", name,
               meant.empty() ? "" : fmt::format("did you mean \"{}\"? else ", meant));
    return exit_usage;
}

int run_command(int argc, char** argv) {
    const std::string name = argc > 1 ? argv[1] : "";
    if (name == "--help" || name == "-h" || name == "help") {
        print_help();
        return exit_done;
    }
    if (name == "--version") {
        fmt::print("cuframes {}\n", CUFRAMES_VERSION_STRING);
        return exit_done;
    }
    if (name.empty()) {
        fmt::print(stderr, "cuframes: which verb? see \"cuframes --help\"\n");
        return exit_usage;
    }
    std::optional<int> code;
    for_each_verb([&](const auto& verb) {
        if (verb.name == name) {
            code = run_verb(verb, argc, argv);
        }
    });
    if (code) {
        return *code;
    }
    const std::string foreign = find_foreign(name);
    return foreign.empty() ? no_such_verb(name) : become_foreign(foreign, argv);
}

} // namespace

int main(int argc, char** argv) {
    int code = exit_failed;
    try {
        code = run_command(argc, argv);
    } catch (const std::exception& error) {
        complain(argv[1], error.what());
    }
    // A full disk is no success.
    if (std::fflush(stdout) != 0 && code == exit_done) {
        fmt::print(stderr, "cuframes: the output could not be written: {}\n", std::strerror(errno));
        return exit_failed;
    }
    return code;
}
