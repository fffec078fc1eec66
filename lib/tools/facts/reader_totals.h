// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace cuframes::tools {

/// What all readers of one name have counted. Several may have it, and come and go: a sum of those that are there would fall
/// with each that leaves, which whoever records it would take for a restart. So those that left stay in it, for as long as
/// anybody of their name is there.
class ReaderTotals {
public:
    struct Counts {
        uint64_t received = 0, skipped = 0, lost = 0;
        Counts& operator+=(const Counts& other);
    };
    struct Total {
        Counts counts;
        uint64_t readers = 0, held = 0, max_held = 0;
        uint64_t lag = 0; ///< Of the one that lags most.
    };

    /// By name, as of now.
    std::map<std::string, Total> look(const cuframes_ring_info& ring);

private:
    struct Name {
        Counts left;
        std::map<uint64_t, Counts> there;
    };
    std::map<std::string, Name> names_;
};

} // namespace cuframes::tools
