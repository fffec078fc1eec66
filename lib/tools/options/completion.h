// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/common.h"

namespace cuframes::tools {

struct CompletionOptions {
    std::string shell;
};

void declare(CLI::App& verb, CompletionOptions& options);

} // namespace cuframes::tools
