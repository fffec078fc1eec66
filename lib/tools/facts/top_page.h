// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "facts/reader_rates.h"

#include <map>
#include <string>
#include <vector>

namespace cuframes::tools {

/// What `cuframes top` shows.
struct TopPage {
    enum class Tone { plain, heading, warning, alarm };
    struct Line {
        std::string text;
        Tone tone;
    };

    std::string summary;
    Line heading;
    std::vector<Line> rows;
};

/// Makes pages of what is looked at, one after the other: what grew since the page before stands out.
class TopPages {
public:
    TopPage next(const Inspection& rings, const ReaderRates& rates, uint64_t now);

private:
    bool grew(const std::string& who, uint64_t losses);

    std::map<std::string, uint64_t> losses_, losses_before_;
};

} // namespace cuframes::tools
