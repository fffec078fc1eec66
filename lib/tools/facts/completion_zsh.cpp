// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/completion_scripts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cuframes::tools {

namespace {

constexpr const char* beginning = R"sh(#compdef cuframes
# Completion of cuframes for zsh: put it in a folder of $fpath as _cuframes, or source it.

_cuframes_keys() {
    local -a keys directory
    [[ -n ${opt_args[--dir]} ]] && directory=(--dir ${(Q)opt_args[--dir]})
    keys=(${(f)"$(cuframes ls --keys $directory 2>/dev/null)"})
    compadd -a keys
}

_cuframes() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -C '(- *)'{-h,--help}'[print the verbs]' '(- *)--version[print the version]' \
        '1:verb:->verb' '*::argument:->argument'
    case $state in
        verb)
            local -a verbs
            verbs=(
)sh";

constexpr const char* middle = R"sh(            )
            _describe verb verbs
            ;;
        argument)
            case $words[1] in
)sh";

constexpr const char* ending = R"sh(            esac
            ;;
    esac
}

if [[ $funcstack[1] == _cuframes ]]; then
    _cuframes "$@"
else
    compdef _cuframes cuframes
fi
)sh";

/// How _arguments is told of a value.
std::string action_of(const std::string& value) {
    if (value == "KEY") {
        return "_cuframes_keys";
    }
    if (value == "DIR") {
        return "_files -/";
    }
    if (value == "FILE") {
        return "_files";
    }
    std::string words = value;
    for (char& c : words) {
        c = c == '|' ? ' ' : c;
    }
    return words == value ? " " : "(" + words + ")";
}

std::string spec_of(const DescribedOption& option) {
    const std::string help = with_before(option.help, "[]:\\", "\\");
    const std::string value = option.value.empty() ? "" : ":" + option.value + ":" + action_of(option.value);
    if (option.names.empty()) {
        return shell_quoted((option.repeats ? "*" : "") + value);
    }
    if (option.names.size() == 1) {
        return shell_quoted(option.names.front() + "[" + help + "]" + value);
    }
    const std::string all = fmt::format("{}", fmt::join(option.names, " "));
    return shell_quoted("(" + all + ")") + fmt::format("{{{}}}", fmt::join(option.names, ",")) +
           shell_quoted("[" + help + "]" + value);
}

std::string arguments_of(const CompletedVerb& verb) {
    std::string out = fmt::format("                {})\n                    _arguments", verb.name);
    for (const DescribedOption& option : verb.options) {
        out += " \\\n                        " + spec_of(option);
    }
    return out + "\n                    ;;\n";
}

} // namespace

std::string zsh_completion(const std::vector<CompletedVerb>& verbs) {
    std::string names;
    std::string cases;
    for (const CompletedVerb& verb : verbs) {
        names += "                " + shell_quoted(verb.name + ":" + with_before(verb.summary, ":\\", "\\")) + "\n";
        cases += arguments_of(verb);
    }
    return beginning + names + middle + cases + ending;
}

} // namespace cuframes::tools
