# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for a descriptor in asyncio: no thread, any number of tasks, cancelled at any time."""

from __future__ import annotations

import asyncio
import itertools
import time
import weakref

_places = itertools.count()


class Readiness:
    """A descriptor that tasks of one event loop wait on.

    A loop takes one reader for each descriptor, and several tasks may want frames of one subscriber: the reader is shared,
    and is there only while somebody waits. Who waits stands in a line, and is woken by the place in it.
    """

    used = False
    """Whether asyncio ever waited in this process: others need not care for it before."""

    _loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Readiness]] = weakref.WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._line: set[int] = set()

    @classmethod
    def of(cls, descriptor: int) -> Readiness:
        """That of the running loop."""
        cls.used = True
        loop = asyncio.get_running_loop()
        known = cls._loops.setdefault(loop, {})
        return known.setdefault(descriptor, cls(loop, descriptor))

    @classmethod
    def forget(cls, descriptor: int) -> None:
        """The descriptor is about to be closed: whoever waits for it, in whatever loop, looks again."""
        for loop, known in list(cls._loops.items()):
            readiness = known.pop(descriptor, None)
            if readiness is None or loop.is_closed():
                continue
            if loop is _running_loop():
                loop.remove_reader(descriptor)
            loop.call_soon_threadsafe(readiness._wake)

    @classmethod
    def nudge(cls, descriptor: int) -> None:
        """Somebody took a frame, and with it the publisher's one wake-up: those who wait look too."""
        for loop, known in list(cls._loops.items()):
            readiness = known.get(descriptor)
            if readiness is not None and readiness._waiting and not loop.is_closed():
                loop.call_soon_threadsafe(readiness._wake)

    def join(self, place: int) -> bool:
        """Into the line. Whether others are in it, who look first if the caller lets the loop run."""
        others = bool(self._line)
        self._line.add(place)
        self._wake()
        return others

    def leave(self, place: int) -> None:
        """Out of the line, with a frame or without."""
        self._line.discard(place)
        known = self._loops.get(self._loop, {})
        if not self._line and known.get(self._descriptor) is self:
            del known[self._descriptor]

    async def wait(self, deadline: float | None, place: int) -> None:
        """Until the descriptor can be read, or the deadline (of time.monotonic()) passes."""
        future = self._loop.create_future()
        if not self._waiting:
            try:
                self._loop.add_reader(self._descriptor, self._wake)
            except OSError:
                return  # Closed by another thread just then: the next call says so.
        self._waiting[future] = place
        timer = None
        if deadline is not None:
            timer = self._loop.call_later(max(0.0, deadline - time.monotonic()), _finish, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            del self._waiting[future]
            # Forgotten meanwhile: the reader is still ours, unless the number is somebody else's descriptor by now.
            if not self._waiting and self._loops.get(self._loop, {}).get(self._descriptor) in (self, None):
                self._loop.remove_reader(self._descriptor)

    def _wake(self) -> None:
        # One frame may come for many tasks: all look, the one that has waited longest gets it, the others wait again.
        for future in sorted(self._waiting, key=self._waiting.__getitem__):
            _finish(future)


class Turn:
    """One call's turn to get a frame: its place in the line, until leave()."""

    def __init__(self) -> None:
        self._place = next(_places)
        self._readiness: Readiness | None = None

    def join(self, descriptor: int) -> bool:
        """Whether others wait for the descriptor already."""
        self._readiness = Readiness.of(descriptor)
        return self._readiness.join(self._place)

    async def wait(self, descriptor: int, deadline: float | None) -> None:
        """Until the descriptor can be read, or the deadline passes."""
        if self._readiness is None:
            self.join(descriptor)
        assert self._readiness is not None
        await self._readiness.wait(deadline, self._place)

    def leave(self) -> None:
        """The call is at its end."""
        if self._readiness is not None:
            self._readiness.leave(self._place)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
