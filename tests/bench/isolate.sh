#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#     isolate.sh DIRECTORY COMMAND…
#
# Runs COMMAND in PID, IPC, mount and network namespaces of its own, as in a container: private /tmp, /run and /dev/shm,
# of which only DIRECTORY is shared with the outside. Needs root, or a kernel that lets users make namespaces.
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
# The directory is bound to its own path again after the file system it lies in has been hidden; the working
# directory, entered before, is the way to reach it.
cd "$directory"
for hidden in /tmp /run /dev/shm; do
    case "$(pwd -P)/" in
        $hidden/*)
            mount -t tmpfs tmpfs "$hidden"
            mkdir -p "$directory"
            # Not canonicalized: the path would lead to the new, empty directory.
            mount --no-canonicalize --bind . "$directory"
            ;;
        *) mount -t tmpfs tmpfs "$hidden" ;;
    esac
done
cd /
unset ISOLATED
exec "$@"
