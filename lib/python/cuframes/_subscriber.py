# SPDX-License-Identifier: LGPL-2.1-or-later
"""Subscribing: frames of a publisher in another process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from . import _native
from ._aio import Readiness, Turn
from ._arguments import count, milliseconds, whole
from ._copying import not_copied
from ._dlpack import stream_number
from ._formats import SubscriberMode
from ._frame import Frame
from .errors import Closed, EndOfStream, Forked, FrameTimeout, InvalidArgument, PublisherGone

if TYPE_CHECKING:
    from typing_extensions import Self

OnGone = Literal["raise", "wait"]
Release = Literal["streams", "context"]

#: As in cuframes_release.
_RELEASES: dict[str | None, int] = {None: 0, "streams": 1, "context": 2}


class Subscriber:
    """A reader of one publisher's frames.

    `subscribe()` makes one and waits for the publisher; this constructor takes the same arguments but
    `connect_timeout_ms`, and never blocks: the first frame asked for connects. For asyncio that is the one to use.

        with cuframes.subscribe("cam-gate") as subscriber:
            for frame in subscriber:
                luma = torch.from_dlpack(frame.planes[0])

    Iteration, and `async for`, end when the publisher ends its stream. When it dies without a word, `PublisherGone` is
    raised; a further call then waits for the next publisher, as `on_gone="wait"` does without raising.

    Threads: any, and several at once; each frame goes to one of them. `close()` from one wakes the others, which raise
    `Closed`. Blocking calls release the interpreter lock and end with Ctrl-C. After fork() every call raises `Forked`.
    """

    _handle: _native.Subscriber | None = None

    def __init__(
        self,
        key: str,
        consumer_name: str | None = None,
        mode: SubscriberMode = SubscriberMode.NEWEST_ONLY,
        cuda_device: int = 0,
        consumer_stream: object = 0,
        *,
        directory: str | os.PathLike[str] | None = None,
        max_held: int | None = None,
        on_gone: OnGone = "raise",
        release: Release | None = None,
    ) -> None:
        """
        key: the publisher's name, `A-Z a-z 0-9 . _ -`, up to 64.
        consumer_name: shown to the publisher; None: the program's name.
        mode: NEWEST_ONLY skips to the newest frame, STRICT_ORDER gives every one.
        cuda_device: GPU on which rings in GPU memory are read; -1: where the ring lies.
        consumer_stream: CUstream that reads the frames, 0 none in particular: an address, or a stream object. It must live
            as long as the frames.
        directory: where the sockets are; None: as `default_directory()`.
        max_held: frames that may be held at once, 1 to 64; tensors hold their frames. None: as many as you hold, as long as
            the ring can spare them.
        on_gone: "raise" `PublisherGone` when the publisher dies, or "wait" for the next one.
        release: which work on a GPU the end of a frame waits for. "streams": what is queued on `consumer_stream`, on the
            streams that `__dlpack__` was given (torch and cupy name theirs), on those of `Frame.record_stream()`, and on all
            but non-blocking ones. "context": whatever the primary context has in flight, which breaks CUDA graphs that are
            captured meanwhile. None: as the environment variable CUFRAMES_RELEASE says, else "streams".
        """
        if not isinstance(mode, SubscriberMode):
            raise InvalidArgument(f"mode is a SubscriberMode, not {mode!r}")
        if on_gone not in ("raise", "wait"):
            raise InvalidArgument(f'on_gone is "raise" or "wait", not {on_gone!r}')
        if release not in _RELEASES:
            raise InvalidArgument(f'release is "streams", "context" or None, not {release!r}')
        cuda_device = whole("cuda_device", cuda_device, "a GPU, or -1")
        if not -1 <= cuda_device < 2**31:
            raise InvalidArgument(f"cuda_device is a GPU's number, or -1 for the ring's own, not {cuda_device}")
        if max_held is not None:
            max_held = count("max_held", max_held, 1, _native.MAX_HELD, ", or None for as many as it takes")
        self._key = key
        self._name = consumer_name or os.path.basename(sys.argv[0] or "") or "python"
        self._mode = mode
        self._cuda_device = cuda_device
        self._consumer_stream = _stream_address(consumer_stream)
        self._directory = os.fspath(directory) if directory is not None else _native.default_directory()
        self._max_held = max_held
        self._count_lock = threading.Lock()
        self._counts = {"frames_received": 0, "timeouts": 0, "errors": 0, "last_seq": 0}
        self._counts.update(gap_count=0, last_frame_pts_ns=0)
        self._last_stats: dict[str, Any] = {}
        self._suspended_at = 0.0
        self._handle = _native.Subscriber(
            key,
            "" if directory is None else self._directory,
            self._name,
            mode.value,
            max_held or 0,
            on_gone == "raise",
            cuda_device,
            _RELEASES[release],
        )

    # ------------------------------------------------------------------------------------------------- frames

    def connect(self, timeout_ms: int = -1) -> Self:
        """Waits until a publisher has admitted us, and takes no frame. -1: for ever. Returns this subscriber.

        PublisherGone: none came in time. RingFull, AccessDenied, ProtocolMismatch, OtherContent: it refused us, and said
        why.
        """
        timeout_ms = milliseconds(timeout_ms)
        try:
            self._open().connect(timeout_ms)
        except FrameTimeout:
            raise self._no_publisher(timeout_ms) from None
        return self

    def next_frame(self, timeout_ms: int = -1) -> Frame:
        """The next frame: the newest that was not taken, or in STRICT_ORDER the next. Waits for it; -1: for ever.

        FrameTimeout: none came in time. EndOfStream: the publisher ended, and every frame was delivered; a further call
        waits for what follows. PublisherGone: it died. LeasesExhausted: `max_held` frames are held already, by frames
        or by tensors taken from them.
        """
        timeout_ms = milliseconds(timeout_ms)
        try:
            return self._taken(self._open().next(timeout_ms))
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

    def __next__(self) -> Frame:
        try:
            return self.next_frame()
        except EndOfStream:
            raise StopIteration from None

    # ------------------------------------------------------------------------------------------------- asyncio

    async def connect_async(self, timeout_ms: int = -1) -> Self:
        """`connect()` for asyncio: waits without blocking the loop."""
        timeout_ms = milliseconds(timeout_ms)
        deadline, turn = _deadline(timeout_ms), Turn()
        try:
            while True:
                try:
                    self._open().connect(0)
                    return self
                except FrameTimeout:
                    if _passed(deadline):
                        raise self._no_publisher(timeout_ms) from None
                await self._readable(turn, deadline)
        finally:
            turn.leave()

    async def next_frame_async(self, timeout_ms: int = -1) -> Frame:
        """`next_frame()` for asyncio: waits with no thread. May be cancelled at any time.

        Tasks that wait for frames of one subscriber get them in turn, and other tasks of the loop have theirs even if frames
        are always there.
        """
        timeout_ms = milliseconds(timeout_ms)
        deadline, turn = _deadline(timeout_ms), Turn()
        try:
            await self._let_others_go_first(turn)
            while True:
                try:
                    return self._taken(self._open().next(0))
                except FrameTimeout:
                    if _passed(deadline):
                        self._count(timeouts=1)
                        raise FrameTimeout(f'no frame of "{self._key}" within {timeout_ms} ms') from None
                except EndOfStream:
                    raise
                except Exception:
                    self._count(errors=1)
                    raise
                await self._readable(turn, deadline)
        finally:
            turn.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        try:
            return await self.next_frame_async()
        except EndOfStream:
            raise StopAsyncIteration from None

    def fileno(self) -> int:
        """A descriptor to wait on for input: readable when `next_frame(0)` has something to do.

        From the first wait on, for frames and for the publisher's coming and going; now and then for nothing, which
        `next_frame(0)` tells by FrameTimeout. Not while `max_held` frames are held. Owned by the subscriber.
        """
        return self._open().fileno()

    async def _let_others_go_first(self, turn: Turn) -> None:
        # Where a frame is always there nothing else lets the loop run; to do it each time is a system call for a frame.
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
        """Detaches. Frames and tensors that are held stay valid. May be called again, and from any thread."""
        native = self._handle
        if native is not None and not native.closed:
            with contextlib.suppress(Forked):
                self._last_stats = self.stats()
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
    def cuda_device(self) -> int:
        """GPU on which rings in GPU memory are read; -1: where the ring lies."""
        return self._cuda_device

    @property
    def consumer_stream(self) -> int:
        """Address of the CUstream that was said to read the frames; 0: none in particular."""
        return self._consumer_stream

    @property
    def directory(self) -> str:
        """Where the sockets are."""
        return self._directory

    @property
    def max_held(self) -> int | None:
        """Frames that may be held at once; None: as many as the ring can spare. `stats()` has the number of the moment."""
        return self._max_held

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._handle is None or self._handle.closed

    @property
    def frames_received(self) -> int:
        """Frames taken so far."""
        return self._counts["frames_received"]

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
        """Sequence number of the last frame; 0: none yet."""
        return self._counts["last_seq"]

    @property
    def gap_count(self) -> int:
        """Frames that were passed over or lost: exact, from the publisher's own numbers."""
        return self._counts["gap_count"]

    @property
    def last_frame_pts_ns(self) -> int:
        """`pts_ns` of the last frame; 0: none yet."""
        return self._counts["last_frame_pts_ns"]

    def stats(self) -> dict[str, Any]:
        """A snapshot, ready for JSON: the counters above by their names, and

        skipped (NEWEST_ONLY: frames passed over), lost (STRICT_ORDER: frames overwritten before we took them), reconnects
        (publishers after the first), held (frames held now), max_held, publisher_pid (0: none), epoch, and state:
        "waiting", "attached", "ended" or "gone". Of a closed subscriber the last ones.
        """
        counts = dict(self._counts)
        try:
            native = self._open().stats()
        except Closed:
            return {**self._last_stats, **counts}
        names = ("skipped", "lost", "reconnects", "held", "max_held", "publisher_pid", "epoch", "state")
        return {**counts, **{name: native[name] for name in names}}

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "it belongs to its process: give the key, and subscribe there")

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.frames_received} frames"
        return f"<cuframes.Subscriber {self._key!r} {self._mode.name} {state} at {id(self):#x}>"

    # ------------------------------------------------------------------------------------------------- inside

    def _open(self) -> _native.Subscriber:
        if self._handle is None:
            raise Closed(f'the subscriber of "{self._key}" is closed')
        return self._handle

    def _no_publisher(self, timeout_ms: int) -> PublisherGone:
        return PublisherGone(
            f'no publisher of "{self._key}" came to {self._directory} within {timeout_ms} ms; '
            "start it, or check key and directory"
        )

    def _taken(self, native: _native.RingFrame) -> Frame:
        frame = Frame(native, native)
        if Readiness.used:
            Readiness.nudge(self._open().descriptor)
        if self._consumer_stream:
            native.record_stream(self._consumer_stream)
        with self._count_lock:
            self._counts["frames_received"] += 1
            self._counts["gap_count"] += frame.missed
            self._counts["last_seq"] = frame.sequence
            self._counts["last_frame_pts_ns"] = frame.pts_ns
        return frame

    def _count(self, **increments: int) -> None:
        with self._count_lock:
            for name, increment in increments.items():
                self._counts[name] += increment


def _stream_address(stream: object) -> int:
    try:
        address = stream_number(stream)
    except TypeError as error:
        raise InvalidArgument(f"consumer_stream: {error}") from None
    if address < 0:
        raise InvalidArgument(f"consumer_stream is a CUstream's address or a stream object, not {stream!r}")
    return address


def _deadline(timeout_ms: int) -> float | None:
    return None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000


def _passed(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


def subscribe(
    key: str,
    consumer_name: str | None = None,
    mode: SubscriberMode = SubscriberMode.NEWEST_ONLY,
    cuda_device: int = 0,
    connect_timeout_ms: int = -1,
    consumer_stream: object = 0,
    *,
    directory: str | os.PathLike[str] | None = None,
    max_held: int | None = None,
    on_gone: OnGone = "raise",
    release: Release | None = None,
) -> Subscriber:
    """Subscribes to a publisher, and waits until it admits us: up to `connect_timeout_ms`, -1: for ever.

    The other arguments are those of `Subscriber`. Blocks with the interpreter lock released; Ctrl-C ends it.
    PublisherGone: no publisher came in time. RingFull, AccessDenied, ProtocolMismatch, OtherContent: it refused us, and
    said why.
    """
    subscriber = Subscriber(
        key,
        consumer_name,
        mode,
        cuda_device,
        consumer_stream,
        directory=directory,
        max_held=max_held,
        on_gone=on_gone,
        release=release,
    )
    try:
        return subscriber.connect(milliseconds(connect_timeout_ms))
    except BaseException:
        subscriber.close()
        raise
