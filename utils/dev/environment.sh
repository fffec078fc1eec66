# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154,SC2034 # checkout and wanted_root come from ./dev, which reads environment and root
# Where ./dev builds and runs: on this host, when its GStreamer is new enough, else in a private Debian root (root.sh).

gstreamer_floor=1.24
cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/cuframes
package_list=$checkout/utils/dev/packages.txt
# Headers only, and pinned: they decide what the build knows of CUDA on hosts without a toolkit.
cuda_wheel='nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548'

. "$checkout/utils/dev/root.sh"

# packages DISTRIBUTION: the names in the list, with those that only this distribution has.
packages() {
    sed "s/#.*//; s/^$1: //; /^[a-z]*: /d" "$package_list" | tr -s ' \n' '\n' | sed '/^$/d'
}

# The name that the list knows this host by. A Debian that is not released yet has no VERSION_ID.
host_distribution() {
    local ID=other VERSION_CODENAME=
    # shellcheck disable=SC1091
    . /etc/os-release
    case $ID-$VERSION_CODENAME in debian-forky) echo forky ;; *) echo "$ID" ;; esac
}

at_least() {
    [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

# The GStreamer that this host has, or that its distribution would install.
host_gstreamer() {
    local version
    version=$(pkg-config --modversion gstreamer-1.0 2>/dev/null) ||
        version=$(LC_ALL=C apt-cache policy libgstreamer1.0-dev 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9.]*\).*/\1/p')
    echo "${version:-$(release_gstreamer)}"
}

# A fresh container image has no package lists yet: then the release tells.
release_gstreamer() {
    local ID=other VERSION_ID=0
    # shellcheck disable=SC1091
    . /etc/os-release
    case $ID in
        debian) at_least "${VERSION_ID:-13}" 13 && echo "$gstreamer_floor" || echo 0 ;;
        ubuntu) at_least "$VERSION_ID" 24.04 && echo "$gstreamer_floor" || echo 0 ;;
        *) echo 0 ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "This needs root, and there is no sudo here." "Run as root:  $*"
    fi
}

# install_packages WHY NAME…
install_packages() {
    local why=$1
    shift
    say "$why: installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@" >&2 ||
        { say "refreshing the package lists first" &&
            as_root apt-get update >&2 &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@" >&2; } ||
        fail "The distribution's packages could not be installed." "Install them yourself, then run ./dev again:  $*"
}

# ------------------------------------------------------------------------------------------------ this host as it is

missing_packages() {
    local name
    for name in $(packages "$distribution"); do
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || echo "$name"
    done
}

prepare_host() {
    local missing stamp
    stamp=$cache/host-$(packages "$distribution" | sha256sum | head -c 12)
    # Asking dpkg about every package takes seconds; a list that was complete once stays so.
    [ -e "$stamp" ] && [ "$stamp" -nt /var/lib/dpkg/status ] && return 0
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages "Needed to build, run and test" "${missing[@]}"
    fi
    mkdir -p "$cache"
    touch "$stamp"
}

# ----------------------------------------------------------------------------------------------------- CUDA headers

# A toolkit counts when it is new enough and has the OpenGL interface that GStreamer's CUDA headers include.
toolkit_include() {
    local folder version
    for folder in "${CUDA_HOME:-}" "${CUDA_PATH:-}" /usr/local/cuda /opt/cuda; do
        [ -e "${folder:-/nonexistent}/include/cudaGL.h" ] || continue
        version=$(sed -n 's/^#define CUDA_VERSION *\([0-9]*\)/\1/p' "$folder/include/cuda.h" 2>/dev/null | head -n 1)
        if [ "${version:-0}" -ge 12000 ]; then
            readlink -f "$folder/include"
            return
        fi
    done
}

prepare_cuda_headers() {
    local wheel_folder
    cuda_include=$(toolkit_include)
    [ -n "$cuda_include" ] && return 0
    wheel_folder=$cache/cuda-headers-$(echo "$cuda_wheel" | sha256sum | head -c 12)
    if [ ! -e "$wheel_folder" ]; then
        long_step "$cache/cuda-headers.log" "Fetching the CUDA headers (this host has no CUDA toolkit)" \
            fetch_cuda_headers "$wheel_folder" ||
            fail "The CUDA headers could not be fetched with pip." \
                "Check the network, or install a CUDA toolkit and set CUDA_HOME; the log is $cache/cuda-headers.log"
    fi
    cuda_include=$(echo "$wheel_folder"/nvidia/*/include)
}

fetch_cuda_headers() {
    local part=$1.part
    rm -rf "$part"
    mkdir -p "$part"
    echo "$cuda_wheel" >"$part/requirements.txt"
    # Headers are the same for every processor; the pinned archive is the x86-64 one.
    in_environment python3 -m pip download --no-deps --only-binary=:all: --platform manylinux2014_x86_64 --require-hashes \
        --requirement "$part/requirements.txt" --dest "$part" &&
        in_environment python3 -m zipfile -e "$part"/*.whl "$part" &&
        rm -rf "$part"/*.whl "$part"/nvidia/*/lib &&
        mv "$part" "$1"
}

# -------------------------------------------------------------------------------------------------- Python packages

# prepare_python NAME…: what the distributions lack, from the lists python-NAME.txt.
prepare_python() {
    local name folder
    for name in "$@"; do
        folder=$(python_folder "$name")
        [ -e "$folder" ] ||
            long_step "$cache/python-$name.log" "Fetching the Python packages to $name with" \
                fetch_python "$checkout/utils/dev/python-$name.txt" "$folder" ||
            fail "The Python packages of utils/dev/python-$name.txt could not be fetched with pip." \
                "Check the network and run ./dev again; the log is $cache/python-$name.log"
    done
}

# Named after the list, and after the environment, as it may be another Python's.
python_folder() {
    echo "$cache/python-$1-$({ echo "$environment"; cat "$checkout/utils/dev/python-$1.txt"; } | sha256sum | head -c 12)"
}

# Those folders that are there, for PYTHONPATH.
python_path() {
    local name path=
    for name in build test; do
        [ ! -e "$(python_folder "$name")" ] || path+=${path:+:}$(python_folder "$name")
    done
    echo "$path"
}

fetch_python() {
    local list=$1 part=$2.part
    remove_tree "$part"
    mkdir -p "$part"
    # The list is complete, and what is missing in it on purpose is the distribution's.
    in_environment python3 -m pip install --disable-pip-version-check --no-deps --only-binary=:all: --target "$part" \
        --requirement "$list" &&
        mv "$part" "$2"
}

# ------------------------------------------------------------------------------------------------------- all together

# Sets environment (its name), distribution (as the package list names it), root (empty on a host that is new enough)
# and cuda_include.
prepare_environment() {
    root=
    if [ -n "${CUFRAMES_DEV_ENVIRONMENT:-}" ]; then
        fail "This function is for the outer half of ./dev."
    fi
    command -v dpkg >/dev/null ||
        fail "./dev knows Debian and Ubuntu only." \
            "Elsewhere install GStreamer 1.24, meson, ninja and a C++20 compiler, then: meson setup build && ninja -C build"
    if [ -z "$wanted_root" ] && at_least "$(host_gstreamer)" "$gstreamer_floor"; then
        environment=$(. /etc/os-release && echo "$ID-${VERSION_ID:-sid}")
        distribution=$(host_distribution)
        prepare_host
    else
        prepare_root
    fi
    prepare_cuda_headers
}

in_environment() {
    if [ -z "$root" ]; then
        "$@"
    else
        CUFRAMES_CUDA_INCLUDE=${cuda_include:-} CUFRAMES_BIND=$checkout:$cache "$checkout/utils/dev/enter-root" "$root" "$@"
    fi
}
