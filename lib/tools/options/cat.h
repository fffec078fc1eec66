// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/media_common.h"

namespace cuframes::tools {

struct CatOptions {
    std::string directory;
    std::string key;
    double preroll = 0; ///< 0: not given.
    double timeout = 0; ///< 0: for ever.
    bool y4m = false;
    bool transport_stream = false;
    bool quiet = false;
};

void declare(CLI::App& verb, CatOptions& options);

} // namespace cuframes::tools
