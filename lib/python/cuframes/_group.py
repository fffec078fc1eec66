# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several cameras at once: sets of frames that were captured at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import select
import threading
import time
import warnings
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _log, _native
from ._aio import Turn
from ._alignment import Alignment
from ._arguments import count, limit, seconds
from ._batch import Batch
from ._camera import SECOND, Camera
from ._copying import not_copied
from ._formats import SubscriberMode
from ._poller import Poller
from ._reader import OnGone
from ._subscriber import Release, Subscriber
from .errors import EndOfStream, Forked, FrameTimeout, InvalidArgument, PublisherGone

if TYPE_CHECKING:
    from typing_extensions import Self

_CONNECT_TIMEOUT = 1.0
_TELL_AFTER = 2 * SECOND


class Group:
    """Cameras whose frames come in sets, by the time of their capture. An iterator of `Batch`, and the same for asyncio.

    `group()` makes one and waits for its cameras; this constructor takes the same arguments, and never blocks: the first set
    asked for connects. For asyncio that is the one to use.

        with cuframes.group(["cam-1", "cam-2"], within=0.02) as group:
            for batch in group:
                left, right = batch.frames

    A set is the newest that there is: older ones are passed over, and counted. Each frame is in one set at most, and the
    sets come at the rate of the slowest camera. One that is late has None in its place: it can hold up the others by `wait`,
    and one that has died, or is overdue when two sets came without it, holds up nobody. It is in the sets again with the
    first frame it brings, in whatever size.

    Iteration, and `async for`, end when all cameras have ended their streams. Where none is left and one of them died,
    `PublisherGone` is raised; a further call then waits for the next ones.

    Threads: none of its own. One thread or task at a time asks for sets; it sleeps on one descriptor for all cameras, with
    the interpreter lock released, and Ctrl-C ends that. Any thread may call `close()`, upon which that one raises `Closed`.
    After fork() every call raises `Forked`.
    """

    _cameras: Sequence[Camera] = ()

    def __init__(
        self,
        keys: Iterable[str],
        within: float | None = None,
        *,
        wait: float | None = None,
        mode: SubscriberMode = SubscriberMode.NEWEST_ONLY,
        connect_timeout: float | None = _CONNECT_TIMEOUT,
        max_held: int = 8,
        consumer_name: str | None = None,
        cuda_device: int = 0,
        consumer_stream: object = 0,
        directory: str | os.PathLike[str] | None = None,
        on_gone: OnGone = "raise",
        release: Release | None = None,
    ) -> None:
        """
        keys: the cameras, each once. OtherContent, when it connects: one of them carries packets.
        within: seconds; no two frames of a set were captured further apart. Cameras that are not triggered together need one
            interval of the slowest. None: that and a quarter, as it is measured, so that every camera fits.
        wait: seconds that a set waits for a camera that is late, from when its first frame was published. `math.inf`: as
            long as it takes, so that every set is complete. None: as long as the cameras' rates and delays ask for, half a
            second at most: for cameras of equal delay one interval and `within`. Cameras whose frames come less often than
            that (of None: four times a second) are waited for when a frame of theirs is due, and are None in the sets
            between.
        mode: NEWEST_ONLY, or STRICT_ORDER: each frame of the first camera has a set, in order, with the frames of the others
            that are nearest.
        connect_timeout: seconds in which all cameras should have come; then sets begin without those that have not. None:
            for ever.
        max_held: frames of each camera, 2 to 64, that wait for those of the others at most; of more than that the oldest
            goes. A camera may come later than another by one frame less. What is in your sets comes on top.
        on_gone: "raise" `PublisherGone` when the last camera dies, or "wait" for the next one.

        The others are those of `Subscriber`, the same for all cameras.
        """
        self._keys = _checked_keys(keys)
        if on_gone not in ("raise", "wait"):
            raise InvalidArgument(f'on_gone is "raise" or "wait", not {on_gone!r}')
        if not isinstance(mode, SubscriberMode):
            raise InvalidArgument(f"mode is a SubscriberMode, not {mode!r}")
        most = count("max_held", max_held, 2, _native.MAX_HELD)
        apart = None if within is None else seconds("within", within)
        patience = None if wait is None else _patience(wait)
        self._connect_timeout = _seconds_or_ever("connect_timeout", connect_timeout)
        self._on_gone = on_gone
        self._mode = mode
        cameras: list[Camera] = []
        self._cameras = cameras
        # It must not hold this group, which would then only go with the next collection.
        self._poller = Poller(f"the group of {self._names()}", lambda: _let_go(cameras))
        self._ending = threading.Lock()
        self._began = False
        self._tell_at = math.inf  # Who has not come by then is told of.
        self._counts = {"sets": 0, "complete": 0, "timeouts": 0}
        self._last_stats: dict[str, Any] = {}
        try:
            self._subscribe(
                cameras,
                most,
                consumer_name=consumer_name,
                mode=mode,
                cuda_device=cuda_device,
                consumer_stream=consumer_stream,
                directory=directory,
                release=release,
            )
        except BaseException:
            self.close()
            raise
        self._alignment = Alignment(self._cameras, apart, patience, mode is SubscriberMode.STRICT_ORDER)

    def _subscribe(self, cameras: list[Camera], most: int, **options: Any) -> None:
        for key in self._keys:
            cameras.append(Camera(Subscriber(key, **options), most))
            self._poller.watch(cameras[-1].descriptor)
        self._by_descriptor = {camera.descriptor: camera for camera in cameras}

    # ------------------------------------------------------------------------------------------------- sets

    def next(self, timeout: float | None = None) -> Batch:
        """The next set. Waits for it so many seconds; None: for ever.

        FrameTimeout: there was none in time. EndOfStream: all cameras have ended; a further call waits for what follows.
        PublisherGone: none is left. LeasesExhausted: you hold so many sets that a camera can spare no frame. RingFull,
        AccessDenied, ProtocolMismatch, OtherContent: a camera refuses us, and says why; a further call tries again.
        """
        end = _deadline(timeout)
        with self._poller.turn():
            self._begin()
            while (batch := self._advance(end)) is None:
                self._take(self._poller.ready(self._seconds_left(end)))
            return batch

    async def next_async(self, timeout: float | None = None) -> Batch:
        """`next()` for asyncio: waits with no thread. May be cancelled at any time."""
        end = _deadline(timeout)
        with self._poller.turn():
            turn = Turn()
            try:
                await asyncio.sleep(0)  # Where sets are always there nothing else lets the loop run.
                self._begin()
                while (batch := self._advance(end)) is None:
                    self._take(await self._poller.ready_async(turn, self._seconds_left(end)))
                return batch
            finally:
                turn.leave()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        try:
            return self.next()
        except EndOfStream:
            raise StopIteration from None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        try:
            return await self.next_async()
        except EndOfStream:
            raise StopAsyncIteration from None

    def _begin(self) -> None:
        """What came since the last call is taken, by whatever camera: one of them alone is no set."""
        if not self._began:
            self._began = True
            self._tell_at = time.monotonic_ns() + _TELL_AFTER
            self._alignment.begin(time.monotonic_ns(), self._connect_timeout)
            self._take(list(self._by_descriptor))
        self._take(self._poller.ready())

    def _take(self, descriptors: Iterable[int]) -> None:
        for descriptor in descriptors:
            camera = self._by_descriptor[descriptor]
            if self._mode is SubscriberMode.STRICT_ORDER and camera is self._cameras[0] and camera.is_full:
                self._poller.pause(descriptor)  # Every frame of it has its set: it is read on when there is room.
            else:
                camera.take()

    def _advance(self, end: float) -> Batch | None:
        """The next set, if it is there."""
        now = time.monotonic_ns()
        frames = self._alignment.choose(now)
        if frames is not None:
            self._poller.resume(self._cameras[0].descriptor)
            return self._batch(frames)
        if self._alignment.is_at_end(now):
            self._end()
        if now >= self._tell_at:
            self._tell_of_wait()
        if now >= end:
            self._counts["timeouts"] += 1
            raise FrameTimeout(f"no set of {self._names()} in the time given; stats() says who brings none")
        return None

    def _batch(self, frames: tuple[Any, ...]) -> Batch:
        times = [frame.pts_ns for frame in frames if frame]
        batch = Batch(self._keys, frames, times[0] if self._mode is SubscriberMode.STRICT_ORDER else min(times))
        self._counts["sets"] += 1
        self._counts["complete"] += batch.complete
        return batch

    def _end(self) -> None:
        """No camera is left: that is told once."""
        gone = [camera.subscriber.key for camera in self._cameras if camera.state == "gone"]
        if gone and self._on_gone == "wait":
            return
        self._began = False
        if gone:
            raise PublisherGone(f"the publishers of {self._names()} are gone, or have ended; {gone[0]} died")
        raise EndOfStream(f"all of {self._names()} have ended their streams")

    def _tell_of_wait(self) -> None:
        self._tell_at = math.inf
        for camera in self._cameras:
            if camera.state == "waiting":
                where = f'"{camera.subscriber.key}" in {camera.subscriber.directory}'
                _log.emit(_log.WARNING, f"group: waiting for {where}: nobody publishes it")

    def _seconds_left(self, end: float) -> float | None:
        until = min(end, self._alignment.deadline, self._tell_at)
        return None if until == math.inf else max(0.0, (until - time.monotonic_ns()) / SECOND)

    # ------------------------------------------------------------------------------------------------- connecting

    def _connected(self) -> Self:
        """Waits until all cameras have admitted us, as long as that was allowed to take."""
        end = time.monotonic() + self._connect_timeout
        tell_at = time.monotonic() + _TELL_AFTER / SECOND
        missing = list(self._cameras)
        poller = select.poll()
        for camera in missing:
            poller.register(camera.descriptor, select.POLLIN)
        while True:
            for camera in list(missing):
                with contextlib.suppress(FrameTimeout, PublisherGone):
                    camera.subscriber._open().connect(0)
                    camera.attached(time.monotonic_ns())
                    missing.remove(camera)
                    poller.unregister(camera.descriptor)
            now = time.monotonic()
            if not missing or now >= end:
                return self
            if now >= tell_at:
                tell_at = math.inf
                self._tell_of_wait()
            left = min(end, tell_at) - now
            poller.poll(None if left == math.inf else math.ceil(left * 1000))

    # ------------------------------------------------------------------------------------------------- ending

    def close(self) -> None:
        """Detaches from all cameras. Sets that were taken stay valid. May be called again, and from any thread."""
        with self._ending:
            if self.closed:
                return
            if len(self._cameras) == len(self._keys):
                with contextlib.suppress(Forked):
                    self._last_stats = self.stats()
            self._poller.close()
        self._poller.dismantle()

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
        if self._cameras and not self.closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            self.close()

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def keys(self) -> tuple[str, ...]:
        """The cameras, in the order of each set."""
        return self._keys

    @property
    def within(self) -> float:
        """Seconds; no two frames of a set are further apart. Where none was given, as it is now."""
        return self._alignment.within / 1e9

    @property
    def mode(self) -> SubscriberMode:
        """NEWEST_ONLY or STRICT_ORDER."""
        return self._mode

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """Those of the cameras, for what they tell of their rings. Take no frames of them."""
        return tuple(camera.subscriber for camera in self._cameras)

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._poller.closed

    def stats(self) -> dict[str, Any]:
        """A snapshot, ready for JSON: `sets`, `complete` ones, `timeouts`, and `cameras`, by their keys, each with

        received (frames taken), used (that were in a set), late (taken, too late for one), skipped (in none, as newer ones
        served; those passed over in the ring and lost there included), missing (sets without it), restarts (publishers
        after the first), held (frames that wait now), interval (seconds from frame to frame), lag (seconds from capture to
        publishing), and state: "waiting", "live", "ended" or "gone". Of a closed group the last ones.
        """
        if self.closed:
            return self._last_stats
        return {**self._counts, "cameras": {camera.subscriber.key: camera.stats() for camera in self._cameras}}

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "it belongs to its process: give the keys, and make a group there")

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self._counts['sets']} sets"
        return f"<cuframes.Group of {len(self._keys)} cameras, {state} at {id(self):#x}>"

    def _names(self) -> str:
        few = ", ".join(f'"{key}"' for key in self._keys[:3])
        return f"{few} and {len(self._keys) - 3} more" if len(self._keys) > 3 else few


def _let_go(cameras: Iterable[Camera]) -> None:
    for camera in cameras:
        camera.clear()
        camera.subscriber.close()


def _checked_keys(keys: object) -> tuple[str, ...]:
    if isinstance(keys, (str, bytes)) or not isinstance(keys, Iterable):
        raise TypeError(f"keys are those of the cameras, as [{keys!r}], not {keys!r}")
    found = tuple(keys)
    if not found:
        raise InvalidArgument("a group has one key at least")
    for key in found:
        if not isinstance(key, str):
            raise TypeError(f"a key is text, not {key!r}")
        if found.count(key) > 1:
            raise InvalidArgument(f'"{key}" is in the group twice: each camera has one frame in a set')
    return found


def _patience(wait: object) -> float:
    """Nanoseconds, or infinity."""
    return math.inf if wait == math.inf else seconds("wait", wait)


def _seconds_or_ever(name: str, value: object) -> float:
    milliseconds = limit(-1, value, name)
    return math.inf if milliseconds < 0 else milliseconds / 1000


def _deadline(timeout: object) -> float:
    milliseconds = limit(-1, timeout)
    return math.inf if milliseconds < 0 else time.monotonic_ns() + milliseconds * 1_000_000


def group(
    keys: Iterable[str],
    within: float | None = None,
    *,
    wait: float | None = None,
    mode: SubscriberMode = SubscriberMode.NEWEST_ONLY,
    connect_timeout: float | None = _CONNECT_TIMEOUT,
    max_held: int = 8,
    consumer_name: str | None = None,
    cuda_device: int = 0,
    consumer_stream: object = 0,
    directory: str | os.PathLike[str] | None = None,
    on_gone: OnGone = "raise",
    release: Release | None = None,
) -> Group:
    """Subscribes to several cameras, for sets of frames that were captured at the same time.

    Waits until all of them have admitted us, `connect_timeout` seconds at most (None: for ever); who comes later is in the
    sets from then on. The arguments are those of `Group`. Blocks with the interpreter lock released; Ctrl-C ends it.
    RingFull, AccessDenied, ProtocolMismatch, OtherContent: a camera refused us, and said why.
    """
    made = Group(
        keys,
        within,
        wait=wait,
        mode=mode,
        connect_timeout=connect_timeout,
        max_held=max_held,
        consumer_name=consumer_name,
        cuda_device=cuda_device,
        consumer_stream=consumer_stream,
        directory=directory,
        on_gone=on_gone,
        release=release,
    )
    try:
        return made._connected()
    except BaseException:
        made.close()
        raise
