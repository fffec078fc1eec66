// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes completion SHELL`: what a shell needs to complete verbs, options, words and keys.
#include "facts/completion_scripts.h"
#include "facts/run.h"
#include "options/described.h"
#include "shared/say.h"

namespace cuframes::tools {

int run(const CompletionOptions& options) {
    std::vector<CompletedVerb> verbs_with_options;
    for_each_verb([&](const auto& verb) { verbs_with_options.push_back({verb.name, verb.summary, options_of(verb)}); });
    fmt::print("{}", options.shell == "bash"  ? bash_completion(verbs_with_options)
                     : options.shell == "zsh" ? zsh_completion(verbs_with_options)
                                              : fish_completion(verbs_with_options));
    return exit_done;
}

} // namespace cuframes::tools
