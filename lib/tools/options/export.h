// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/common.h"

#include <optional>

namespace cuframes::tools {

struct ExportOptions {
    std::string directory;
    double timeout = usual_timeout;
    std::string listen = ":9464";
    bool once = false;
};

void declare(CLI::App& verb, ExportOptions& options);

struct Address {
    std::string host; ///< "": all of this host.
    int port;         ///< 0: any that is free.
};

/// Of "HOST:PORT", ":PORT" or "PORT", where a host of IPv6 is in brackets.
std::optional<Address> address_in(const std::string& text);

} // namespace cuframes::tools
