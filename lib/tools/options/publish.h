// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/media_common.h"

namespace cuframes::tools {

struct PublishOptions {
    std::string directory;
    std::string source; ///< A file, rtsp://…, v4l2[:DEVICE] or test.
    std::string key;
    std::string only; ///< "frames", "packets", or "" for both.
    std::string memory = "auto";
    std::string access = "user";
    std::string transport = "tcp";
    std::string size = "1280x720";
    double rate = 30;
    double latency = 0.2;
    double stall_timeout = 10;
    double max_time = 15;
    bool loop = false;
    bool encode = false;
    bool quiet = false;
};

void declare(CLI::App& verb, PublishOptions& options);

} // namespace cuframes::tools
