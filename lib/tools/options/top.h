// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/common.h"

#include <cstdint>

namespace cuframes::tools {

struct TopOptions {
    std::string directory;
    double timeout = usual_timeout;
    double delay = 1;
    uint64_t iterations = 0; ///< 0: until it is ended.
    bool batch = false;
    bool json = false;
};

void declare(CLI::App& verb, TopOptions& options);

} // namespace cuframes::tools
