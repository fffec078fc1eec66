# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a publisher says of whatever it publishes: numbers, times, and the rest that travels with the bytes."""

from __future__ import annotations

import datetime as _datetime
import time as _clock
from typing import Protocol


class Published(Protocol):
    """What a publisher says of a frame or a packet."""

    @property
    def sequence(self) -> int: ...
    @property
    def pts(self) -> int | None: ...
    @property
    def dts(self) -> int | None: ...
    @property
    def duration(self) -> int | None: ...
    @property
    def publish_time(self) -> int: ...
    @property
    def missed(self) -> int: ...
    @property
    def discontinuity(self) -> bool: ...
    @property
    def epoch(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def caps(self) -> str: ...
    @property
    def metadata(self) -> bytes: ...


class Described:
    """Such a description as properties, the same of frames and of packets."""

    _told: Published

    @property
    def sequence(self) -> int:
        """The publisher's number of it, from 1; what was dropped has a number too. 0: from no publisher."""
        return self._told.sequence

    @property
    def seq(self) -> int:
        """The same, by its short name."""
        return self._told.sequence

    @property
    def pts(self) -> int | None:
        """When it was captured or is to be shown: nanoseconds of CLOCK_MONOTONIC. None: unknown."""
        return self._told.pts

    @property
    def pts_ns(self) -> int:
        """`pts`, or where that is unknown the time of publishing. Nanoseconds of CLOCK_MONOTONIC."""
        return self._told.publish_time if self._told.pts is None else self._told.pts

    @property
    def time(self) -> float:
        """`pts_ns` in seconds: as `time.monotonic()` counts."""
        return self.pts_ns / 1e9

    @property
    def age(self) -> float:
        """Seconds from then to now. A little negative: it is to be shown in a moment. ValueError: it is a buffer of a
        pipeline, whose times are not this clock's."""
        if not self._told.publish_time:
            raise ValueError("a buffer's times are those of its pipeline: add its base time to know when that was")
        return (_clock.clock_gettime_ns(_clock.CLOCK_MONOTONIC) - self.pts_ns) / 1e9

    @property
    def datetime(self) -> _datetime.datetime:
        """`pts_ns` on the wall clock, with the time zone UTC; `.astimezone()` makes it local time.

        The wall clock is read now: where it was set since, a time from before is off by that.
        """
        return _datetime.datetime.fromtimestamp(_clock.time() - self.age, _datetime.timezone.utc)

    @property
    def dts(self) -> int | None:
        """Likewise in decoding order."""
        return self._told.dts

    @property
    def duration(self) -> int | None:
        """Nanoseconds, or None."""
        return self._told.duration

    @property
    def publish_time_ns(self) -> int:
        """When it became visible to readers: nanoseconds of CLOCK_MONOTONIC."""
        return self._told.publish_time

    @property
    def missed(self) -> int:
        """How many were skipped or lost between the one before and this one."""
        return self._told.missed

    @property
    def discontinuity(self) -> bool:
        """First of a publisher, or (of packets, and in STRICT_ORDER) some are missing before it."""
        return self._told.discontinuity

    @property
    def epoch(self) -> int:
        """The publisher's generation: another number for each publisher, and each ring of it."""
        return self._told.epoch

    @property
    def flags(self) -> int:
        """GstBufferFlags, if a pipeline published it."""
        return self._told.flags

    @property
    def caps(self) -> str:
        """The publisher's caps; "" if it gave none."""
        return self._told.caps

    @property
    def metadata(self) -> bytes:
        """What travelled with it: serialized GstMetas, if a pipeline published it."""
        return self._told.metadata
