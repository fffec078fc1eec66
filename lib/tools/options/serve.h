// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/media_common.h"

#include <vector>

namespace cuframes::tools {

struct ServeOptions {
    std::string directory;
    std::vector<std::string> keys; ///< None: all.
    std::string address = "127.0.0.1";
    unsigned port = 8554;
    unsigned srt_port = 0; ///< Of the first key; 0: none.
    bool quiet = false;
};

void declare(CLI::App& verb, ServeOptions& options);

} // namespace cuframes::tools
