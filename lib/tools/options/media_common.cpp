// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/media_common.h"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace cuframes::tools {

namespace {

std::string wrong_with_recording(const std::string& file) {
    constexpr const char* endings[] = {".mkv", ".mp4", ".mov", ".ts", ".webm"};
    const bool known =
        std::any_of(std::begin(endings), std::end(endings), [&](const char* ending) { return file.ends_with(ending); });
    return known ? "" : file + ": a recording's name ends in .mkv, .mp4, .mov, .ts or .webm";
}

} // namespace

void declare_quiet(CLI::App& verb, bool& quiet) {
    verb.add_flag("-q,--quiet", quiet, "say nothing but what goes wrong");
}

void declare_recording(CLI::App& verb, std::string& file, bool& force) {
    verb.add_option("file", file, "what to write: .mkv, .mp4, .mov, .ts or .webm")
        ->type_name("FILE")
        ->required()
        ->check(CLI::Validator([](std::string& given) { return wrong_with_recording(given); }, ""));
    verb.add_flag("--force", force, "replace a file that is there");
}

void declare_audio(CLI::App& verb, std::string& key) {
    verb.add_option("--audio", key, "the key of the sound to it")
        ->type_name("KEY")
        ->check(CLI::Validator([](std::string& given) { return wrong_with_key(given); }, ""));
}

} // namespace cuframes::tools
