// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <stdexcept>

namespace cuframes::tools {

/// Why a verb cannot go on, in the words in which `cuframes VERB: …` says it: what was wrong; what to do.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Ctrl-C before there was anything to finish.
struct Interrupted : Failure {
    Interrupted() : Failure("interrupted") {}
};

} // namespace cuframes::tools
