// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/common.h"

namespace cuframes::tools {

struct LsOptions {
    std::string directory;
    double timeout = usual_timeout;
    bool json = false;
    bool keys_only = false;
};

void declare(CLI::App& verb, LsOptions& options);

} // namespace cuframes::tools
