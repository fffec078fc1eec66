# SPDX-License-Identifier: LGPL-2.1-or-later
"""What subscribers of any content have in common: waiting, asyncio, ending, and who they are."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from . import _native
from ._aio import Readiness, Turn
from ._announced import Announced, Announcement
from ._arguments import folder, limit, text
from ._copying import not_copied
from ._formats import SubscriberMode
from ._log import WARNING
from ._log import emit as tell
from .errors import Closed, EndOfStream, Forked, FrameTimeout, InvalidArgument, PublisherGone

if TYPE_CHECKING:
    from typing_extensions import Self

OnGone = Literal["raise", "wait"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Reader(Announced, Generic[Item]):
    """Base of `Subscriber` and `PacketSubscriber`."""

    _handle: _native.Reader | None = None
    _one = ""  # What comes, in a sentence; and the names of two counts of it.
    _received = ""
    _last_pts = ""

    def __init__(
        self,
        key: str,
        consumer_name: str | None,
        mode: SubscriberMode,
        directory: str | os.PathLike[str] | None,
        on_gone: OnGone,
    ) -> None:
        if not isinstance(mode, SubscriberMode):
            raise InvalidArgument(f"mode is a SubscriberMode, not {mode!r}")
        if on_gone not in ("raise", "wait"):
            raise InvalidArgument(f'on_gone is "raise" or "wait", not {on_gone!r}')
        self._key = text("key", key)
        self._name = text("consumer_name", consumer_name or "") or os.path.basename(sys.argv[0] or "") or "python"
        self._mode = mode
        self._named_directory = folder(directory)
        self._directory = self._named_directory or _native.default_directory()
        self._count_lock = threading.Lock()
        self._counts = {self._received: 0, "timeouts": 0, "errors": 0, "last_seq": 0, "gap_count": 0, self._last_pts: 0}
        self._last_stats: dict[str, Any] = {}
        self._suspended_at = 0.0
        self._wait_told = False
        self._announced: tuple[tuple[int, int], Announcement] | None = None  # And whose that is.

    def _take(self, timeout_ms: int) -> Item:
        """What comes next, waiting for it so long."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------- waiting

    def connect(self, timeout_ms: int = -1, *, timeout: float | None = None) -> Self:
        """Waits until a publisher has admitted us, and takes no frame: so many milliseconds, or `timeout` seconds; for
        ever where neither is given. Returns this subscriber.

        PublisherGone: none came in time. RingFull, AccessDenied, ProtocolMismatch, OtherContent: it refused us, and said
        why.
        """
        timeout_ms = limit(timeout_ms, timeout)
        try:
            self._patiently(self._open().connect, timeout_ms)
        except FrameTimeout:
            raise self._no_publisher(timeout_ms) from None
        return self

    def _connected(self, timeout_ms: int) -> Self:
        """`connect()`, or closed."""
        try:
            return self.connect(timeout_ms)
        except BaseException:
            self.close()
            raise

    def _next(self, timeout_ms: int, timeout: float | None = None) -> Item:
        timeout_ms = limit(timeout_ms, timeout)
        try:
            return self._patiently(self._take, timeout_ms)
        except FrameTimeout:
            self._count(timeouts=1)
            raise
        except EndOfStream:
            raise
        except Exception:
            self._count(errors=1)
            raise

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        try:
            return self._next(-1)
        except EndOfStream:
            raise StopIteration from None

    # ------------------------------------------------------------------------------------------------- asyncio

    async def connect_async(self, timeout_ms: int = -1, *, timeout: float | None = None) -> Self:
        """`connect()` for asyncio: waits without blocking the loop."""
        timeout_ms = limit(timeout_ms, timeout)
        deadline, turn, patience = _deadline(timeout_ms), Turn(), Patience()
        try:
            while True:
                try:
                    self._open().connect(0)
                    return self
                except FrameTimeout:
                    if _passed(deadline):
                        raise self._no_publisher(timeout_ms) from None
                await self._readable(turn, patience.before(deadline))
                if patience.is_at_its_end():
                    self._tell_of_wait()
        finally:
            turn.leave()

    async def _next_async(self, timeout_ms: int, timeout: float | None = None) -> Item:
        timeout_ms = limit(timeout_ms, timeout)
        deadline, turn, patience = _deadline(timeout_ms), Turn(), Patience()
        try:
            await self._let_others_go_first(turn)
            while True:
                try:
                    return self._take(0)
                except FrameTimeout:
                    if _passed(deadline):
                        self._count(timeouts=1)
                        raise FrameTimeout(f'no {self._one} of "{self._key}" within {timeout_ms} ms') from None
                except EndOfStream:
                    raise
                except Exception:
                    self._count(errors=1)
                    raise
                await self._readable(turn, patience.before(deadline))
                if patience.is_at_its_end():
                    self._tell_of_wait()
        finally:
            turn.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            return await self._next_async(-1)
        except EndOfStream:
            raise StopAsyncIteration from None

    async def _let_others_go_first(self, turn: Turn) -> None:
        # Where one is always there nothing else lets the loop run; to do it each time is a system call for each.
        descriptor = self._open().descriptor
        others = descriptor >= 0 and turn.join(descriptor)
        now = time.monotonic()
        if others or now - self._suspended_at > 0.01:
            self._suspended_at = now
            await asyncio.sleep(0)

    async def _readable(self, turn: Turn, deadline: float | None) -> None:
        native = self._open()
        descriptor = native.descriptor
        self._suspended_at = time.monotonic()
        native.count_tasks(1)
        try:
            await turn.wait(native.fileno() if descriptor < 0 else descriptor, deadline)
        finally:
            native.count_tasks(-1)

    # ------------------------------------------------------------------------------------------------- ending

    def close(self) -> None:
        """Detaches. What was taken stays valid. May be called again, and from any thread."""
        native = self._handle
        if native is not None and not native.closed:
            with contextlib.suppress(Forked):
                self._last_stats = self.stats()
            # In this order: whom forget() wakes finds it closed, however soon he looks, and does not wait again for a
            # descriptor that is not there any more a moment later.
            native.shut()
            Readiness.forget(native.descriptor)
            native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._handle is not None and not self._handle.closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            self._handle.close()

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def key(self) -> str:
        """The publisher's name."""
        return self._key

    @property
    def consumer_name(self) -> str:
        """The name that the publisher sees."""
        return self._name

    @property
    def mode(self) -> SubscriberMode:
        """NEWEST_ONLY or STRICT_ORDER."""
        return self._mode

    @property
    def directory(self) -> str:
        """Where the sockets are."""
        return self._directory

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._handle is None or self._handle.closed

    @property
    def timeouts(self) -> int:
        """Calls that ended with FrameTimeout."""
        return self._counts["timeouts"]

    @property
    def errors(self) -> int:
        """Calls that ended with another error than FrameTimeout and EndOfStream."""
        return self._counts["errors"]

    @property
    def last_seq(self) -> int:
        """Sequence number of the last one; 0: none yet."""
        return self._counts["last_seq"]

    @property
    def gap_count(self) -> int:
        """How many were passed over or lost: exact, from the publisher's own numbers."""
        return self._counts["gap_count"]

    def stats(self) -> dict[str, Any]:
        """A snapshot, ready for JSON."""
        raise NotImplementedError

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "it belongs to its process: give the key, and subscribe there")

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self._counts[self._received]} {self._one}s"
        return f"<cuframes.{type(self).__name__} {self._key!r} {self._mode.name} {state} at {id(self):#x}>"

    # ------------------------------------------------------------------------------------------------- inside

    def _announcement(self) -> Announcement | None:
        try:
            native = self._open().stats()
        except (Closed, Forked):
            return None
        if native["state"] not in ("attached", "ended"):
            return None
        if self._announced and self._announced[0] == (native["reconnects"], native["epoch"]):
            return self._announced[1]
        return Announcement.of_publisher(self._key, self._named_directory)

    def _announces(self, epoch: int, announcement: Announcement) -> None:
        """What was taken is the first of this generation, or of these caps."""
        self._announced = ((self._open().stats()["reconnects"], epoch), announcement)

    def _open(self) -> _native.Reader:
        if self._handle is None:
            raise Closed(f'the subscriber of "{self._key}" is closed')
        return self._handle

    def _stats(self, *names: str) -> dict[str, Any]:
        counts = dict(self._counts)
        try:
            native = self._open().stats()
        except Closed:
            return {**self._last_stats, **counts}
        return {**counts, **{name: native[name] for name in names}}

    def _patiently(self, step: Callable[[int], Result], timeout_ms: int) -> Result:
        """`step(timeout_ms)`, which may raise FrameTimeout, and a word in the log once patience is at its end."""
        if 0 <= timeout_ms <= Patience.milliseconds:
            return step(timeout_ms)
        deadline = _deadline(timeout_ms)
        try:
            return step(Patience.milliseconds)
        except FrameTimeout:
            self._tell_of_wait()
        try:
            return step(-1 if deadline is None else max(0, math.ceil((deadline - time.monotonic()) * 1000)))
        except FrameTimeout as error:
            message = f'nothing from the publisher of "{self._key}" within {timeout_ms} ms'
            raise FrameTimeout(message, error.code) from None

    def _tell_of_wait(self) -> None:
        """Who waits for a publisher that does not come has perhaps another key or directory than it: he is told which. Once,
        until one has come."""
        if self._wait_told:
            return
        with contextlib.suppress(Closed, Forked):
            if self._open().stats()["state"] in ("waiting", "gone"):
                self._wait_told = True
                tell(WARNING, f'waiting for "{self._key}" in {self._directory}: no publisher has come yet')

    def _no_publisher(self, timeout_ms: int) -> PublisherGone:
        return PublisherGone(
            f'no publisher of "{self._key}" came to {self._directory} within {timeout_ms} ms; '
            "start it, or check key and directory"
        )

    def _taken(self, sequence: int, missed: int, pts_ns: int) -> None:
        if Readiness.used:
            Readiness.nudge(self._open().descriptor)
        self._wait_told = False
        with self._count_lock:
            self._counts[self._received] += 1
            self._counts["gap_count"] += missed
            self._counts["last_seq"] = sequence
            self._counts[self._last_pts] = pts_ns

    def _count(self, **increments: int) -> None:
        with self._count_lock:
            for name, increment in increments.items():
                self._counts[name] += increment


class Patience:
    """How long a wait for a publisher goes on without a word."""

    milliseconds = 2000

    def __init__(self) -> None:
        self._ends: float | None = time.monotonic() + self.milliseconds / 1000

    def before(self, deadline: float | None) -> float | None:
        """The end of patience, until it was there, or the deadline, whichever comes first."""
        ends = [one for one in (self._ends, deadline) if one is not None]
        return min(ends, default=None)

    def is_at_its_end(self) -> bool:
        """Once, when it has come."""
        if self._ends is None or time.monotonic() < self._ends:
            return False
        self._ends = None
        return True


def _deadline(timeout_ms: int) -> float | None:
    return None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000


def _passed(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
