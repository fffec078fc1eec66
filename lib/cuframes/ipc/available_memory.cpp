// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/available_memory.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string_view>

namespace cuframes::core {

namespace {

constexpr uint64_t kib = 1024;
constexpr uint64_t mib = 1024 * kib;
constexpr uint64_t not_worth_a_look = 64 * kib;

std::string contents(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

std::optional<uint64_t> number(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    return parsed.ec == std::errc() ? std::optional(value) : std::nullopt;
}

/// The number in the line that begins with `key`, which its separator is part of.
std::optional<uint64_t> field(const std::string& file, std::string_view key) {
    std::istringstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(key)) {
            return number(std::string_view(line).substr(key.size()));
        }
    }
    return std::nullopt;
}

uint64_t difference(uint64_t from, uint64_t what) { return from > what ? from - what : 0; }

/// How the files of a memory cgroup are called.
struct CgroupVersion {
    std::array<const char*, 2> limits;
    const char* usage;
    std::array<const char*, 2> file_cache; ///< In memory.stat, children included.
};
constexpr CgroupVersion v1 = {
    {"memory.limit_in_bytes", ""}, "memory.usage_in_bytes", {"total_inactive_file ", "total_active_file "}};
// Above memory.high nobody is killed, but everybody in the group is slowed down until nothing moves.
constexpr CgroupVersion v2 = {{"memory.max", "memory.high"}, "memory.current", {"inactive_file ", "active_file "}};

uint64_t file_cache(const CgroupVersion& version, const std::string& path) {
    const std::string stat = contents(path);
    uint64_t bytes = 0;
    for (const char* key : version.file_cache) {
        bytes += field(stat, key).value_or(0);
    }
    return bytes;
}

bool exists(const std::string& path) {
    struct stat status = {};
    return ::stat(path.c_str(), &status) == 0;
}

/// A place where cgroups are mounted: `root` is the group that is seen at `point`.
struct CgroupMount {
    bool unified;
    std::string root;
    std::string point;
};

/// The mounts of the memory controller, and of cgroup v2, which may or may not have it.
std::vector<CgroupMount> cgroup_mounts(const std::string& root) {
    std::vector<CgroupMount> mounts;
    std::istringstream lines(contents(root + "/proc/self/mountinfo"));
    for (std::string line; std::getline(lines, line);) {
        // id, parent, device, root, mount point, options, optional fields, "-", type, source, super options
        const size_t separator = line.find(" - cgroup");
        if (separator == std::string::npos) {
            continue;
        }
        std::istringstream before(line);
        std::istringstream after(line.substr(separator + 3));
        std::string skipped;
        std::string type;
        std::string options;
        CgroupMount mount = {};
        before >> skipped >> skipped >> skipped >> mount.root >> mount.point;
        after >> type >> skipped >> options;
        mount.unified = type == "cgroup2";
        if (mount.unified || (type == "cgroup" && ("," + options + ",").find(",memory,") != std::string::npos)) {
            mounts.push_back(std::move(mount));
        }
    }
    return mounts;
}

/// This process's memory cgroup: of v1, or the one of v2. Empty: there is none.
std::string own_cgroup(const std::string& root, bool unified) {
    std::istringstream lines(contents(root + "/proc/self/cgroup"));
    for (std::string line; std::getline(lines, line);) {
        const size_t first = line.find(':');
        const size_t second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (unified ? controllers.empty() : ("," + controllers + ",").find(",memory,") != std::string::npos) {
            return line.substr(second + 1);
        }
    }
    return {};
}

/// Where the group `path` lies below the mount. The mount itself if it is not in there, as in some containers.
std::string below(const CgroupMount& mount, std::string path, const std::string& root) {
    if (mount.root != "/") {
        path = path.starts_with(mount.root + "/") ? path.substr(mount.root.size()) : "";
    }
    const bool outside = path == "/" || path.starts_with("/..") || !exists(root + mount.point + path);
    return outside ? "" : path;
}

} // namespace

/// Something that bounds how much memory there is, and what is left of it.
struct MemoryLimits::Limit {
    uint64_t bytes;
    uint64_t left;
    std::string source; ///< The file that says so.

    /// For what the process and its neighbours need besides rings: one part in 32, and not more than 256 MiB.
    uint64_t reserve() const { return std::min(bytes / 32, 256 * mib); }
    uint64_t available() const { return difference(left, reserve()); }
};

void MemoryLimits::find_groups() {
    groups_.emplace();
    for (const CgroupMount& mount : cgroup_mounts(root_)) {
        std::string path = own_cgroup(root_, mount.unified);
        if (path.empty()) {
            continue;
        }
        path = below(mount, path, root_);
        for (;;) {
            groups_->push_back({mount.unified, mount.point + path});
            if (path.empty()) {
                break;
            }
            path.erase(path.find_last_of('/'));
        }
    }
}

void MemoryLimits::add_machine(std::vector<Limit>& limits) const {
    const std::string file = contents(root_ + "/proc/meminfo");
    const auto total = field(file, "MemTotal:");
    const auto available = field(file, "MemAvailable:");
    if (total && available) {
        limits.push_back({*total * kib, *available * kib, "MemAvailable of /proc/meminfo"});
    }
    const auto limit = field(file, "CommitLimit:");
    const auto committed = field(file, "Committed_AS:");
    // 2: never overcommit. The pages of a memfd are then counted like everybody's.
    if (limit && committed && number(contents(root_ + "/proc/sys/vm/overcommit_memory")) == 2u) {
        limits.push_back({*limit * kib, difference(*limit, *committed) * kib,
                          "CommitLimit of /proc/meminfo, as vm.overcommit_memory is 2"});
    }
}

void MemoryLimits::add_group(std::vector<Limit>& limits, const Group& group, uint64_t wanted) const {
    const CgroupVersion& version = group.unified ? v2 : v1;
    const auto usage = number(contents(text(root_, group.folder, "/", version.usage)));
    if (!usage) {
        return; // The root, or a hierarchy without the memory controller.
    }
    for (const char* name : version.limits) {
        const std::string path = text(group.folder, "/", name);
        // "max", as no number, is no limit. Neither is what v1 says then, a number that no machine has.
        const auto limit = *name ? number(contents(root_ + path)) : std::nullopt;
        if (!limit || *limit >= uint64_t{1} << 62) {
            continue;
        }
        Limit found = {*limit, difference(*limit, *usage), path};
        // File cache counts as used and is given up before anybody is killed. So it is free, as it is in MemAvailable.
        // To count it, the kernel sums up all processors: only when it is needed.
        if (found.available() < wanted) {
            const uint64_t cache = file_cache(version, text(root_, group.folder, "/memory.stat"));
            found.left = difference(*limit, difference(*usage, cache));
        }
        limits.push_back(std::move(found));
    }
}

std::vector<MemoryLimits::Limit> MemoryLimits::look(uint64_t wanted) const {
    std::vector<Limit> limits;
    add_machine(limits);
    for (const Group& group : *groups_) {
        add_group(limits, group, wanted);
    }
    return limits;
}

std::string readable_size(uint64_t bytes) {
    const bool large = bytes >= mib;
    std::array<char, 32> out;
    std::snprintf(out.data(), out.size(), "%.1f %s",
                  static_cast<double>(bytes) / static_cast<double>(large ? mib : kib), large ? "MiB" : "KiB");
    return out.data();
}

Result<> MemoryLimits::check(uint64_t bytes, const char* what) {
    if (bytes < not_worth_a_look) {
        return {};
    }
    if (!groups_) {
        find_groups();
    }
    const std::vector<Limit> limits = look(bytes);
    const auto tightest = std::min_element(
        limits.begin(), limits.end(), [](const Limit& a, const Limit& b) { return a.available() < b.available(); });
    if (tightest == limits.end() || bytes <= tightest->available()) {
        return {};
    }
    return Error{CUFRAMES_ERROR_NO_MEMORY,
                 text(what, ": ", readable_size(bytes), " of memory are needed and ",
                      readable_size(tightest->available()), " available (", tightest->source, ": ",
                      readable_size(tightest->left), " left of ", readable_size(tightest->bytes), ", of which ",
                      readable_size(tightest->reserve()), " stay in reserve)")};
}

} // namespace cuframes::core
