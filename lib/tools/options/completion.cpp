// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/completion.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

void declare(CLI::App& verb, CompletionOptions& options) {
    declare_choice(verb, "shell", options.shell, {"bash", "zsh", "fish"}, "for which shell")->required();
}

} // namespace cuframes::tools
