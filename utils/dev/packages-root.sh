# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154,SC2034 # checkout, cache and suite come from ./dev and environment.sh, root.sh reads the rest
# ./dev packages: the private root that Debian packages are made in. It is made like the one for building (root.sh), of
# another list.

# What the root has: the tools, and what debian/control builds with. That is the one place that says so.
packaging_list() {
    cat "$checkout/utils/dev/packaging.txt"
    build_dependencies "$checkout/debian/control"
}

# build_dependencies CONTROL: the names in its Build-Depends, without versions and profiles.
build_dependencies() {
    sed -n '/^Build-Depends:/,/^[A-Z]/ { s/^Build-Depends://; /^[A-Z]/d; s/([^)]*)//g; s/<[^>]*>//g; s/,/ /g; p }' "$1"
}

# Sets root, as prepare_root does.
prepare_packaging_root() {
    wanted_root=$suite
    root_size='about 1.5 GB, two minutes'
    package_list=$packages/root-packages.txt
    mkdir -p "$packages"
    packaging_list >"$package_list"
    prepare_root
    prepare_cuda_headers
}
