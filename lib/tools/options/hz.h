// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/common.h"

namespace cuframes::tools {

struct HzOptions {
    std::string key;
    std::string directory;
    uint64_t count = 0; ///< 0: until it is ended.
    double seconds = 0; ///< 0: likewise.
    bool json = false;
};

void declare(CLI::App& verb, HzOptions& options);

} // namespace cuframes::tools
