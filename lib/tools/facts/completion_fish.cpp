// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/completion_scripts.h"

#include <fmt/format.h>

#include <algorithm>

namespace cuframes::tools {

namespace {

constexpr const char* beginning =
    R"sh(# Completion of cuframes for fish: put it in ~/.config/fish/completions as cuframes.fish, or source it.

function __cuframes_no_verb
    test (count (commandline -opc)) -eq 1
end

function __cuframes_verb
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

function __cuframes_keys
    set -l words (commandline -opc)
    set -l directory
    if set -l at (contains -i -- --dir $words)
        set directory --dir $words[(math $at + 1)]
    end
    cuframes ls --keys $directory 2>/dev/null
end

complete -c cuframes -f
complete -c cuframes -n __cuframes_no_verb -s h -l help -d 'print the verbs'
complete -c cuframes -n __cuframes_no_verb -l version -d 'print the version'
)sh";

std::string in_quotes(const std::string& text) { return "'" + with_before(text, "'\\", "\\") + "'"; }

/// What complete is told of a value.
std::string candidates_of(const std::string& value) {
    if (value == "KEY") {
        return " -a '(__cuframes_keys)'";
    }
    if (value == "DIR") {
        return " -a '(__fish_complete_directories)'";
    }
    if (value == "FILE") {
        return " -F";
    }
    std::string words = value;
    std::replace(words.begin(), words.end(), '|', ' ');
    return words == value ? "" : " -a " + in_quotes(words);
}

std::string line_of(const CompletedVerb& verb, const DescribedOption& option) {
    std::string out = fmt::format("complete -c cuframes -n '__cuframes_verb {}'", verb.name);
    for (const std::string& name : option.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!option.names.empty() && !option.value.empty()) {
        // Needs a value; of files only where it is one.
        out += option.value == "FILE" ? " -r" : " -x";
    }
    out += option.value.empty() ? "" : candidates_of(option.value);
    return out + " -d " + in_quotes(option.help) + "\n";
}

} // namespace

std::string fish_completion(const std::vector<CompletedVerb>& verbs) {
    std::string out = beginning;
    for (const CompletedVerb& verb : verbs) {
        out +=
            fmt::format("complete -c cuframes -n __cuframes_no_verb -a {} -d {}\n", verb.name, in_quotes(verb.summary));
    }
    for (const CompletedVerb& verb : verbs) {
        for (const DescribedOption& option : verb.options) {
            // A place that takes nothing to choose from has nothing to say.
            if (!option.names.empty() || !candidates_of(option.value).empty()) {
                out += line_of(verb, option);
            }
        }
    }
    return out;
}

} // namespace cuframes::tools
