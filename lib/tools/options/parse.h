// SPDX-License-Identifier: LGPL-2.1-or-later
/// A verb's command line, read into its options.
#pragma once

#include "options/common.h"

#include <functional>
#include <optional>

namespace cuframes::tools {

/// `argv` begins with the verb. What is returned, if anything, is what to exit with: the help was asked for and printed, or
/// the usage was bad and this was said.
std::optional<int> parse(const char* name, const char* summary, const std::function<void(CLI::App&)>& declare, int argc,
                         const char* const* argv);

/// The same, of a verb in verbs.h.
template <class Verb>
std::optional<int> parse(const Verb& verb, typename Verb::Options& options, int argc, const char* const* argv) {
    return parse(verb.name, verb.summary, [&](CLI::App& app) { declare(app, options); }, argc, argv);
}

} // namespace cuframes::tools
