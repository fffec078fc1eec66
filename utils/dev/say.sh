# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How ./dev speaks: steps with the time passed, long commands with a sign of life, failures that say what to do.

# Both halves of ./dev count from the same moment.
export CUFRAMES_DEV_BEGIN=${CUFRAMES_DEV_BEGIN:-$EPOCHSECONDS}

elapsed() {
    echo $((EPOCHSECONDS - CUFRAMES_DEV_BEGIN))
}

say() {
    printf '[%4ds] %s\n' "$(elapsed)" "$*" >&2
}

# fail SENTENCE [WHAT TO DO]
fail() {
    printf 'dev: %s\n' "$1" >&2
    if [ -n "${2:-}" ]; then
        printf '     %s\n' "$2" >&2
    fi
    exit 1
}

# long_step LOG SENTENCE CMD…: runs a command with its output in a log file, and shows the time passed and the last
# line of the log meanwhile. On failure the end of the log is shown.
long_step() {
    local log=$1 sentence=$2 pid status=0 begin=$SECONDS
    shift 2
    say "$sentence …"
    mkdir -p "${log%/*}"
    # In a process group of its own (set -m), so that an interrupted step stops with all its children.
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    trap 'kill -TERM -- "-$pid" 2>/dev/null; wait "$pid" 2>/dev/null; say "interrupted: $sentence"; exit 130' INT TERM HUP
    show_progress "$pid" "$log" "$sentence"
    wait "$pid" || status=$?
    trap - INT TERM HUP
    if [ "$status" -ne 0 ]; then
        tail -n 25 "$log" | cut -c1-400 >&2
        say "failed after $((SECONDS - begin)) s: $sentence (whole log: $log)"
    fi
    return "$status"
}

# A terminal sees a line that changes every second; a log file gets a new line every 20 seconds.
show_progress() {
    local pid=$1 log=$2 sentence=$3 next=$((SECONDS + 20)) last width
    while kill -0 "$pid" 2>/dev/null; do
        last=$(tail -n 1 "$log" 2>/dev/null | tr -d '\r')
        if [ -t 2 ]; then
            width=$(tput cols 2>/dev/null || echo 80)
            printf '\r\033[K%.*s' "$((width - 1))" "$(printf '[%4ds]   %s' "$(elapsed)" "$last")" >&2
        elif [ "$SECONDS" -ge "$next" ]; then
            next=$((SECONDS + 20))
            say "  still at it: ${last:0:100}"
        fi
        sleep 0.5
    done
    if [ -t 2 ]; then
        printf '\r\033[K' >&2
    fi
}
