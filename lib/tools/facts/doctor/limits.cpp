// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/doctor/examinations.h"
#include "facts/words.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

namespace cuframes::tools::doctor {

namespace {

/// Of this process; nothing: none.
std::optional<uint64_t> limit_of(__rlimit_resource resource) {
    rlimit limit = {};
    ::getrlimit(resource, &limit);
    return limit.rlim_cur == RLIM_INFINITY ? std::nullopt : std::optional<uint64_t>(limit.rlim_cur);
}

std::optional<uint64_t> number_in(const std::string& path) {
    std::ifstream file(path);
    uint64_t number = 0;
    return file >> number ? std::optional(number) : std::nullopt;
}

void examine_descriptors(Findings& findings) {
    // A reader has about ten, and so has a publisher for each of its readers.
    constexpr uint64_t few = 256;
    const auto limit = limit_of(RLIMIT_NOFILE);
    if (limit && *limit < few) {
        findings.warn("limits", fmt::format("{} descriptors: a publisher of many readers runs out of them", *limit),
                      "raise them: ulimit -n, or LimitNOFILE= of the unit");
    } else {
        findings.ok("limits", fmt::format("{} descriptors", limit ? fmt::format("{}", *limit) : "any number of"));
    }
}

void examine_inotify(Findings& findings) {
    const int fd = ::inotify_init1(IN_CLOEXEC);
    if (fd >= 0) {
        ::close(fd);
        return;
    }
    const auto most = number_in("/proc/sys/fs/inotify/max_user_instances");
    findings.warn(
        "limits",
        fmt::format("no inotify instance can be had ({}; {} for each user): readers that wait for a publisher find "
                    "it later",
                    std::strerror(errno), most ? fmt::format("{}", *most) : "some"),
        "sysctl fs.inotify.max_user_instances=1024");
}

void examine_file_size(Findings& findings) {
    // What a ring of large pictures takes.
    constexpr uint64_t small = 256'000'000;
    const auto limit = limit_of(RLIMIT_FSIZE);
    if (limit && *limit < small) {
        findings.warn("limits", fmt::format("files, and so shared memory, may have {} each", bytes_word(*limit)),
                      "lift it: ulimit -f unlimited, or LimitFSIZE=infinity of the unit");
    }
}

/// "memory.max" of our own cgroup, where it is one of the second version.
std::optional<uint64_t> cgroup_number(const char* file) {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (line.starts_with("0::")) {
            return number_in(fmt::format("/sys/fs/cgroup{}/{}", line.substr(3), file));
        }
    }
    return std::nullopt;
}

std::optional<uint64_t> available_memory() {
    std::ifstream file("/proc/meminfo");
    for (std::string line; std::getline(file, line);) {
        constexpr std::string_view name = "MemAvailable:";
        if (line.starts_with(name)) {
            return std::stoull(line.substr(name.size())) * 1024;
        }
    }
    return std::nullopt;
}

} // namespace

void examine_limits(Findings& findings) {
    examine_descriptors(findings);
    examine_inotify(findings);
    examine_file_size(findings);
    const auto locked = limit_of(RLIMIT_MEMLOCK);
    findings.ok("limits", fmt::format("{} of locked memory, of which cuframes needs none",
                                      locked ? bytes_word(*locked) : "any amount"));
}

void examine_memory(Findings& findings) {
    // Eight pictures of 4K in RGBA.
    constexpr uint64_t little = 270'000'000;
    auto available = available_memory().value_or(0);
    std::string of_what = "of this host";
    if (const auto most = cgroup_number("memory.max")) {
        const uint64_t used = std::min(*most, cgroup_number("memory.current").value_or(0));
        if (*most - used < available) {
            available = *most - used;
            of_what = fmt::format("of this cgroup's {}", bytes_word(*most));
        }
    }
    const std::string what =
        fmt::format("{} {} can be had; rings count against that, not against /dev/shm", bytes_word(available), of_what);
    if (available < little) {
        findings.warn("memory", what,
                      "a ring takes as many pictures as it has slots: raise the limit, or end something");
    } else {
        findings.ok("memory", what);
    }
}

} // namespace cuframes::tools::doctor
