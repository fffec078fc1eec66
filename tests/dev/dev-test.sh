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
run_is_transparent
documents_show_real_verbs
scripts_are_clean
echo "1..$count"
