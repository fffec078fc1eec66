// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace cuframes::tools {

/// What each reader took in a second, between two looks at all rings.
class ReaderRates {
public:
    void look(const Inspection& rings, uint64_t now);

    /// Nothing: it has been seen once.
    std::optional<double> of(const std::string& key, uint64_t reader) const;

private:
    struct Seen {
        uint64_t received;
        std::optional<double> rate;
    };
    std::map<std::pair<std::string, uint64_t>, Seen> seen_;
    uint64_t when_ = 0;
};

} // namespace cuframes::tools
