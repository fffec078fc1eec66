# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a test may want to know of the process it runs in."""

import collections
import os
import pathlib
import time

# Where frames of this run lie: host or cuda.
MEMORY = os.environ.get("CUFRAMES_TEST_MEMORY", "host")


def descriptors():
    """Descriptors that are the package's own: rings and lease pages, sockets, locks, eventfds, pidfds."""
    found = collections.Counter()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if "cuframes" in target or target.startswith(("socket:", "anon_inode:[pidfd]", "pidfd:")):
            found["socket" if target.startswith("socket:") else target] += 1
    return found


def resident_kib():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def monotonic_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
