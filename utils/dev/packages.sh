# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout and cache come from ./dev and environment.sh
# ./dev packages: Debian packages of the checkout, made in one private root and tried in another, which has nothing else.

packages=$checkout/build/packages
. "$checkout/utils/dev/packages-root.sh"
. "$checkout/utils/dev/packages-build.sh"
. "$checkout/utils/dev/packages-try.sh"

make_packages() {
    mkdir -p "$packages"
    exec 9>"$packages/.lock"
    flock 9
    prepare_packaging_root
    export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache} CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-2G}
    build_packages
    check_packages
    try_packages
    say "Made, and tried in a clean $(root_title): $packages/*.deb"
}
