# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout comes from ./dev
# One style, kept by tools: clang-format for C and C++, ruff for Python, and a width that no line may have.

# clang-format breaks code at 120 and leaves comments to their authors; ruff's settings say the same of Python.
widest=125

# Ours: what lies in subprojects is as its authors wrote it.
sources() {
    cd "$checkout" || return
    find lib gst examples tests \
        \( -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) -print | sort
}

ruff() {
    python3 -m ruff "$@" --no-cache --quiet "$checkout"
}

format_all() {
    local files
    command -v clang-format-19 >/dev/null ||
        fail "There is no clang-format-19 in $CUFRAMES_DEV_DISTRIBUTION, and another version decides otherwise." \
            "Leave out --root, or format with --root=trixie."
    mapfile -t files < <(sources)
    cd "$checkout" || return
    clang-format-19 -i "${files[@]}" && ruff format && ruff check --fix
}

# All of them, so that one run tells everything.
check_format() {
    local files wrong=
    say "Checking the formatting"
    mapfile -t files < <(sources)
    cd "$checkout" || return
    clang-format-19 --dry-run -Werror "${files[@]}" || wrong+=" clang-format"
    ruff format --diff || wrong+=" ruff-format"
    ruff check || wrong+=" ruff-check"
    check_width "${files[@]}" || wrong+=" width"
    [ -z "$wrong" ] ||
        fail "The formatting is not that of the project, say:$wrong" "This mends what tools can:  ./dev format"
}

# check_width FILE…: in characters, as drawings have some of several bytes.
check_width() {
    if LC_ALL=C.UTF-8 grep -nE "^.{$((widest + 1)),}" "$@"; then
        echo "These lines are wider than $widest." >&2
        return 1
    fi
}
