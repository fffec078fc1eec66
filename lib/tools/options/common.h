// SPDX-License-Identifier: LGPL-2.1-or-later
/// Options that several verbs have, so that they are called the same everywhere.
///
/// The name of an option's value says what it is, to people in the help and to shells in the completion: `KEY`, `DIR`,
/// `FILE`, `SECONDS`, `N`, and words to choose from as `newest|strict`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI { // NOLINT(readability-identifier-naming): it is CLI11's
class App;
class Option;
} // namespace CLI

namespace cuframes::tools {

/// `--help`, in our words.
void declare_help(CLI::App& verb);

/// `KEY`, required, and with the characters that keys have.
CLI::Option* declare_key(CLI::App& verb, std::string& key, const std::string& help);
/// For keys that an option or a list of its own takes. Returns what is wrong with it; "": nothing.
std::string wrong_with_key(const std::string& key);

/// `--dir DIR`; "": $CUFRAMES_DIR or the usual one.
void declare_directory(CLI::App& verb, std::string& directory);
/// For the library, in which NULL stands for the usual one.
inline const char* or_usual(const std::string& directory) { return directory.empty() ? nullptr : directory.c_str(); }

/// `--json`
void declare_json(CLI::App& verb, bool& json);

/// `--timeout SECONDS`: how long a publisher that does not answer is waited for.
void declare_timeout(CLI::App& verb, double& seconds);
inline constexpr double usual_timeout = 0.5;

/// `NAME SECONDS`, where the value may have a unit: 500ms, 10s, 2m, 1h.
CLI::Option* declare_seconds(CLI::App& verb, const std::string& name, double& seconds, const std::string& help);

/// `NAME N`: a number from 1 on.
CLI::Option* declare_count(CLI::App& verb, const std::string& name, uint64_t& count, const std::string& help);

/// One of some words.
CLI::Option* declare_choice(CLI::App& verb, const std::string& name, std::string& word,
                            const std::vector<std::string>& words, const std::string& help);

} // namespace cuframes::tools
