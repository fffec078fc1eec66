# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which frames of several cameras belong together, by the times of their capture alone.

`times` has a list for each camera: the times of the frames that wait, rising. What is found is a list too: for each camera
the position of its frame, or None.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

Times = Sequence[Sequence[int]]
Found = list["int | None"]


def around(anchor: int, times: Times, within: int) -> Found:
    """The set that has a frame of time `anchor`, and no two frames further apart than `within`: of as many cameras as can
    be, and of those the nearest."""
    near = [
        [(abs(time - anchor), place, time) for place, time in enumerate(own) if abs(time - anchor) <= within]
        for own in times
    ]
    starts = {anchor} | {time for own in near for _, _, time in own if time <= anchor}
    return max((_from(start, near, within) for start in starts), key=lambda one: one[0])[1]


def _from(start: int, near: Sequence[Sequence[tuple[int, int, int]]], within: int) -> tuple[tuple[int, int], Found]:
    """The nearest frames from `start` on, and how good they are together."""
    chosen = [min((one for one in own if start <= one[2] <= start + within), default=None) for own in near]
    there = [one[2] for one in chosen if one]
    return (len(there), min(there) - max(there)), [one[1] if one else None for one in chosen]


def newest(times: Times, wanted: Collection[int], within: int) -> Found | None:
    """The newest set that has all wanted cameras, and of the others those that fit. None: there is no such set yet.

    No set is newer than the newest frame of the camera that is furthest behind; the others have frames on either side of
    that, or would have had.
    """
    if not wanted or not all(times[camera] for camera in wanted):
        return None
    behind = min(wanted, key=lambda camera: times[camera][-1])
    for anchor in reversed(times[behind]):
        found = around(anchor, times, within)
        if all(found[camera] is not None for camera in wanted):
            return found
    return None


def fullest(times: Times, within: int) -> Found | None:
    """The set of the most cameras; of several the newest. None: no frame waits."""
    anchors = sorted({time for own in times for time in own}, reverse=True)
    sets = [around(anchor, times, within) for anchor in anchors]
    return max(sets, key=lambda found: len(found) - found.count(None)) if sets else None


def of_first(times: Times, wanted: Collection[int], within: int) -> Found | None:
    """The set of the first camera's oldest frame. None: there is no such frame, or a wanted camera may still bring the frame
    that is nearest to it."""
    if not times[0]:
        return None
    anchor = times[0][0]
    if any(not times[camera] or times[camera][-1] < anchor for camera in wanted if camera != 0):
        return None
    return around(anchor, times, within)
