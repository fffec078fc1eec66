// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/common.h"

namespace cuframes::tools {

struct DoctorOptions {
    std::string key; ///< "": about none.
    std::string directory;
    double timeout = 2;
    bool json = false;
};

void declare(CLI::App& verb, DoctorOptions& options);

} // namespace cuframes::tools
