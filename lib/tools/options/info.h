// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/common.h"

namespace cuframes::tools {

struct InfoOptions {
    std::string key;
    std::string directory;
    double timeout = usual_timeout;
    bool json = false;
};

void declare(CLI::App& verb, InfoOptions& options);

} // namespace cuframes::tools
