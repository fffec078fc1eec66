// SPDX-License-Identifier: LGPL-2.1-or-later
/// Options as they were declared, for what is made of all of them.
#pragma once

#include "options/common.h"

#include <functional>
#include <string>
#include <vector>

namespace cuframes::tools {

struct DescribedOption {
    std::vector<std::string> names; ///< "-n", "--count". Empty: what it is shows by its position.
    std::string value;              ///< What it takes, as common.h calls that; "": nothing.
    std::string help;
    bool repeats = false; ///< It may be given several times.
};

/// Those that the help shows, in its order; the help itself is one.
std::vector<DescribedOption> options_of(const std::function<void(CLI::App&)>& declare);

/// Of a verb in verbs.h.
template <class Verb, class = typename Verb::Options>
std::vector<DescribedOption> options_of(const Verb& /*verb*/) {
    typename Verb::Options options;
    return options_of([&](CLI::App& app) { declare(app, options); });
}

} // namespace cuframes::tools
