# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for a descriptor in asyncio: no thread, any number of tasks, cancelled at any time."""

from __future__ import annotations

import asyncio
import time
import weakref


class Readiness:
    """A descriptor that tasks of one event loop wait on.

    A loop takes one reader for each descriptor, and several tasks may want frames of one subscriber: the reader is shared,
    and is there only while somebody waits.
    """

    used = False
    """Whether asyncio ever waited in this process: others need not care for it before."""

    _loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Readiness]] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._waiting: set[asyncio.Future[None]] = set()

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

    async def wait(self, deadline: float | None) -> None:
        """Until the descriptor can be read, or the deadline (of time.monotonic()) passes."""
        future = self._loop.create_future()
        if not self._waiting:
            self._loop.add_reader(self._descriptor, self._wake)
        self._waiting.add(future)
        timer = None
        if deadline is not None:
            timer = self._loop.call_later(max(0.0, deadline - time.monotonic()), _finish, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            self._leave(future)

    def _wake(self) -> None:
        # One frame may come for many tasks: all look, one gets it, the others wait again.
        for future in tuple(self._waiting):
            _finish(future)

    def _leave(self, future: asyncio.Future[None]) -> None:
        self._waiting.discard(future)
        if not self._waiting and self._loops.get(self._loop, {}).pop(self._descriptor, None) is self:
            self._loop.remove_reader(self._descriptor)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
