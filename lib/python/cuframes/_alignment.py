# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which set of frames comes next from a group of cameras, and how long it is worth waiting for a better one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import _log, _pairing
from ._camera import MS, SECOND, Camera
from ._frame import Frame

_LONGEST_WAIT = 500 * MS
_LONGEST_STEP = 250 * MS
_UNKNOWN_WITHIN = 50 * MS


class Alignment:
    """Cameras whose frames are put together by the time of their capture. Used by one thread at a time.

    A set is made as soon as it has a frame of every camera that is worth waiting for, and that is

    - one that is there and not overdue,
    - whose frames do not come so much later than those of the others that these cannot wait for them,
    - and come in steps no longer than the wait; of one that is slower if a frame of it is due.

    It is made of what there is when one of its frames has waited for so long. Times are nanoseconds of CLOCK_MONOTONIC.
    """

    def __init__(self, cameras: Sequence[Camera], within: int | None, wait: float | None, in_order: bool) -> None:
        """wait: nanoseconds or infinity. in_order: every frame of the first camera has its set."""
        self.cameras = cameras
        self.deadline: float = math.inf
        """When choose() is to be asked again, whatever comes."""
        self.begins_until = 0
        """Cameras that never came are waited for until then."""
        self._within = within
        self._wait = wait
        self._in_order = in_order

    @property
    def within(self) -> int:
        """How far the frames of a set may be apart: as it was said, or a little more than the longest step."""
        return self._longest_step() * 5 // 4 if self._within is None else self._within

    def choose(self, now: int) -> tuple[Frame | None, ...] | None:
        """The frames of the next set; None: it is not there yet."""
        leading = self.cameras[:1] if self._in_order else self.cameras
        pending = [camera for camera in leading if camera.times]
        if not pending:
            self.deadline = self.begins_until if now < self.begins_until else math.inf
            return None
        within = self.within
        time = pending[0].times[0] if self._in_order else max(camera.times[-1] for camera in pending)
        wanted = self._wanted(now, time + within)
        self.deadline = self._deadline(pending, wanted)
        found = self._find(wanted, within, now >= self.deadline)
        return self._use(found, within) if found else None

    def _find(self, wanted: Sequence[int], within: int, at_once: bool) -> _pairing.Found | None:
        times = [camera.times for camera in self.cameras]
        if self._in_order:
            return _pairing.of_first(times, () if at_once else wanted, within)
        if not wanted or at_once:
            return _pairing.fullest(times, within)
        return _pairing.newest(times, wanted, within)

    def _use(self, found: _pairing.Found, within: int) -> tuple[Frame | None, ...]:
        chosen = [camera.use(place) if place is not None else None for camera, place in zip(self.cameras, found)]
        # What was captured nearer to this set than to the next one comes too late.
        earliest = min(frame.pts_ns for frame in chosen if frame)
        step = min(camera.interval for camera, frame in zip(self.cameras, chosen) if frame)
        past = earliest + min(within, step // 2)
        for camera, frame in zip(self.cameras, chosen):
            if frame is None:
                camera.miss(past)
        return tuple(chosen)

    # ------------------------------------------------------------------------------------------------- whom to wait for

    def _wanted(self, now: int, time: int) -> list[int]:
        return [number for number, camera in enumerate(self.cameras) if self._is_wanted(camera, now, time)]

    def _is_wanted(self, camera: Camera, now: int, time: int) -> bool:
        if self._wait == math.inf:
            return True
        if camera.state == "waiting":
            return now < self.begins_until
        if camera.is_out(now) or self._is_behind(camera):
            return False
        return self._keeps_step(camera) or camera.is_due(time)

    def _keeps_step(self, camera: Camera) -> bool:
        return camera.interval <= (_LONGEST_STEP if self._wait is None else self._wait)

    def _is_behind(self, camera: Camera) -> bool:
        """Whether its frames come later than the others' frames wait for them."""
        live = [one for one in self.cameras if one.state == "live"]
        behind = camera.lag - min(one.lag for one in live)
        waits = (camera.most - 1) * min(one.interval for one in live)
        if behind <= min(waits, _LONGEST_WAIT if self._wait is None else self._wait):
            return False
        if not camera.told_behind:
            camera.told_behind = True
            _log.emit(
                _log.WARNING,
                f'group: frames of "{camera.subscriber.key}" come {behind // MS} ms later than those of the others, which '
                "do not wait so long: it will be missing. Make their delays equal, or give a larger max_held and wait",
            )
        return True

    def _longest_step(self) -> int:
        steps = [camera.interval for camera in self.cameras if camera.state == "live" and self._keeps_step(camera)]
        return max(steps, default=_UNKNOWN_WITHIN)

    def _deadline(self, pending: Sequence[Camera], wanted: Sequence[int]) -> float:
        """When the frame that has waited longest has waited long enough."""
        if self._wait == math.inf:
            return math.inf
        most = max((self.cameras[number].lag for number in wanted), default=0)
        first = min(camera.frames[0].publish_time_ns + self._patience(camera, most) for camera in pending)
        begins = any(self.cameras[number].state == "waiting" for number in wanted)
        return max(first, self.begins_until) if begins else first

    def _patience(self, camera: Camera, most_lag: int) -> float:
        """Long enough for the other cameras' next frames, by how much later than this one's they come."""
        if self._wait is not None:
            return self._wait
        return min(max(0, most_lag - camera.lag) + self._longest_step() + self.within, _LONGEST_WAIT)

    # ------------------------------------------------------------------------------------------------- the end

    def is_at_end(self, now: int) -> bool:
        """Whether all cameras that came have ended or are gone, or the first of those in order; what they left was used."""
        states = [camera.state for camera in (self.cameras[:1] if self._in_order else self.cameras)]
        if all(state == "waiting" for state in states) or "live" in states:
            return False
        return not ("waiting" in states and now < self.begins_until)

    def begin(self, now: int, connect_timeout: float) -> None:
        """Cameras may come from now on."""
        self.begins_until = min(now + round(min(connect_timeout, 1e6) * SECOND), 2**62)
        for camera in self.cameras:
            camera.begin_again()
