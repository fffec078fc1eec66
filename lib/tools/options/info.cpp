// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/info.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, InfoOptions& options) {
    declare_key(verb, options.key, "which one");
    declare_directory(verb, options.directory);
    declare_json(verb, options.json);
    declare_timeout(verb, options.timeout);
}

} // namespace cuframes::tools
