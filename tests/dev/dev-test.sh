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
        . "$checkout/.ci/dev/say.sh" && . "$checkout/.ci/dev/environment.sh" && eval "$1"' outer "$2"
}

roots_are_kept_apart() {
    local usual next
    usual=$(in_outer_half '' root_name)
    next=$(in_outer_half forky root_name)
    same "the usual root is the one of trixie" "$(in_outer_half trixie root_name)" "$usual"
    same "each release has a root of its own" "$([ "$usual" != "$next" ] && echo yes)" yes
    same "the package list has no line for a distribution that nobody knows" \
        "$(grep -oE '^[a-z]+: ' "$checkout/.ci/dev/packages.txt" | grep -vxE '(debian|ubuntu|forky): ')" ""
    # The same clang everywhere, or none.
    same "Debian 13 has the clang that formats" "$(in_outer_half '' 'packages debian' | grep -c '^clang-format-19$')" 1
    same "the next Debian has none" "$(in_outer_half forky 'packages forky' | grep -c '^clang')" 0
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
    found=$(cd "$checkout" && grep -rlE '^#!.*\b(ba)?sh$|^# shellcheck shell' dev .ci tests examples | xargs shellcheck -x -S warning 2>&1)
    [ -z "$found" ] || echo "# ${found//$'\n'/$'\n'# }"
    same "shellcheck finds nothing in the scripts" "${found:0:1}" ""
}

help_lists_every_verb
wrong_use_is_explained
wrong_roots_are_explained
roots_are_kept_apart
run_is_transparent
documents_show_real_verbs
scripts_are_clean
echo "1..$count"
