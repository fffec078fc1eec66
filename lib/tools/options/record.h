// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/media_common.h"

namespace cuframes::tools {

struct RecordOptions {
    std::string directory;
    std::string key;
    std::string audio; ///< "": none.
    std::string file;
    double duration = 0; ///< 0: until it is ended. So for the others: not given.
    double preroll = 0;
    double timeout = 0;
    bool force = false;
    bool quiet = false;
};

void declare(CLI::App& verb, RecordOptions& options);

} // namespace cuframes::tools
