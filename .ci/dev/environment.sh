# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154,SC2034 # checkout comes from ./dev, which reads environment and root
# Where ./dev builds and runs: on this host, when its GStreamer is new enough, else in a private Debian 13 root.

gstreamer_floor=1.24
suite=trixie
cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/cuframes
package_list=$checkout/.ci/dev/packages.txt
# Headers only, and pinned: they decide what the build knows of CUDA on hosts without a toolkit.
cuda_wheel='nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548'

# packages [DISTRIBUTION]: the names in the list, with those that only this distribution has.
packages() {
    sed "s/#.*//; s/^${1:-debian}: //; /^[a-z]*: /d" "$package_list" | tr -s ' \n' '\n' | sed '/^$/d'
}

root_name() {
    echo "root-$({ echo "$suite"; packages; } | sha256sum | head -c 12)"
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
    for name in $(packages "$(. /etc/os-release && echo "$ID")"); do
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || echo "$name"
    done
}

prepare_host() {
    local missing stamp
    stamp=$cache/host-$(root_name)
    # Asking dpkg about every package takes seconds; a list that was complete once stays so.
    [ -e "$stamp" ] && [ "$stamp" -nt /var/lib/dpkg/status ] && return 0
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages "Needed to build, run and test" "${missing[@]}"
    fi
    mkdir -p "$cache"
    touch "$stamp"
}

# -------------------------------------------------------------------------------------------- a private Debian 13 root

prepare_root() {
    root=$cache/$(root_name)
    [ -e "$root/.complete" ] && return 0
    mkdir -p "$cache"
    exec 8>"$cache/lock"
    if ! flock -n 8; then
        say "Another ./dev is preparing the root; waiting for it"
        flock 8
    fi
    [ -e "$root/.complete" ] || make_root
    exec 8>&-
}

make_root() {
    local part=$root.part
    say "This host's GStreamer is older than $gstreamer_floor: everything runs in a private Debian 13 root instead."
    say "It goes to $root (about 3 GB, two to five minutes, once); the host stays as it is."
    [ "$(df --output=avail -k "$cache" | tail -n 1)" -gt 5000000 ] ||
        fail "Less than 5 GB are free in $cache." "Make room there, or name another place with XDG_CACHE_HOME."
    require_bootstrap_tools
    # What an interrupted run left behind.
    remove_tree "$part"
    long_step "$cache/root.log" "Preparing the Debian 13 root" fill_root "$part" || {
        remove_tree "$part"
        fail "The Debian 13 root could not be made." \
            "Check the network (or set CUFRAMES_DEBIAN_MIRROR, http_proxy) and run ./dev again; the log is $cache/root.log"
    }
    touch "$part/.complete"
    mv "$part" "$root"
    say "The root is ready."
}

fill_root() {
    local part=$1 keys options
    # Readable by the subordinate user ids that mmdebstrap works under, wherever the checkout lies.
    keys=$(mktemp --suffix=.asc)
    trap 'rm -f "$keys"' EXIT
    cat "$checkout/.ci/dev/debian-13-keys.asc" >"$keys"
    chmod 644 "$keys"
    options=(--variant=apt --include="$(packages | paste -sd,)" --keyring="$keys"
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*'
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright'
        "$suite")
    if [ "$(id -u)" = 0 ]; then
        mmdebstrap --mode=root --format=directory "${options[@]}" "$part" ${CUFRAMES_DEBIAN_MIRROR:+"$CUFRAMES_DEBIAN_MIRROR"}
    else
        # Unpacked by the user, every file is the user's own: entering and removing the root need no subordinate ids
        # then. Device files cannot be made without root, and the host's /dev covers them anyway.
        mkdir -p "$part"
        mmdebstrap --mode=unshare --format=tar "${options[@]}" - ${CUFRAMES_DEBIAN_MIRROR:+"$CUFRAMES_DEBIAN_MIRROR"} |
            tar -C "$part" --extract --no-same-owner --exclude='./dev/*'
    fi
}

# mmdebstrap alone is a script of perl and apt; without root it needs the maps of subordinate ids as well.
require_bootstrap_tools() {
    local tools=()
    command -v mmdebstrap >/dev/null || tools+=(mmdebstrap)
    command -v gpgv >/dev/null || tools+=(gpgv)
    if [ "$(id -u)" != 0 ]; then
        unshare --user --map-root-user --mount true 2>/dev/null ||
            fail "This kernel does not let ordinary users make namespaces, which the private root needs." \
                "Run ./dev as root, or allow them: sudo sysctl kernel.unprivileged_userns_clone=1 (or the AppArmor switch)."
        command -v newuidmap >/dev/null || tools+=(uidmap)
    fi
    if [ ${#tools[@]} -gt 0 ]; then
        install_packages "Needed to make the Debian 13 root" "${tools[@]}"
    fi
    if [ "$(id -u)" != 0 ] && ! grep -q "^$(id -un):\|^$(id -u):" /etc/subuid 2>/dev/null; then
        fail "The user $(id -un) has no subordinate user ids, which unpacking the Debian 13 root needs." \
            "Once, as root:  usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
    fi
}

# A root's folders may be read-only; and whatever may be mounted in there is not ours to remove.
remove_tree() {
    if [ -e "$1" ]; then
        [ "$(id -u)" = 0 ] || chmod -R u+w "$1" 2>/dev/null || true
        rm -rf --one-file-system "$1"
    fi
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
                fetch_python "$checkout/.ci/dev/python-$name.txt" "$folder" ||
            fail "The Python packages of .ci/dev/python-$name.txt could not be fetched with pip." \
                "Check the network and run ./dev again; the log is $cache/python-$name.log"
    done
}

# Named after the list, and after the environment, as it may be another Python's.
python_folder() {
    echo "$cache/python-$1-$({ echo "$environment"; cat "$checkout/.ci/dev/python-$1.txt"; } | sha256sum | head -c 12)"
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

# Sets environment (its name), root (empty on a host that is new enough) and cuda_include.
prepare_environment() {
    root=
    if [ -n "${CUFRAMES_DEV_ENVIRONMENT:-}" ]; then
        fail "This function is for the outer half of ./dev."
    fi
    command -v dpkg >/dev/null ||
        fail "./dev knows Debian and Ubuntu only." \
            "Elsewhere install GStreamer 1.24, meson, ninja and a C++20 compiler, then: meson setup build && ninja -C build"
    if at_least "$(host_gstreamer)" "$gstreamer_floor"; then
        environment=$(. /etc/os-release && echo "$ID-${VERSION_ID:-sid}")
        prepare_host
    else
        prepare_root
        environment=debian-13-${root##*-}
    fi
    prepare_cuda_headers
}

in_environment() {
    if [ -z "$root" ]; then
        "$@"
    else
        CUFRAMES_CUDA_INCLUDE=${cuda_include:-} CUFRAMES_BIND=$checkout:$cache "$checkout/.ci/dev/enter-root" "$root" "$@"
    fi
}
