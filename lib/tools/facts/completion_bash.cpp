// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/completion_scripts.h"

#include <fmt/format.h>

namespace cuframes::tools {

namespace {

constexpr const char* functions =
    R"sh(# Completion of cuframes for bash: source it, or put it where bash-completion looks.

# The directory that was named before the cursor is where keys are.
_cuframes_keys() {
    local directory=() i
    for ((i = 2; i + 1 < ${#COMP_WORDS[@]}; i++)); do
        [[ ${COMP_WORDS[i]} == --dir ]] && directory=(--dir "${COMP_WORDS[i + 1]}")
    done
    cuframes ls --keys "${directory[@]}" 2>/dev/null
}

# _cuframes_value WHAT WORD
_cuframes_value() {
    case $1 in
        KEY) mapfile -t COMPREPLY < <(compgen -W "$(_cuframes_keys)" -- "$2") ;;
        DIR) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
        FILE) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
        *'|'*) mapfile -t COMPREPLY < <(compgen -W "${1//|/ }" -- "$2") ;;
    esac
}

# What the option takes; fails: nothing, or there is no such option.
_cuframes_takes() {
    local one
    for one in "${takes[@]}"; do
        [[ ${one%%=*} == "$1" ]] && echo "${one#*=}" && return
    done
    return 1
}

_cuframes() {
    local word=${COMP_WORDS[COMP_CWORD]} options=() takes=() places=() rest='' what i place=0
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$_cuframes_verbs --help --version" -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
)sh";

constexpr const char* ending = R"sh(        *) return ;;
    esac
    if what=$(_cuframes_takes "${COMP_WORDS[COMP_CWORD - 1]}"); then
        _cuframes_value "$what" "$word"
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${options[*]}" -- "$word")
    else
        for ((i = 2; i < COMP_CWORD; i++)); do
            if _cuframes_takes "${COMP_WORDS[i]}" >/dev/null; then
                ((i++))
            elif [[ ${COMP_WORDS[i]} != -* ]]; then
                ((place++))
            fi
        done
        _cuframes_value "${places[place]:-$rest}" "$word"
    fi
}

complete -F _cuframes cuframes
)sh";

std::string words_of(const CompletedVerb& verb) {
    std::string options;
    std::string takes;
    std::string places;
    std::string rest;
    for (const DescribedOption& option : verb.options) {
        for (const std::string& name : option.names) {
            options += " " + name;
            takes += option.value.empty() ? "" : " " + shell_quoted(name + "=" + option.value);
        }
        if (option.names.empty()) {
            places += " " + shell_quoted(option.value);
            rest = option.repeats ? option.value : "";
        }
    }
    return fmt::format("        {}) options=({}) takes=({}) places=({}) rest={} ;;\n", verb.name,
                       options.empty() ? "" : options.substr(1), takes.empty() ? "" : takes.substr(1),
                       places.empty() ? "" : places.substr(1), shell_quoted(rest));
}

} // namespace

std::string with_before(const std::string& text, const std::string& which, const std::string& what) {
    std::string out;
    for (const char c : text) {
        out += (which.find(c) == std::string::npos ? "" : what) + c;
    }
    return out;
}

std::string shell_quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? "'\\''" : std::string(1, c);
    }
    return out + "'";
}

std::string bash_completion(const std::vector<CompletedVerb>& verbs) {
    std::string names;
    std::string cases;
    for (const CompletedVerb& verb : verbs) {
        names += (names.empty() ? "" : " ") + verb.name;
        cases += words_of(verb);
    }
    return functions + cases + ending + fmt::format("_cuframes_verbs={}\n", shell_quoted(names));
}

} // namespace cuframes::tools
