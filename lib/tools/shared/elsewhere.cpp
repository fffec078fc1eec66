// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/elsewhere.h"

#include "shared/say.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>

namespace cuframes::tools {

namespace fs = std::filesystem;

namespace {

constexpr const char* prefix = "cuframes-";

bool is_program(const fs::path& path) {
    std::error_code error;
    return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

std::vector<fs::path> search_path() {
    std::vector<fs::path> folders;
    const char* path = std::getenv("PATH");
    std::istringstream parts(path ? path : "");
    // An empty part is the working directory, of which nobody wants verbs.
    for (std::string part; std::getline(parts, part, ':');) {
        if (!part.empty()) {
            folders.emplace_back(part);
        }
    }
    return folders;
}

int not_started(const char* verb, const std::string& path) {
    return failed(verb, fmt::format("{} could not be started: {}", path, std::strerror(errno)));
}

} // namespace

std::string find_media() {
    std::error_code error;
    const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const char* place : {"media/cuframes-media", MEDIA_FROM_BIN}) {
        const fs::path path = (folder / place).lexically_normal();
        if (is_program(path)) {
            return path;
        }
    }
    return "";
}

int become_media(char** argv) {
    const std::string path = find_media();
    if (path.empty()) {
        return failed(argv[1], "this verb needs GStreamer, and cuframes-media is not installed; install the package "
                               "that has it (Debian: cuframes-tools with gstreamer1.0-cuframes)");
    }
    ::execv(path.c_str(), argv);
    return not_started(argv[1], path);
}

std::string find_foreign(const std::string& name) {
    if (name.empty() || name.find('/') != std::string::npos) {
        return "";
    }
    for (const fs::path& folder : search_path()) {
        const fs::path path = folder / (prefix + name);
        if (is_program(path)) {
            return path;
        }
    }
    return "";
}

std::vector<std::string> foreign_verbs() {
    std::set<std::string> names;
    for (const fs::path& folder : search_path()) {
        std::error_code error;
        for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
            const std::string name = entry.path().filename();
            if (name.starts_with(prefix) && is_program(entry.path())) {
                names.insert(name.substr(std::strlen(prefix)));
            }
        }
    }
    return {names.begin(), names.end()};
}

int become_foreign(const std::string& path, char** argv) {
    ::execv(path.c_str(), argv + 1);
    return not_started(argv[1], path);
}

} // namespace cuframes::tools
