# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one thread or task at a time sleeps on, until any other closes it."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterator

from ._aio import Readiness, Turn
from .errors import Closed, Error, Forked


class Poller:
    """Descriptors that are waited for together, by one thread or task at a time.

    Any thread may close it, upon which that one is woken. `dismantle` is called once, when it is closed and nobody is in
    between any more. `owner`: as errors call it.
    """

    def __init__(self, owner: str, dismantle: Callable[[], None]) -> None:
        self.owner = owner
        self.closed = False
        self._dismantle = dismantle
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.watch(self._wake)

    def watch(self, descriptor: int) -> None:
        self._epoll.register(descriptor, select.EPOLLIN)

    def pause(self, descriptor: int) -> None:
        """It is not waited for until resume()."""
        self._epoll.modify(descriptor, 0)

    def resume(self, descriptor: int) -> None:
        self._epoll.modify(descriptor, select.EPOLLIN)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """The waits of one call."""
        if os.getpid() != self._process:
            raise Forked(f"{self.owner} was made before fork(): make a new one in the child")
        if not self._turn.acquire(blocking=False):
            busy = Error(f"another thread or task waits for {self.owner}; one at a time does")
            raise self._closed() if self.closed else busy
        try:
            if self.closed:
                raise self._closed()
            yield
        finally:
            self._turn.release()
            if self.closed:
                self.dismantle()

    def ready(self, seconds: float | None = 0) -> list[int]:
        """The descriptors that can be read; waits so many seconds for the first; None: for ever."""
        events = [descriptor for descriptor, _ in self._epoll.poll(seconds)]
        if self._wake in events:
            raise self._closed()
        return events

    async def ready_async(self, turn: Turn, seconds: float | None) -> list[int]:
        """The same for asyncio."""
        await turn.wait(self._epoll.fileno(), None if seconds is None else time.monotonic() + seconds)
        return self.ready()

    def close(self) -> None:
        """Wakes who waits. He dismantles it on his way out, or else dismantle() does."""
        # In this order: who is woken dismantles it only once it is closed. After fork() the parent would be woken.
        if os.getpid() == self._process:
            os.eventfd_write(self._wake, 1)
        self.closed = True

    def dismantle(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            if not self._epoll.closed:
                Readiness.forget(self._epoll.fileno())
                self._epoll.close()
                os.close(self._wake)
                self._dismantle()
        finally:
            self._turn.release()

    def _closed(self) -> Closed:
        return Closed(f"{self.owner} is closed")
