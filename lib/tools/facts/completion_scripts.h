// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "options/described.h"

#include <string>
#include <vector>

namespace cuframes::tools {

struct CompletedVerb {
    std::string name;
    std::string summary;
    std::vector<DescribedOption> options;
};

std::string bash_completion(const std::vector<CompletedVerb>& verbs);
std::string zsh_completion(const std::vector<CompletedVerb>& verbs);
std::string fish_completion(const std::vector<CompletedVerb>& verbs);

/// `text` with `what` before each of the characters `which`.
std::string with_before(const std::string& text, const std::string& which, const std::string& what);
/// As a word of a shell, in single quotes.
std::string shell_quoted(const std::string& text);

} // namespace cuframes::tools
