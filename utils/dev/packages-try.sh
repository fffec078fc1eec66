# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout, cache, suite and packages come from ./dev, root.sh and packages.sh
# ./dev packages: debian/tests, in a Debian root that has nothing but apt and these packages.

# The root that each try begins with, made once: its archive is unpacked again for each.
prepare_clean_root() {
    clean_root=$cache/clean-$suite.tar
    [ ! -e "$clean_root" ] || return 0
    require_bootstrap_tools
    long_step "$cache/clean-root.log" "Preparing a clean $(root_title) root" fill_clean_root "$clean_root.part" ||
        fail "The clean root could not be made." "Check the network and run ./dev again; the log is $cache/clean-root.log"
    mv "$clean_root.part" "$clean_root"
}

# With a way to make users, and without device files, which a user may not unpack: mmdebstrap has its own for whoever enters.
fill_clean_root() {
    bootstrap --variant=apt --include=passwd --format=tar "$suite" - | tar --wildcards --delete './dev/*' >"$1"
}

# In a root of its own, that is gone afterwards, with all that the tests started: mmdebstrap unpacks it, and enters it
# as whoever calls may.
try_packages() {
    local try=$packages/try enter
    prepare_clean_root
    rm -rf "$try"
    mkdir -p "$try"
    cp "$packages"/*.deb "$try"
    cp -r "$checkout/debian/tests" "$checkout/utils/dev/packages-tests" "$try"
    # In a PID namespace of its own, so that nothing outlives it.
    # shellcheck disable=SC2016 # mmdebstrap's shell expands it
    enter='unshare --mount --pid --fork --kill-child sh -c "mount -t proc proc \"$1/proc\" && exec chroot \"$1\" /try/packages-tests"'
    # What apt needs to take them from a folder.
    in_environment sh -c "cd '$try' && dpkg-scanpackages --multiversion . >Packages 2>/dev/null"
    long_step "$packages/tests.log" "Trying the packages in a clean $(root_title) root" \
        bootstrap --variant=custom --format=null --setup-hook="tar-in $clean_root /" \
        --customize-hook="copy-in $try /" --customize-hook="$enter" "$suite" - ||
        fail "The packages do not do what debian/tests wants." "All of it is in $packages/tests.log"
    grep '^[#]' "$packages/tests.log" | cut -c3- >&2
}
