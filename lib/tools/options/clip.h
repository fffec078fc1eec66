// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/media_common.h"

namespace cuframes::tools {

struct ClipOptions {
    std::string directory;
    std::string key;
    std::string audio; ///< "": none.
    std::string file;
    double before = 10;
    double after = 10;
    double timeout = 5;
    bool force = false;
    bool quiet = false;
};

void declare(CLI::App& verb, ClipOptions& options);

} // namespace cuframes::tools
