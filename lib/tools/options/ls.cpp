// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/ls.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, LsOptions& options) {
    declare_directory(verb, options.directory);
    declare_json(verb, options.json);
    declare_timeout(verb, options.timeout);
    // For completion, which cannot wait for answers. An empty group hides it.
    verb.add_flag("--keys", options.keys_only)->group("");
}

} // namespace cuframes::tools
