# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout and cache come from ./dev and environment.sh
# ./dev wheels: the Python package for machines that build nothing. Made on this host, whose C library says for which Linux
# they are: an older host makes them for more.

wheels=$checkout/build/wheels
# Each has one of its own but those that have the stable interface, which one wheel serves.
known_pythons='3.10 3.11 3.12 3.13 3.14'
stable_since=3.12

make_wheels() {
    local version python made=()
    prepare_wheel_tools
    rm -rf "$wheels"
    mkdir -p "$wheels/raw" "$wheels/work"
    for version in $known_pythons; do
        python=$(find_python "$version") || { say "There is no Python $version here, and none could be fetched"; continue; }
        say "Python $version is $python"
        made+=("$python")
        build_wheel "$version" "$python"
    done
    [ ${#made[@]} -gt 0 ] || fail "There is no Python to build for." "Install one of $known_pythons with its headers."
    repair_wheels
    try_wheels "${made[@]}"
    say "Made: $(cd "$wheels" && echo ./*.whl)"
}

# In a folder of their own, found by PYTHONPATH and PATH.
prepare_wheel_tools() {
    local list=$checkout/utils/dev/python-wheels.txt
    wheel_tools=$cache/python-wheels-$({ python3 --version; cat "$list"; } | sha256sum | head -c 12)
    [ -e "$wheel_tools" ] || long_step "$cache/python-wheels.log" "Fetching what wheels are made with" fetch_wheel_tools "$list" ||
        fail "What wheels are made with could not be fetched with pip." \
            "Check the network and run ./dev again; the log is $cache/python-wheels.log"
}

fetch_wheel_tools() {
    remove_tree "$wheel_tools.part"
    python3 -m pip install --disable-pip-version-check --no-deps --only-binary=:all: --target "$wheel_tools.part" --requirement "$1" &&
        mv "$wheel_tools.part" "$wheel_tools"
}

# find_python VERSION: one that is fetched, or else one that the host has; with its headers.
find_python() {
    local uv=("$wheel_tools/bin/uv" --quiet) candidate
    export UV_PYTHON_INSTALL_DIR=$cache/pythons
    timeout 300 "${uv[@]}" python install "$1" >"$wheels/work/uv-$1.log" 2>&1 || true
    for candidate in "$("${uv[@]}" python find "$1" 2>/dev/null)" "$(command -v "python$1")" "$HOME/.pyenv/versions/$1".*/bin/python3; do
        if [ -x "$candidate" ] && has_headers "$candidate" "$1"; then
            readlink -f "$candidate"
            return 0
        fi
    done
    return 1
}

has_headers() {
    "$1" -c 'import os, sys, sysconfig, venv, ensurepip
wanted = tuple(map(int, sys.argv[1].split(".")))
header = os.path.join(sysconfig.get_path("include"), "Python.h")
sys.exit(sys.version_info[:2] != wanted or not os.path.exists(header) or sys.prefix != sys.base_prefix)' "$2" 2>/dev/null
}

# build_wheel VERSION PYTHON: not where the wheel of an earlier one serves it. Pipelines need a GStreamer that the wheel cannot
# bring: who has one builds by pip, or installs the distribution's packages.
build_wheel() {
    local version=$1 python=$2 settings=(-Dgst=disabled)
    if at_least "$version" "$stable_since"; then
        ! ls "$wheels"/raw/*-abi3-* >/dev/null 2>&1 || return 0
        settings+=(-Dpython.allow_limited_api=true)
    fi
    long_step "$wheels/work/build-$version.log" "Building the wheel for Python $version" run_pip_wheel "$version" "$python" ||
        fail "The wheel could not be built." "The reason is above, and in $wheels/work/build-$version.log"
}

run_pip_wheel() {
    local version=$1 python=$2 setting arguments=()
    for setting in "${settings[@]}"; do
        arguments+=("--config-settings=setup-args=$setting")
    done
    "$python" -m venv "$wheels/work/venv-$version" &&
        CC="${ccache_prefix-$(command -v ccache)} gcc" CXX="${ccache_prefix-$(command -v ccache)} g++" \
            "$wheels/work/venv-$version/bin/pip" wheel "$checkout" --no-deps --wheel-dir "$wheels/raw" \
            --disable-pip-version-check "--config-settings=build-dir=$wheels/work/build-$version" "${arguments[@]}"
}

# Each gets the tag of the oldest Linux that has what it asks of the C library.
repair_wheels() {
    local wheel
    for wheel in "$wheels"/raw/*.whl; do
        long_step "$wheels/work/repair.log" "Looking at ${wheel##*/}" with_wheel_tools \
            python3 -m auditwheel repair --wheel-dir "$wheels" "$wheel" ||
            fail "auditwheel objects to ${wheel##*/}." "The reason is above."
    done
}

with_wheel_tools() {
    PYTHONPATH=$wheel_tools PATH=$wheel_tools/bin:$PATH "$@"
}

# try_wheels PYTHON…: each in an environment of its own that has nothing else.
try_wheels() {
    long_step "$wheels/tests.log" "Trying the wheels" with_wheel_tools env WHEELS="$wheels" PYTHONS="$*" \
        PACKAGING_SOURCE="$checkout" PACKAGING_FOLDER="$wheels/work" python3 "$checkout/tests/packaging/test_wheels.py" ||
        fail "The wheels do not work." "All of it is in $wheels/tests.log"
    grep '^Python' "$wheels/tests.log" >&2
}
