# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154 # checkout, cache and packages come from ./dev and packages.sh
# ./dev packages: Debian packages, built from a clean export of the checkout, and what lintian says of them.

# What git would commit, as it is now: no build folder, no file that is ignored.
export_checkout() {
    local to=$1
    rm -rf "$to"
    mkdir -p "$to"
    git -C "$checkout" ls-files -z --cached --others --exclude-standard |
        tar -C "$checkout" --null --files-from=- --ignore-failed-read -cf - 2>/dev/null | tar -C "$to" -xf -
    [ -e "$to/debian/control" ] || fail "The checkout could not be copied with git."
}

build_packages() {
    local version source
    version=$(sed -n '1s/.*(\(.*\)-.*/\1/p' "$checkout/debian/changelog")
    source=$packages/source/cuframes-$version
    rm -rf "$packages/source" "$packages"/cuframes_* "$packages"/*.deb
    export_checkout "$source"
    tar -C "$packages/source" --exclude=./debian -caf "$packages/source/cuframes_$version.orig.tar.gz" \
        --exclude="cuframes-$version/debian" "cuframes-$version"
    long_step "$packages/build.log" "Building the Debian packages" in_environment "$checkout/utils/dev/packages-inside" "$source" ||
        fail "The packages could not be built." "The reason is above, and in $packages/build.log"
    find "$packages/source" -maxdepth 1 -type f -exec mv {} "$packages" \;
}

# Everything that it calls an error or a warning. Only an upload to Debian would close a bug.
check_packages() {
    long_step "$packages/lintian.log" "Looking at the packages with lintian" in_environment lintian --allow-root --info \
        --color never --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$packages"/*.changes ||
        fail "lintian objects to the packages." "All of it is in $packages/lintian.log"
}
