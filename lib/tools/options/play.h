// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/media_common.h"

namespace cuframes::tools {

struct PlayOptions {
    std::string directory;
    std::string key;
    std::string audio; ///< "": none.
    std::string mode = "newest";
    std::string sink;   ///< "": what there is.
    double timeout = 0; ///< 0: for ever.
    bool quiet = false;
};

void declare(CLI::App& verb, PlayOptions& options);

} // namespace cuframes::tools
