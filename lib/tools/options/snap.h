// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/common.h"

namespace cuframes::tools {

struct SnapOptions {
    std::string directory;
    std::string key;
    std::string file;
    std::string format; ///< "png" or "jpg", also where the file's name says it.
    double timeout = 5;
};

void declare(CLI::App& verb, SnapOptions& options);

} // namespace cuframes::tools
