# SPDX-License-Identifier: LGPL-2.1-or-later
"""Subscribing: frames of a publisher in another process."""

from __future__ import annotations

import os
from typing import Any, Literal

from . import _native
from ._announced import Announcement
from ._arguments import count, limit, whole
from ._dlpack import stream_number
from ._formats import PixelFormat, SubscriberMode
from ._frame import Frame
from ._reader import OnGone, Reader
from .errors import InvalidArgument

Release = Literal["streams", "context"]

#: As in cuframes_release.
_RELEASES: dict[str | None, int] = {None: 0, "streams": 1, "context": 2}


class Subscriber(Reader[Frame]):
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

    _handle: _native.Subscriber
    _one = "frame"
    _received = "frames_received"
    _last_pts = "last_frame_pts_ns"

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
        super().__init__(key, consumer_name, mode, directory, on_gone)
        self._last_epoch = 0
        if release not in _RELEASES:
            raise InvalidArgument(f'release is "streams", "context" or None, not {release!r}')
        cuda_device = whole("cuda_device", cuda_device, "a GPU, or -1")
        if not -1 <= cuda_device < 2**31:
            raise InvalidArgument(f"cuda_device is a GPU's number, or -1 for the ring's own, not {cuda_device}")
        if max_held is not None:
            max_held = count("max_held", max_held, 1, _native.MAX_HELD, ", or None for as many as it takes")
        self._cuda_device = cuda_device
        self._consumer_stream = _stream_address(consumer_stream)
        self._max_held = max_held
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

    def next_frame(self, timeout_ms: int = -1, *, timeout: float | None = None) -> Frame:
        """The next frame: the newest that was not taken, or in STRICT_ORDER the next. Waits for
        it: so many milliseconds, or `timeout` seconds; for ever where neither is given.

        FrameTimeout: none came in time. EndOfStream: the publisher ended, and every frame was delivered; a further call
        waits for what follows. PublisherGone: it died. LeasesExhausted: `max_held` frames are held already, by frames
        or by tensors taken from them.
        """
        return self._next(timeout_ms, timeout)

    async def next_frame_async(self, timeout_ms: int = -1, *, timeout: float | None = None) -> Frame:
        """`next_frame()` for asyncio: waits with no thread. May be cancelled at any time.

        Tasks that wait for frames of one subscriber get them in turn, and other tasks of the loop have theirs even if frames
        are always there.
        """
        return await self._next_async(timeout_ms, timeout)

    def fileno(self) -> int:
        """A descriptor to wait on for input: readable when `next_frame(0)` has something to do.

        From the first wait on, for frames and for the publisher's coming and going; now and then for nothing, which
        `next_frame(0)` tells by FrameTimeout. Not while `max_held` frames are held. Owned by the subscriber.
        """
        return self._open().fileno()

    @property
    def format(self) -> PixelFormat | None:
        """The pixel format of the frames. None: not attached, or the publisher has made no ring yet."""
        said = self._announcement()
        return PixelFormat(said.format) if said else None

    @property
    def memory(self) -> str | None:
        """Where the frames lie: "host" or "cuda". None: not known yet."""
        said = self._announcement()
        return said.memory if said else None

    @property
    def device(self) -> str | None:
        """The same as tensors' libraries say it: "cpu" or "cuda:N". None: not known yet, as with `cuda_device=-1` before the
        first frame."""
        said = self._announcement()
        if said is None or said.device:
            return said.device if said else None
        if said.memory == "host":
            return "cpu"
        return f"cuda:{self._cuda_device}" if self._cuda_device >= 0 else None

    @property
    def cuda_device(self) -> int:
        """GPU on which rings in GPU memory are read; -1: where the ring lies."""
        return self._cuda_device

    @property
    def consumer_stream(self) -> int:
        """Address of the CUstream that was said to read the frames; 0: none in particular."""
        return self._consumer_stream

    @property
    def max_held(self) -> int | None:
        """Frames that may be held at once; None: as many as the ring can spare. `stats()` has the number of the moment."""
        return self._max_held

    @property
    def frames_received(self) -> int:
        """Frames taken so far."""
        return self._counts["frames_received"]

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
        return self._stats("skipped", "lost", "reconnects", "held", "max_held", "publisher_pid", "epoch", "state")

    def _take(self, timeout_ms: int) -> Frame:
        self._open()
        native = self._handle.next(timeout_ms)
        frame = Frame(native, native)
        if self._consumer_stream:
            native.record_stream(self._consumer_stream)
        self._taken(frame.sequence, frame.missed, frame.pts_ns)
        if native.epoch != self._last_epoch:
            self._last_epoch = native.epoch
            self._announces(native.epoch, Announcement.of_frame(frame))
        return frame


def _stream_address(stream: object) -> int:
    try:
        address = stream_number(stream)
    except TypeError as error:
        raise InvalidArgument(f"consumer_stream: {error}") from None
    if address < 0:
        raise InvalidArgument(f"consumer_stream is a CUstream's address or a stream object, not {stream!r}")
    return address


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
    connect_timeout: float | None = None,
) -> Subscriber:
    """Subscribes to a publisher, and waits until it admits us: up to `connect_timeout_ms`, or
    `connect_timeout` in seconds; for ever where neither is given.

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
    return subscriber._connected(limit(connect_timeout_ms, connect_timeout, "connect_timeout"))
