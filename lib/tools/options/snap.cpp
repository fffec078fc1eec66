// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/snap.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

namespace {

/// "": the name does not say.
std::string format_of(const std::string& file) {
    if (file.ends_with(".png")) {
        return "png";
    }
    return file.ends_with(".jpg") || file.ends_with(".jpeg") ? "jpg" : "";
}

} // namespace

void declare(CLI::App& verb, SnapOptions& options) {
    declare_key(verb, options.key, "of frames, or of packets");
    verb.add_option("file", options.file, "what to write: a .png or .jpg; - is standard output")
        ->type_name("FILE")
        ->required();
    declare_choice(verb, "--format", options.format, {"png", "jpg"}, "if the file's name does not say it");
    declare_seconds(verb, "--timeout", options.timeout, "how long to wait for a picture (5s)");
    declare_directory(verb, options.directory);
    verb.callback([&options] {
        options.format = options.format.empty() ? format_of(options.file) : options.format;
        if (options.format.empty()) {
            throw CLI::ValidationError(options.file, "is this to be PNG or JPEG? say --format png or --format jpg");
        }
    });
}

} // namespace cuframes::tools
