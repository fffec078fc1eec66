#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#     isolate.sh DIRECTORY COMMAND…
#
# Runs COMMAND in PID, IPC, mount and network namespaces of its own, as in a container: private /tmp, /run and /dev/shm,
# of which only DIRECTORY is shared with the outside, and the checkout if it lies there. Needs root, or a kernel that lets users make namespaces.
set -eu
if [ "${ISOLATED:-}" != yes ]; then
    user=
    [ "$(id -u)" -eq 0 ] || user="--user --map-current-user --keep-caps"
    # In a chroot the root is no mount, so its propagation cannot be set: whoever made the chroot has decided it.
    propagation=unchanged
    while read -r _ _ _ _ mountpoint _; do
        [ "$mountpoint" != / ] || propagation=private
    done </proc/self/mountinfo
    # --kill-child: the driver script ends what it started, and that is unshare.
    # shellcheck disable=SC2086 # $user is a list of options
    exec env ISOLATED=yes unshare $user --pid --fork --kill-child --mount-proc --ipc --net \
        --mount --propagation "$propagation" "$0" "$@"
fi
directory=$1
shift
checkout=$(cd "${0%/*}/../.." && pwd -P)
# Both are bound to their own paths again after the file system they lie in has been hidden; descriptors opened before
# are the way to reach them.
exec 7<"$directory" 8<"$checkout"
# show PATH DESCRIPTOR HIDDEN
show() {
    case $1/ in
        "$3"/*)
            mkdir -p "$1"
            # Not canonicalized: the path would lead to the new, empty directory.
            mount --no-canonicalize --bind "/proc/self/fd/$2" "$1"
            ;;
    esac
}
directory=$(cd "$directory" && pwd -P)
for hidden in /tmp /run /dev/shm; do
    mount -t tmpfs tmpfs "$hidden"
    show "$checkout" 8 "$hidden"
    show "$directory" 7 "$hidden"
done
cd /
exec 7<&- 8<&-
unset ISOLATED
exec "$@"
