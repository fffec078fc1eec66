# SPDX-License-Identifier: LGPL-2.1-or-later
"""When packets were captured that PyAV demuxed: a source's own times, in this machine's."""

from __future__ import annotations

import re
import threading
import time
import weakref

_SECOND = 1_000_000_000
_LIVE = re.compile(r"(?:rtsps?|rtp|udp|srt|rtmps?|tcp)://|/dev/video")


class Clock:
    """From a source's times to times of capture: the first packet's is now, and all others follow in the source's steps.
    Streams of one source have one clock, so that sound stays with its picture, whoever publishes which.

    What was captured cannot be of the future. PyAV looks into a stream before it gives the first packet, for a second or
    more, and then gives all of that at once: so of a live source the first packets are seen before the clock is known,
    until they come no faster than they were made. A file has no such beginning, and may well be read faster than it plays.
    """

    _sources: weakref.WeakValueDictionary[int, Clock] = weakref.WeakValueDictionary()
    _guard = threading.Lock()

    # A camera's clock is not ours: how far the two may part in this time, and up to where that is what it is.
    _LOOK = 10 * _SECOND
    _SLEW = _SECOND // 500
    _NEAR = _SECOND

    _LONGEST = 2 * _SECOND
    """After which the clock is known in any case."""

    def __init__(self, source: object) -> None:
        self._source = source  # For as long as it lives its address is its name.
        self._is_live = bool(_LIVE.match(str(getattr(source, "name", ""))))
        self.is_known = False
        self.offset = 0
        """To be added to the source's times."""
        self._began: int | None = None
        self._seen: dict[int, tuple[int, int]] = {}
        self._paced = 0
        self._last = 0
        self._least = self._looked = 0

    @classmethod
    def of(cls, source: object) -> Clock:
        """That of a container, which its streams share."""
        if source is None:
            return cls(None)
        with cls._guard:
            found = cls._sources.get(id(source))
            if found is None:
                found = cls._sources[id(source)] = cls(source)
            return found

    def see(self, stream: object, at: int | None) -> None:
        """A packet of one of the source's streams came now, that is decoded at this time of the source's."""
        now = time.monotonic_ns()
        with self._guard:
            if at is None:
                return
            if not self.is_known:
                self._look(id(stream), at, now)
            elif self._jumps(at, now):
                self.offset = max(now, self._last + self.offset + 1) - at
                self._looked, self._least = now, self._NEAR
            else:
                self._follow(now, at)
            self._last = at

    def _look(self, stream: int, at: int, now: int) -> None:
        before = self._seen.get(stream)
        self._seen[stream] = (at, now)
        if self._began is None:
            self._began, self.offset = now, now - at
        self.offset = min(self.offset, now - at)
        if before is not None:
            comes_as_it_is_made = now - before[1] > (at - before[0]) // 2
            self._paced = self._paced + 1 if comes_as_it_is_made else 0
        # Twice: once may be a pause in which others had the CPU.
        if not self._is_live or self._paced >= 2 or now > self._began + self._LONGEST:
            self.is_known = True
            self._looked, self._least = now, self._NEAR

    def _jumps(self, at: int, now: int) -> bool:
        """Whether the source begins anew, or leaps ahead of time: then it goes on from now."""
        leaps = at - self._last > 10 * _SECOND and at + self.offset - now > 10 * _SECOND
        return leaps or at < self._last - _SECOND

    def _follow(self, now: int, at: int) -> None:
        """A camera's clock that is slower or faster than ours is followed, a little at a time; a file that is read faster or
        slower than it plays is not."""
        lag = now - (at + self.offset)
        if self._is_live and lag < 0:
            # Those before were late. Times rise all the same: what is taken back is less than a step.
            self.offset -= min(-lag, max(0, at - self._last) // 4)
        self._least = min(self._least, lag)
        if now - self._looked > self._LOOK:
            if abs(self._least) < self._NEAR:
                self.offset += max(-self._SLEW, min(self._least, self._SLEW))
            self._looked, self._least = now, self._NEAR
