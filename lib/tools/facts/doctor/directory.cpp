// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/doctor/examinations.h"
#include "facts/words.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>

namespace cuframes::tools::doctor {

namespace {

constexpr const char* topic = "directory";

std::string directory_of(const DoctorOptions& options) {
    char usual[4096] = "";
    if (options.directory.empty()) {
        cuframes_default_directory(usual, sizeof(usual));
    }
    return options.directory.empty() ? usual : options.directory;
}

void examine_missing(Findings& findings, const std::string& directory) {
    const std::string parent = std::filesystem::path(directory).parent_path();
    if (::access(parent.c_str(), W_OK | X_OK) == 0) {
        findings.ok(topic, fmt::format("{} is not there yet: the first publisher makes it", directory));
    } else {
        findings.fail(topic, fmt::format("{} is not there, and this user cannot make it", directory),
                      fmt::format("make it, for whoever is to publish: install -d -m 0755 -o USER {}", directory));
    }
}

/// A socket's address has 107 bytes: directory, '/', key, ".sock".
void examine_length(Findings& findings, const std::string& directory) {
    constexpr size_t address = 107;
    const size_t rest = directory.size() + sizeof("/.sock") - 1;
    if (rest + CUFRAMES_MAX_KEY > address) {
        const size_t longest = address - std::min(address, rest);
        findings.warn(topic, fmt::format("its path is so long that keys may have {} characters at most", longest),
                      "choose a shorter one with CUFRAMES_DIR");
    }
}

/// Does what a publisher does, for a moment.
void try_to_publish(Findings& findings, const std::string& directory, const std::string& facts) {
    if (::access(directory.c_str(), W_OK | X_OK) != 0) {
        findings.warn(topic, fmt::format("{}: this user may not publish there", facts),
                      "to read is enough for readers; publishers need to write there, or another CUFRAMES_DIR");
        return;
    }
    const std::string key = fmt::format("doctor-{}", ::getpid());
    auto options = publisher_options(key.c_str());
    options.directory = directory.c_str();
    const auto publisher = Publisher::create(options);
    if (publisher) {
        findings.ok(topic, facts);
    } else {
        findings.fail(topic, fmt::format("{}: {}", facts, publisher.error().message),
                      "it must be on a file system with sockets and locks, such as a tmpfs");
    }
}

void examine_rings(Findings& findings, const DoctorOptions& options) {
    const auto rings = list(or_usual(options.directory));
    if (!rings) {
        findings.fail("keys", rings.error().message, "look at its permissions, or name another one with CUFRAMES_DIR");
        return;
    }
    std::map<std::string, int> states;
    for (size_t i = 0; i < rings->size(); ++i) {
        ++states[cuframes_ring_state_name((*rings)[i].state)];
    }
    std::string counts;
    for (const auto& [state, count] : states) {
        counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, state);
    }
    const std::string what = counts.empty() ? "none are there" : counts;
    if (states["silent"] + states["dead"] > 0) {
        findings.warn("keys", what, "\"cuframes ls\" says which; a silent one is stopped, a dead one was killed");
    } else {
        findings.ok("keys", what);
    }
}

} // namespace

void examine_directory(Findings& findings, const DoctorOptions& options) {
    const std::string directory = directory_of(options);
    struct stat found = {};
    examine_length(findings, directory);
    if (::stat(directory.c_str(), &found) != 0) {
        examine_missing(findings, directory);
    } else if (!S_ISDIR(found.st_mode)) {
        findings.fail(topic, fmt::format("{} is no directory", directory), "name another one with CUFRAMES_DIR");
        return;
    } else {
        try_to_publish(findings, directory,
                       fmt::format("{}, of user {}, mode {:04o}", directory, found.st_uid, found.st_mode & 07777));
    }
    examine_rings(findings, options);
}

} // namespace cuframes::tools::doctor
