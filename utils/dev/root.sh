# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154,SC2034 # checkout, cache and wanted_root come from ./dev and environment.sh
# Private Debian roots: Debian 13 for hosts whose GStreamer is too old, and the next Debian, to try its GStreamer.

suite=${wanted_root:-trixie}
known_roots='trixie forky'
root_size='about 3 GB, two to five minutes'
# Debian signs a release that is still being made with the archive keys of the releases before it.
root_keys=$checkout/utils/dev/debian-13-keys.asc
# Such a release changes daily and its index expires after a week, which mirrors that follow seldom do not keep up
# with. Here it may be this old; that it is Debian's own is checked all the same.
moving_index_age=$((120 * 24 * 3600))

check_root_name() {
    [[ " $known_roots " == *" $1 "* ]] || {
        echo "dev: there is no root '$1'; there are: $known_roots" >&2
        exit 2
    }
}

root_title() {
    case $suite in trixie) echo "Debian 13" ;; *) echo "Debian $suite" ;; esac
}

# Debian 13 is what the package list calls debian.
root_distribution() {
    case $suite in trixie) echo debian ;; *) echo "$suite" ;; esac
}

# A change of the package list makes another root.
root_name() {
    echo "root-$({ echo "$suite"; packages "$(root_distribution)"; } | sha256sum | head -c 12)"
}

prepare_root() {
    distribution=$(root_distribution)
    root=$cache/$(root_name)
    environment=$(root_title | tr 'D ' 'd-')-${root##*-}
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
    [ -n "$wanted_root" ] ||
        say "This host's GStreamer is older than $gstreamer_floor: everything runs in a private $(root_title) root instead."
    say "It goes to $root ($root_size, once); the host stays as it is."
    [ "$(df --output=avail -k "$cache" | tail -n 1)" -gt 5000000 ] ||
        fail "Less than 5 GB are free in $cache." "Make room there, or name another place with XDG_CACHE_HOME."
    require_bootstrap_tools
    # What an interrupted run left behind.
    remove_tree "$part"
    long_step "$cache/root.log" "Preparing the $(root_title) root" fill_root "$part" || {
        remove_tree "$part"
        fail "The $(root_title) root could not be made." \
            "Check the network (or set CUFRAMES_DEBIAN_MIRROR, http_proxy) and run ./dev again; the log is $cache/root.log"
    }
    touch "$part/.complete"
    mv "$part" "$root"
    say "The root is ready."
}

fill_root() {
    local part=$1 options
    options=(--include="$(packages "$distribution" | paste -sd,)"
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*'
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright')
    if [ "$(id -u)" = 0 ]; then
        bootstrap --variant=apt --format=directory "${options[@]}" "$suite" "$part"
    else
        # Unpacked by the user, every file is the user's own: entering and removing the root need no subordinate ids
        # then. Device files cannot be made without root, and the host's /dev covers them anyway.
        mkdir -p "$part"
        bootstrap --variant=apt --format=tar "${options[@]}" "$suite" - |
            tar -C "$part" --extract --no-same-owner --exclude='./dev/*'
    fi
}

# bootstrap OPTION… SUITE TARGET: mmdebstrap, as this user may, from the mirror that is wanted and with Debian's keys.
bootstrap() {
    local keys mode=unshare own=()
    # As root in a mount namespace of its own, so that what it mounts is gone with it, also when it is interrupted.
    [ "$(id -u)" != 0 ] || { mode=root own=(unshare --mount --propagation private --); }
    # Readable by the subordinate user ids that mmdebstrap works under, wherever the checkout lies.
    keys=$(mktemp --suffix=.asc)
    # shellcheck disable=SC2064 # the name as it is now
    trap "rm -f '$keys'" EXIT
    cat "$root_keys" >"$keys"
    chmod 644 "$keys"
    [ "$suite" = trixie ] || set -- --aptopt="Acquire::Min-ValidTime \"$moving_index_age\"" "$@"
    "${own[@]}" mmdebstrap --mode="$mode" --keyring="$keys" "$@" ${CUFRAMES_DEBIAN_MIRROR:+"$CUFRAMES_DEBIAN_MIRROR"}
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
        install_packages "Needed to make the $(root_title) root" "${tools[@]}"
    fi
    if [ "$(id -u)" != 0 ] && ! grep -q "^$(id -un):\|^$(id -u):" /etc/subuid 2>/dev/null; then
        fail "The user $(id -un) has no subordinate user ids, which unpacking the $(root_title) root needs." \
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
