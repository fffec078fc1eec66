// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "facts/reader_totals.h"

#include <map>
#include <string>

namespace cuframes::tools {

/// All rings as Prometheus wants to read them. It remembers what it saw, for what only the past can tell.
class Metrics {
public:
    /// `asked`: when the publishers were. `took`: seconds until all had answered.
    std::string page(const Inspection& rings, uint64_t asked, double took);

private:
    struct Known {
        ReaderTotals readers;
        uint64_t newest_time = CUFRAMES_TIME_NONE;
    };
    /// Forgets keys that are gone.
    void keep_only(const Inspection& rings);

    std::map<std::string, Known> known_;
};

} // namespace cuframes::tools
