#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# dev-test.sh CHECKOUT: what ./dev promises its users, as TAP.
set -uo pipefail
checkout=$1
dev=$checkout/dev
count=0

# ok WHETHER PROMISE
ok() {
    count=$((count + 1))
    if [ "$1" = yes ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
    fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# same WHAT GOT EXPECTED
same() {
    if [ "$2" = "$3" ]; then
        ok yes "$1"
    else
        echo "# got '$2', expected '$3'"
        ok no "$1"
    fi
}

# Every verb that ./dev knows, read from its own dispatch.
verbs() {
    sed -n '/^case \$verb in/,/^esac/p' "$dev" | sed -n 's/^    \([a-z| -]*\))$/\1/p; s/^    \(help\) .*/\1/p' | tr -s ' |' '\n' | grep '^[a-z]'
}

help_lists_every_verb() {
    local text verb missing=''
    text=$("$dev" help)
    for verb in $(verbs); do
        grep -q "^  $verb " <<<"$text" || missing+=" $verb"
    done
    same "help lists every verb" "$missing" ""
    same "there are verbs to list" "$([ "$(verbs | wc -l)" -ge 7 ] && echo yes)" yes
}

wrong_use_is_explained() {
    local said status
    said=$("$dev" frobnicate 2>&1)
    status=$?
    same "an unknown verb exits with 2" "$status" 2
    same "an unknown verb is named" "$(grep -c "no verb 'frobnicate'" <<<"$said")" 1
    "$dev" run >/dev/null 2>&1
    same "run without a command exits with 2" "$?" 2
    "$dev" clean everything >/dev/null 2>&1
    same "clean with an unknown argument exits with 2" "$?" 2
}

# A root is only what ./dev can make, and is chosen once.
wrong_roots_are_explained() {
    local said status
    said=$(env -u CUFRAMES_DEV_ENVIRONMENT "$dev" run --root=potato true 2>&1)
    status=$?
    same "an unknown root exits with 2" "$status" 2
    same "an unknown root is named, with those there are" "$(grep -c "no root 'potato'; there are: trixie forky" <<<"$said")" 1
    said=$(CUFRAMES_DEV_ENVIRONMENT=debian-13-test "$dev" run --root=forky true 2>&1)
    status=$?
    same "another root than the one it runs in exits with 2" "$status" 2
    same "the one it runs in is named" "$(grep -c 'in debian-13-test' <<<"$said")" 1
    same "help names every root" "$(for name in trixie forky; do "$dev" help | grep -c "\b$name\b"; done | paste -sd' ')" "1 1"
}

# in_outer_half ROOT COMMAND: what the outer half of ./dev makes of --root=ROOT, without making anything.
in_outer_half() {
    # shellcheck disable=SC2016 # the inner shell expands it
    env -u CUFRAMES_DEV_ENVIRONMENT XDG_CACHE_HOME=/nonexistent checkout="$checkout" wanted_root="$1" bash -c '
        . "$checkout/utils/dev/say.sh" && . "$checkout/utils/dev/environment.sh" && eval "$1"' outer "$2"
}

roots_are_kept_apart() {
    local usual next
    usual=$(in_outer_half '' root_name)
    next=$(in_outer_half forky root_name)
    same "the usual root is the one of trixie" "$(in_outer_half trixie root_name)" "$usual"
    same "each release has a root of its own" "$([ "$usual" != "$next" ] && echo yes)" yes
    same "the package list has no line for a distribution that nobody knows" \
        "$(grep -oE '^[a-z]+: ' "$checkout/utils/dev/packages.txt" | grep -vxE '(debian|ubuntu|forky): ')" ""
    # The same clang everywhere, or none.
    same "Debian 13 has the clang that formats" "$(in_outer_half '' 'packages debian' | grep -c '^clang-format-19$')" 1
    same "the next Debian has none" "$(in_outer_half forky 'packages forky' | grep -c '^clang')" 0
}

# The packages are of this version, and built with what debian/control says: no list says it again.
packages_follow_debian() {
    local list name missing=''
    list=$(in_outer_half '' '. "$checkout/utils/dev/packages-root.sh" && package_list=/dev/stdin && packaging_list | packages debian')
    for name in lintian debhelper-compat libgstreamer1.0-dev libgtest-dev systemd-dev; do
        grep -qx -- "$name" <<<"$list" || missing+=" $name"
    done
    same "the root for packages has the tools and what debian/control builds with" "$missing" ""
    same "it has names alone" "$(grep -vE '^[a-z0-9.+-]+$' <<<"$list")" ""
    same "the packages have the version of the project" \
        "$(sed -n '1s/^cuframes (\(.*\)-.*/\1/p' "$checkout/debian/changelog")" \
        "$(sed -n "s/^  version: '\(.*\)',/\1/p" "$checkout/meson.build")"
    missing=
    for name in $(sed -n 's/^Tests: //p' "$checkout/debian/tests/control"); do
        [ -x "$checkout/debian/tests/$name" ] || missing+=" $name"
    done
    same "every test of debian/tests/control is there" "$missing" ""
}

run_is_transparent() {
    if [ -z "${CUFRAMES_DEV_ENVIRONMENT:-}" ]; then
        skip "run keeps exit status, input, arguments and directory" "only inside ./dev test"
        return
    fi
    "$dev" run sh -c 'exit 7'
    same "run keeps the exit status" "$?" 7
    same "run keeps standard input" "$(echo hello | "$dev" run cat)" hello
    same "run keeps arguments as they are" "$("$dev" run printf '%s|' 'a b' '' "c'd")" "a b||c'd|"
    same "run keeps the directory" "$(cd /tmp && "$dev" run pwd)" /tmp
    # shellcheck disable=SC2016 # the shell that run starts expands it
    same "run finds the built library first" "$("$dev" run sh -c 'ls "${LD_LIBRARY_PATH%%:*}"' | grep -c '^libcuframes\.so$')" 1
    "$dev" run gst-inspect-1.0 --exists cuframessink
    same "run finds the built plugin" "$?" 0
}

# run_suite BODY…: what meson_test makes of a project whose tests are these scripts, in order: "PASSED FAILED SKIPPED", and
# the names of what is missing.
run_suite() {
    local work number=0 body
    work=$(mktemp -d)
    echo "project('tried')" >"$work/meson.build"
    for body in "$@"; do
        number=$((number + 1))
        printf '#!/bin/sh\n%s\n' "$body" >"$work/test-$number"
        chmod +x "$work/test-$number"
        echo "test('number $number', find_program('./test-$number'), suite: 'tried', is_parallel: false)" >>"$work/meson.build"
    done
    meson setup "$work/build" "$work" >/dev/null || echo "# Meson could not configure $work"
    # shellcheck disable=SC2016 # the inner shell expands it
    CUFRAMES_DEV_DISTRIBUTION=debian checkout=$checkout folder=$work/build bash -c '
        . "$checkout/utils/dev/say.sh" && . "$checkout/utils/dev/test.sh"
        meson_test "$folder" tried >/dev/null
        echo "$passed $failed $skipped"' 2>"$work/said"
    sed -n 's/^ *no result of: //p' "$work/said"
    grep -q '^.*FAILED: ' "$work/said" && echo told
    rm -rf "$work"
}

# What ./dev test counts is what ran, and what did not run has failed.
results_are_the_truth() {
    if ! command -v meson >/dev/null; then
        skip "tests that did not run are failures" "no Meson here"
        return
    fi
    same "tests that pass pass" "$(run_suite 'exit 0' 'exit 77' | paste -sd,)" "1 0 1"
    same "tests that fail are told" "$(run_suite 'exit 0' 'exit 1' | paste -sd,)" "1 1 0,told"
    # shellcheck disable=SC2016 # the test expands it
    same "tests that did not run, because meson was killed, are failures, and named" \
        "$(run_suite 'exit 0' 'kill -KILL $PPID; sleep 1' 'exit 0' | grep -E '^(number [23]|told)$' | paste -sd,)" \
        "number 2,number 3,told"
    # shellcheck disable=SC2016 # the test expands it
    same "so are those of a run that was interrupted" \
        "$(run_suite 'exit 0' 'kill -TERM $PPID; sleep 1' 'exit 0' | sed -n '1p;$p' | paste -sd,)" "1 2 0,told"
}

# check_format_of FILE TEXT: what ./dev test format says of a project with this one file in it.
check_format_of() {
    local work
    work=$(mktemp -d)
    mkdir -p "$work"/{lib,gst,examples,tests}
    cp "$checkout/.clang-format" "$checkout/pyproject.toml" "$work"
    printf 'int main();\n' >"$work/lib/good.cpp"
    printf '%b' "$2" >"$work/$1"
    # shellcheck disable=SC2016 # the inner shell expands it
    bash -c 'checkout=$1 && . "$2/say.sh" && . "$2/format.sh" && check_format && echo fine' \
        tried "$work" "$checkout/utils/dev" 2>&1 |
        sed -n 's/^dev: .*say: //p; /^fine$/p'
    rm -rf "$work"
}

what_is_not_formatted_is_found() {
    if ! command -v clang-format-19 >/dev/null || ! python3 -m ruff --version >/dev/null 2>&1; then
        skip "what is not formatted is found" "no clang-format-19 or no ruff here"
        return
    fi
    local wide
    wide=$(printf 'x%.0s' {1..123})
    same "well formatted code is fine" "$(check_format_of lib/a.h '#pragma once\n')" fine
    same "clang-format decides about C++" "$(check_format_of gst/a.cpp 'int  a;\n')" clang-format
    same "ruff decides about Python" "$(check_format_of tests/a.py "a = 'b'\n")" ruff-format
    same "ruff finds what is wrong in Python" "$(check_format_of examples/a.py 'import os\n')" ruff-check
    same "no comment is wider than 125" "$(check_format_of lib/a.h "// $wide\n")" width
    same "a character is one column, however many bytes it has" "$(check_format_of lib/a.h "// ${wide:2}—\n")" fine
}

# A bundle's own files are seen in it wherever its checkout was.
bundles_keep_their_files() {
    local work root folder said namespaces=(--mount)
    if ! unshare --user --map-root-user --mount true 2>/dev/null && ! unshare --mount true 2>/dev/null; then
        skip "a bundle of a checkout in /tmp finds its files" "no namespaces here"
        return
    fi
    [ "$(id -u)" = 0 ] || namespaces+=(--user --map-root-user)
    work=$(mktemp -d /tmp/cuframes-bundle-XXXXXX)
    root=$work/root
    mkdir -p "$root"/{dev,proc,sys,tmp,run,etc,usr} "$root$work/checkout"
    for folder in bin sbin lib lib64; do
        ln -s "usr/$folder" "$root/$folder"
    done
    echo packed >"$root$work/checkout/file"
    echo "of the host" >"$work/beside"
    # shellcheck disable=SC2016 # the inner shell expands it
    said=$(unshare "${namespaces[@]}" sh -c '
        mount --rbind /usr "$2/usr" && cd / && CUFRAMES_KEEP=$3/checkout exec "$1/utils/dev/enter-root" "$2" cat "$3/checkout/file" "$3/beside"' \
        tried "$checkout" "$root" "$work" 2>&1 | paste -sd,)
    same "a bundle of a checkout in /tmp finds its files, and those of the host" "$said" "packed,of the host"
    rm -rf "$work"
}

wraps_are_what_is_built_with() {
    same "the wrap of nanobind is of the version that ./dev builds with" \
        "$(sed -n 's/^directory = nanobind-//p' "$checkout/subprojects/nanobind.wrap")" \
        "$(sed -n 's/^nanobind==//p' "$checkout/utils/dev/python-build.txt")"
    same "every wrap has its build file" \
        "$(cd "$checkout/subprojects" && sed -n 's/^patch_directory = //p' -- *.wrap | while read -r name; do
            [ -e "packagefiles/$name/meson.build" ] || echo "$name"
        done)" ""
}

# Every ./dev command that the documents show is one that there is.
documents_show_real_verbs() {
    local verb unknown='' known
    known=" $(verbs | paste -sd' ') "
    for verb in $(grep -hoE '\./dev [a-z-]+' "$checkout"/*.md "$checkout"/docs/*/*.md 2>/dev/null | sed 's/.* //' | sort -u); do
        [[ $known == *" $verb "* ]] || unknown+=" $verb"
    done
    same "README and docs show only verbs that there are" "$unknown" ""
}

scripts_are_clean() {
    if ! command -v shellcheck >/dev/null; then
        skip "shellcheck finds nothing in the scripts" "no shellcheck here"
        return
    fi
    local found
    found=$(cd "$checkout" && grep -rlE '^#!.*\b(ba)?sh$|^# shellcheck shell' dev .ci utils tests examples debian | xargs shellcheck -x -S warning 2>&1)
    [ -z "$found" ] || echo "# ${found//$'\n'/$'\n'# }"
    same "shellcheck finds nothing in the scripts" "${found:0:1}" ""
}

help_lists_every_verb
wrong_use_is_explained
wrong_roots_are_explained
roots_are_kept_apart
packages_follow_debian
run_is_transparent
results_are_the_truth
what_is_not_formatted_is_found
bundles_keep_their_files
wraps_are_what_is_built_with
documents_show_real_verbs
scripts_are_clean
echo "1..$count"
