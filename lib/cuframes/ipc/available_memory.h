// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cuframes::core {

/// What bounds the memory that this process can have. The kernel does not say no by itself: pages of a memfd are granted
/// one by one, and the last one calls the OOM killer, to which they count for no process, so that it kills others first.
///
/// What counts is the machine's MemAvailable, the commit limit where the machine overcommits nothing, and each memory
/// cgroup from this process's own to the topmost that can be seen, v1 and v2. A limit that cannot be read is none.
class MemoryLimits {
public:
    /// @param root Put before the paths of all files read. For tests.
    explicit MemoryLimits(std::string root = {}) : root_(std::move(root)) {}

    /// Whether `bytes` more can be had now without swapping and without the OOM killer, and a reserve be left for
    /// everybody else. CUFRAMES_ERROR_NO_MEMORY says what is needed and available and which limit it is; `what` it is for
    /// stands in its text. Less than 64 KiB is not looked at: it is no more than any malloc(), and the look would cost
    /// more. Two who ask at the same time get the same answer, so ask again on the way.
    Result<> check(uint64_t bytes, const char* what);

private:
    struct Limit;
    struct Group {
        bool unified; ///< Of cgroup v2.
        std::string folder;
    };
    void find_groups();
    std::vector<Limit> look(uint64_t wanted) const;
    void add_machine(std::vector<Limit>& limits) const;
    void add_group(std::vector<Limit>& limits, const Group& group, uint64_t wanted) const;

    std::string root_;
    std::optional<std::vector<Group>> groups_; ///< Found once, at the first look: a search takes longer than a look.
};

/// MemoryLimits::check() for who asks once.
inline Result<> check_available(uint64_t bytes, const char* what, const std::string& root = {}) {
    return MemoryLimits(root).check(bytes, what);
}

/// For people: "96.0 MiB".
std::string readable_size(uint64_t bytes);

} // namespace cuframes::core
