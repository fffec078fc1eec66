# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout and build come from ./dev and inside.sh
# ./dev test: formatting, warnings, the test suites, the core's suites again under sanitizers, clang-tidy, and what the
# outer half began on the host.

. "$checkout/utils/dev/format.sh"

passed=0 failed=0 skipped=0
# What the list of packages and the Python folders hold: tests fail, and do not skip, where one of them is missing.
export CUFRAMES_TEST_REQUIRE=numpy,gi,mypy,av,jax,PIL,cv2,trio
case $CUFRAMES_DEV_DISTRIBUTION in debian) CUFRAMES_TEST_REQUIRE+=,torch ;; esac
checks=(format install sanitize tidy)
# The next Debian lacks the clang that decides for us, and pip on the host is none of its business.
case $CUFRAMES_DEV_DISTRIBUTION in forky) checks=(sanitize) ;; esac
# GStreamer and GLib keep caches until exit that leak checkers report, so the elements are tested without sanitizers.
sanitized_suites=(unit model fake-cuda conformance fuzz)
sanitized_options=('-Db_sanitize=address,undefined' -Db_lundef=false -Doptimization=1 -Dgst=disabled -Dexamples=false)

run_tests() {
    local suites=() wanted suite
    trap stop_background EXIT
    check_names "$@"
    for suite in "$@"; do
        is_check "$suite" || suites+=("$suite")
    done
    wanted=" $* "
    if [ $# -eq 0 ]; then
        wanted=" ${checks[*]} "
        suites=(all)
    fi
    [[ $wanted != *" format "* ]] || check format check_format || true
    # Formatting is looked at in the sources alone.
    if [[ ${suites[*]} || $wanted == *" sanitize "* || $wanted == *" tidy "* ]] && check build build_all; then
        start_beside_tests
        [ ${#suites[@]} -eq 0 ] || meson_test "$build" "${suites[@]}"
        [[ $wanted != *" sanitize "* ]] || test_sanitized
        [[ $wanted != *" tidy "* ]] || check clang-tidy finish_tidy || true
    fi
    [[ $wanted != *" install "* ]] || check_install
    say "Done"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

is_check() {
    [[ " ${checks[*]} " == *" $1 "* ]]
}

# check NAME FUNCTION: one that passes or fails as a whole. In a subshell, as the function may give up with fail.
check() {
    if ("$2"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        say "FAILED: $1"
        return 1
    fi
}

check_names() {
    local suite known
    [ $# -gt 0 ] || return 0
    known=$(known_suites | sort -u | paste -sd' ')
    for suite in "$@"; do
        if ! is_check "$suite" && [[ " $known " != *" $suite "* ]]; then
            echo "dev: there is no suite '$suite'; there are: $known ${checks[*]}" >&2
            exit 2
        fi
    done
}

known_suites() {
    (configure "$build" && ninja -C "$build" build.ninja >/dev/null) >&2
    meson introspect --tests "$build" | python3 -c '
import json, sys
for test in json.load(sys.stdin):
    for suite in test["suite"]:
        print(suite.split(":")[-1])'
}

# meson_test FOLDER SUITE…
meson_test() {
    local folder=$1 suites=() arguments=() suite status=0 counts
    shift
    for suite in "$@"; do
        [ "$suite" = all ] || { suites+=("$suite") && arguments+=(--suite "$suite"); }
    done
    rm -f "$folder/meson-logs/testlog.json"
    say "Testing ${folder#"$checkout"/}: $*"
    meson test -C "$folder" --no-rebuild --print-errorlogs "${arguments[@]}" </dev/null || status=$?
    # By its log and not by its word alone: what was killed, or never ran, is no success either.
    mapfile -t counts < <("$checkout/utils/dev/test-results.py" "$folder" "${suites[@]}" | tr ' ' '\n')
    if [ ${#counts[@]} -ne 3 ] || { [ "$status" -ne 0 ] && [ "${counts[1]}" -eq 0 ]; }; then
        failed=$((failed + 1))
        say "FAILED: meson test ended with status $status"
    elif [ "${counts[1]}" -gt 0 ]; then
        say "FAILED: ${counts[1]} of the tests of ${folder#"$checkout"/}; meson test ended with status $status"
    fi
    passed=$((passed + ${counts[0]:-0}))
    failed=$((failed + ${counts[1]:-0}))
    skipped=$((skipped + ${counts[2]:-0}))
}

build_all() {
    build_project all
}

make_sanitized() {
    local targets
    configure "$build-asan" "${sanitized_options[@]}" "${line_tables[@]}"
    mapfile -t targets < <(test_targets "$build-asan" "${sanitized_suites[@]}")
    compile "$build-asan" "${targets[@]}"
}

# test_targets FOLDER SUITE…: the files that the suites' tests need built, relative to the folder.
test_targets() {
    folder=$1 python3 - "${@:2}" <<'END'
import json, os, subprocess, sys
folder = os.environ["folder"]
ask = lambda what: json.loads(subprocess.check_output(["meson", "introspect", what, folder]))
needed = set()
for test in ask("--tests"):
    if {suite.split(":")[-1] for suite in test["suite"]} & set(sys.argv[1:]):
        needed.update(test["depends"])
for target in ask("--targets"):
    if target["id"] in needed:
        print(os.path.relpath(target["filename"][0], os.path.realpath(folder)))
END
}

test_sanitized() {
    check "build with sanitizers" finish_sanitized || return 0
    export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    meson_test "$build-asan" "${sanitized_suites[@]}"
}

# Tests wait more than they compute: what only compiles takes what they leave, at the lowest priority, one after the other.
start_beside_tests() {
    local names=() name
    [[ $wanted != *" sanitize "* ]] || names+=(sanitized)
    [[ $wanted != *" tidy "* ]] || names+=(tidy)
    [ ${#names[@]} -gt 0 ] || return 0
    say "Beside the tests begins: ${names[*]}"
    for name in "${names[@]}"; do
        rm -f "$checkout/build/$name.status"
    done
    # A process group of its own, so that all of it stops when the tests are interrupted.
    set -m
    (
        renice -n 19 "$BASHPID" >/dev/null
        for name in "${names[@]}"; do
            status=0
            ("make_$name") >"$checkout/build/$name.log" 2>&1 || status=$?
            echo "$status" >"$checkout/build/$name.status"
        done
    ) </dev/null &
    beside_pid=$!
    set +m
}

# Nothing that was begun beside the tests outlives them.
stop_background() {
    local pid
    for pid in ${beside_pid:-} ${CUFRAMES_DEV_HOST_INSTALL:-}; do
        kill -TERM -- "-$pid" 2>/dev/null || true
    done
}

finish_tidy() {
    say "Waiting for clang-tidy"
    await_background "$checkout/build/tidy" "$beside_pid"
}

finish_sanitized() {
    say "Waiting for the build with sanitizers"
    await_background "$checkout/build/sanitized" "$beside_pid"
}

# await_background FILES PID: shows FILES.log once FILES.status is there, and succeeds if that is 0.
await_background() {
    while [ ! -s "$1.status" ] && kill -0 "$2" 2>/dev/null; do
        sleep 0.2
    done
    cat "$1.log"
    [ "$(cat "$1.status")" = 0 ]
}

check_install() {
    if [ -n "${CUFRAMES_DEV_HOST_INSTALL:-}" ]; then
        check "pip install on this host" finish_install || true
    else
        say "pip install is not tried on the host: it is this environment, or lacks Python's headers, pip or g++ 12"
        skipped=$((skipped + 1))
    fi
}

finish_install() {
    say "Waiting for pip install on the host"
    await_background "$checkout/build/host-install" "$CUFRAMES_DEV_HOST_INSTALL"
}

make_tidy() {
    "$checkout/utils/dev/tidy.py" "$build" "$CUFRAMES_DEV_CACHE/tidy"
}
