# SPDX-License-Identifier: LGPL-2.1-or-later
"""One camera of a group: its subscriber, its frames that wait for those of the others, and what is expected of it."""

from __future__ import annotations

import collections
from typing import Any

from ._caps import Caps
from ._frame import Frame
from ._subscriber import Subscriber
from .errors import EndOfStream, FrameTimeout, LeasesExhausted, PublisherGone

MS = 1_000_000
SECOND = 1000 * MS

_UNKNOWN_INTERVAL = 40 * MS
_LONGEST_INTERVAL = 10 * SECOND

# A later publisher whose times are so far back does not go by this host's clock, and begins anew.
_OTHER_CLOCK = 10 * SECOND


class Camera:
    """Used by one thread at a time. Times are nanoseconds of CLOCK_MONOTONIC."""

    def __init__(self, subscriber: Subscriber, most: int) -> None:
        self.subscriber = subscriber
        self.descriptor = subscriber.fileno()
        self.frames: collections.deque[Frame] = collections.deque()
        self.times: collections.deque[int] = collections.deque()
        self.state = "waiting"  # For a publisher; then "live", "ended" or "gone".
        self.interval = _UNKNOWN_INTERVAL
        """From frame to frame, as the publisher makes them."""
        self.lag = 0
        """From the capture of a frame to when it is published; the longest of late."""
        self.last_sign = 0
        """When it was published what came last."""
        self.told_behind = False
        self._missed = 0  # Sets since its last frame.
        self.most = most
        """How many frames may wait."""
        self._last: tuple[int, int] | None = None  # Number and time of the last frame.
        self._is_measured = False
        self._past = -1  # Up to this time its frames are too late for a set.
        self.counts = dict.fromkeys(("received", "used", "skipped", "late", "missing"), 0)

    # ------------------------------------------------------------------------------------------------- what comes

    def attached(self, now: int) -> None:
        """A publisher is there, and has not shown a frame yet."""
        if self.state == "waiting":
            self.state, self.last_sign = "live", now

    @property
    def is_full(self) -> bool:
        """Whether as many frames wait as may."""
        return len(self.frames) >= self.most

    def take(self) -> None:
        """Takes what comes next, if there is something; the oldest frame makes room for it. What is wrong with the camera
        is raised."""
        if self.is_full:
            self._skip()
        try:
            self._came(self._next())
        except FrameTimeout:
            pass
        except EndOfStream:
            self.state, self._last = "ended", None
        except PublisherGone:
            if self.state != "ended":  # Whoever has ended may go.
                self.state, self._last = "gone", None

    def _next(self) -> Frame:
        while True:
            try:
                return self.subscriber._take(0)
            except LeasesExhausted:
                if not self.frames:
                    raise
                self._skip()

    def _came(self, frame: Frame) -> None:
        time = frame.pts_ns
        self.state, self.last_sign, self._missed = "live", frame.publish_time_ns, 0
        self.counts["received"] += 1
        self._measure(frame, time)
        if time <= self._past or (self.times and time <= self.times[-1]):
            self.counts["late"] += 1
            frame.release()
            return
        self.frames.append(frame)
        self.times.append(time)

    def _measure(self, frame: Frame, time: int) -> None:
        lag = frame.publish_time_ns - time
        if self._last is None or frame.sequence <= self._last[0]:
            rate = Caps(frame.caps).fraction("framerate")
            self.interval = round(SECOND / rate) if rate else _UNKNOWN_INTERVAL
            self._is_measured = rate is not None
            self.lag = lag
            if time < self._past - _OTHER_CLOCK:
                self._past = -1
        else:
            number, before = self._last
            interval = min(max(0, time - before) // (frame.sequence - number), _LONGEST_INTERVAL)
            self.interval += (interval - self.interval) // (8 if self._is_measured else 1)
            self._is_measured = True
            self.lag = max(lag, self.lag + (lag - self.lag) // 16)
        self._last = (frame.sequence, time)

    # ------------------------------------------------------------------------------------------------- what is expected

    def is_out(self, now: int) -> bool:
        """Whether it has failed: its next frame is overdue, and two sets were made without it.

        Where all are silent it may be us who hold their frames, or a GPU that has yet to read them.
        """
        overdue = self.last_sign + min(3 * self.interval, self.interval + SECOND // 4) + 50 * MS
        return self.state != "live" or (now > overdue and self._missed >= 2)

    def is_due(self, time: int) -> bool:
        """Whether its next frame may be one of this time, or an earlier one."""
        return self._last is None or self._last[1] + self.interval - min(self.interval // 4, 20 * MS) <= time

    # ------------------------------------------------------------------------------------------------- what is used

    def use(self, place: int) -> Frame:
        """The frame at that place, for a set; those before it are in none."""
        for _ in range(place):
            self._skip()
        self._past = self.times.popleft()
        self.counts["used"] += 1
        return self.frames.popleft()

    def miss(self, time: int) -> None:
        """It is not in a set. Frames up to that time are in no later one either."""
        self.counts["missing"] += 1
        self._missed += 1
        self._past = max(self._past, time)
        while self.times and self.times[0] <= time:
            self._skip()

    def _skip(self) -> None:
        self.times.popleft()
        self.frames.popleft().release()
        self.counts["skipped"] += 1

    def clear(self) -> None:
        """Nothing waits any more."""
        while self.frames:
            self._skip()

    def begin_again(self) -> None:
        """One that has ended or is gone is as one that never came."""
        if self.state in ("ended", "gone"):
            self.state, self._past = "waiting", -1

    def stats(self) -> dict[str, Any]:
        """As `Group.stats()` says."""
        library = self.subscriber.stats()
        return {
            **self.counts,
            "skipped": self.counts["skipped"] + library["skipped"] + library["lost"],
            "restarts": library["reconnects"],
            "held": len(self.frames),
            "interval": self.interval / 1e9,
            "lag": self.lag / 1e9,
            "state": self.state,
        }
