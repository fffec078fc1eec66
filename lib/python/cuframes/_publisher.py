# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishing: frames for readers in other processes."""

from __future__ import annotations

import os
import threading
import time
from fractions import Fraction
from typing import Any, Literal

from . import _native
from ._arguments import bits, count, nanoseconds, pixel_format, text, whole
from ._dlpack import STREAM_LEGACY, CapsuleType, is_gpu, stream_number
from ._formats import PixelFormat
from ._given import Given, Steps, given_by
from ._incoming import (
    caps_moved,
    caps_text,
    check_numbers,
    compact_on_gpu,
    guess_format,
    has_channels_first,
    readable_capsule_of,
    size_of,
)
from ._slot import Slot
from ._writer import Policy, Writer
from .errors import InvalidArgument

Memory = Literal["auto", "host", "cuda"]


class Publisher(Writer):
    """The one publisher of a key: owns a ring of slots that any number of readers map.

    `publish()` makes one. The layout of the frames is set by `configure()`, by the arguments of `publish()`, or by the
    first tensor that is sent; a later `configure()` starts a new generation, and readers follow by themselves.

    Leaving its `with` block ends the stream, so that readers' loops end after the last frame; an exception that leaves it
    does not, and readers learn that the publisher is gone.

    Threads: any. Blocking calls release the interpreter lock and end with Ctrl-C. Readers keep the frames they hold when
    this process dies. After fork() every call raises `Forked`.
    """

    _handle: _native.Publisher | None = None

    def __init__(
        self,
        key: str,
        *,
        format: PixelFormat | str | None = None,
        width: int | None = None,
        height: int | None = None,
        memory: Memory = "auto",
        cuda_device: int = -1,
        slots: int | None = None,
        max_slots: int = _native.DEFAULT_MAX_SLOTS,
        policy: Policy = "drop",
        wait_timeout_ms: int = _native.DEFAULT_WAIT_TIMEOUT_MS,
        max_subscribers: int = _native.DEFAULT_MAX_SUBSCRIBERS,
        access: str = "user",
        directory: str | os.PathLike[str] | None = None,
        framerate: Fraction | float | None = None,
        caps: str | None = None,
        wait_timeout: float | None = None,
    ) -> None:
        """
        key: the name that readers ask for, `A-Z a-z 0-9 . _ -`, up to 64. KeyInUse: a live publisher has it.
        format, width, height: of the frames, by GStreamer's name or FFmpeg's; with all three the ring is there at once.
        memory: "host", "cuda", or "auto": where the first tensor is ("host" if the ring is made before).
        cuda_device: GPU of a ring in GPU memory; -1: that of the first tensor, else 0.
        slots: frames the ring holds; None: at least 8, and more as readers come and hold more, up to `max_slots`. With a
            number, 3 to 128, those held by all readers plus 2 must fit.
        policy: "drop" never waits for readers; "wait" waits up to `wait_timeout_ms`, or `wait_timeout` seconds, for those in
            STRICT_ORDER.
        access: who may read: "user", "group:NAME" or "all".
        directory: where the socket goes; None: as `default_directory()`.
        framerate: frames per second, for the caps that pipelines see; None: unknown.
        caps: the whole caps, if not those of format, size and rate.
        """
        common = self._options(key, directory, access, policy, wait_timeout_ms, max_subscribers, wait_timeout)
        if slots is not None:
            slots = count(
                "slots",
                slots,
                _native.MIN_RING_SLOTS,
                _native.MAX_RING_SLOTS,
                ", or None for a ring that grows by itself",
            )
        max_slots = count("max_slots", max_slots, _native.MIN_RING_SLOTS, _native.MAX_RING_SLOTS)
        if memory not in ("auto", "host", "cuda"):
            raise InvalidArgument(f'memory is "auto", "host" or "cuda", not {memory!r}')
        self._format = None if format is None else pixel_format(format)
        self._memory: Memory = memory
        self._cuda_device = whole("cuda_device", cuda_device, "a GPU, or -1")
        self._framerate = framerate
        self._caps = None if caps is None else text("caps", caps)
        self._layout: tuple[object, ...] | None = None
        self._made_caps = ""
        self._steps = Steps()
        self._follows_tensors = True
        self._following = threading.Lock()
        self._last_sent: tuple[object, PixelFormat] | None = None
        self._handle = _native.Publisher(slots=slots or 0, max_slots=max_slots, **common)
        if self._format is not None and width is not None and height is not None:
            try:
                kind: Memory = "cuda" if memory == "cuda" else "host"
                self.configure(self._format, width, height, memory=kind, cuda_device=cuda_device)
            except BaseException:
                self.close()
                raise
        elif width is not None or height is not None:
            self.close()
            raise InvalidArgument("format, width and height go together; or give none and send a tensor")

    # ------------------------------------------------------------------------------------------------- frames

    def configure(
        self,
        format: PixelFormat | str,
        width: int,
        height: int,
        *,
        memory: Memory = "host",
        cuda_device: int = -1,
        framerate: Fraction | float | None = None,
        caps: str | None = None,
    ) -> None:
        """Starts a ring of such frames: new memory, which readers go over to after the last frame of the old.

        InvalidArgument: a format without tensors of its pixels, or a size of 0. DeviceLost: no such GPU, or its memory
        cannot be shared here. OutOfMemory.
        """
        self._follows_tensors = False
        rate = self._framerate if framerate is None else framerate
        self._configure(pixel_format(format), width, height, memory == "cuda", cuda_device, rate, caps or self._caps)

    def acquire(self, *, wait: bool = True) -> Slot:
        """A slot to write into. NoFreeSlot: readers or this process hold all; drop the frame, or try again.
        InvalidArgument: nobody has said which frames yet.

        Under policy "wait" it waits for readers in STRICT_ORDER first, unless `wait` is False.
        """
        native = self._open()
        if self._layout is None and not native.closed:
            raise InvalidArgument(
                f'"{self._key}" has no frames yet: give publish() format, width and height, call configure(), '
                "or send() a tensor first"
            )
        return Slot(native.acquire(bool(wait)), self._made_caps)

    def send(
        self,
        source: Any,
        *,
        format: PixelFormat | str | None = None,
        pts: int | None = None,
        duration: int | None = None,
        flags: int = 0,
        stream: object = None,
    ) -> bool:
        """Copies a frame into the ring, once, and publishes it. False: no slot was free; the frame counts as dropped.

        source: a tensor of any library that speaks DLPack, a sequence of one for each plane, a frame, an `av.VideoFrame` or
            an image of Pillow's. Shapes as `Plane` gives them; interleaved chroma may be `(rows, 2 * columns)`, formats
            whose planes have rows of the same length may come as one tensor of all rows, `(H * 3 / 2, W)` for NV12, and
            pictures with their channels first, `(3, H, W)`. Strides may be any: mirrored, turned, every second pixel.
        format: of the first frame, if `publish()` was not told; GStreamer's name or FFmpeg's (`"bgr24"`). Without, it is
            that of a frame or picture that brings its own, else that of the tensors before if these have the same form,
            else `(H, W, 3)` is RGB, `(H, W, 4)` RGBA, `(H, W)` GRAY8 or, of uint16, GRAY16_LE. A later frame of another
            size or format starts a new ring, unless `configure()` or `publish()` has made one for good.
        pts: nanoseconds of CLOCK_MONOTONIC; None: that of a ring's frame, else now. duration: nanoseconds, likewise.
        flags: GstBufferFlags; 0: those of a frame that is sent.
        stream: on which a GPU tensor is copied (an int as in `__dlpack__`, or a stream object); None: the legacy default
            stream. The producer makes it wait for the tensor. When this returns the tensor may be changed.

        A `Frame` brings its caps and metadata too. An `av.VideoFrame` brings its colorimetry, and its times: as they are if
        they are of CLOCK_MONOTONIC, else its steps from the time at which the first one came.

        Several threads may send; each frame is whole. What is refused changes nothing. TypeError: no tensor, or other
        numbers than the format's. ValueError: another shape, or planes on several devices.
        """
        native = self._open()
        number = STREAM_LEGACY if stream is None else stream_number(stream)
        kind = None if format is None else pixel_format(format)
        what = given_by(source)
        if what.is_foreign and kind not in (None, what.format):
            raise InvalidArgument(f"this picture is {what.format}, and cannot be published as {kind}: convert it first")
        kind = kind or what.format
        times = self._times(what, pts, duration)
        flags = bits("flags", flags) or what.flags
        capsules = [readable_capsule_of(tensor, number) for tensor in what.tensors]
        if not capsules:
            raise ValueError("a frame has one tensor for each of its planes, or one of all; these are none")
        check_numbers(_native.describe_capsule(capsules[0])[1])
        capsules = [compact_on_gpu(*pair, number) for pair in zip(what.tensors, capsules, strict=True)]
        if not self._follows_tensors:
            self._refuse_other(kind)
            return native.send(capsules, *times, flags, what.metadata, number)
        with self._following:
            self._follow(capsules, kind, what)
            return native.send(capsules, *times, flags, what.metadata, number)

    def drop(self) -> None:
        """Counts one frame that was not published, so that readers learn of the gap."""
        self._open().drop()

    # ------------------------------------------------------------------------------------------------- what it is

    def stats(self) -> dict[str, Any]:
        """published, dropped, copied, lapped, bytes, waited_ns, subscribers, epoch, last_sequence,
        slots (frames that the ring keeps now), memory (bytes of frame memory it has), metadata_dropped (frames whose
        metadata did not fit) and refused (attempts to attach that were refused, for whatever reason).
        """
        return self._open().stats()

    def __repr__(self) -> str:
        layout = "closed" if self.closed else _layout_text(self._layout)
        return f"<cuframes.Publisher {self._key!r} {layout} at {id(self):#x}>"

    # ------------------------------------------------------------------------------------------------- inside

    def _open(self) -> _native.Publisher:
        assert self._handle is not None, "set by the constructor"
        return self._handle

    def _times(self, what: Given, pts: int | None, duration: int | None) -> tuple[int, int, int]:
        """pts, dts and duration as the native module takes them."""
        if pts is None and what.pts is None and what.source_time is not None:
            pts = self._steps.place(what.source_time)
        if pts is None:
            pts = what.pts
        if duration is None:
            duration = what.duration
        return (
            time.monotonic_ns() if pts is None else nanoseconds("pts", pts),
            nanoseconds("dts", what.dts),
            nanoseconds("duration", duration),
        )

    def _configure(
        self,
        format: PixelFormat,
        width: int,
        height: int,
        on_gpu: bool,
        cuda_device: int,
        framerate: Fraction | float | None,
        caps: str | None,
    ) -> None:
        width = whole("width", width, "pixels")
        height = whole("height", height, "pixels")
        if not (0 < width < 2**32 and 0 < height < 2**32):
            raise InvalidArgument(f"width and height are 1 to 65536 pixels, not {width}x{height}")
        cuda_device = whole("cuda_device", cuda_device, "a GPU, or -1")
        if not -1 <= cuda_device < 2**31:
            raise InvalidArgument(f"cuda_device is a GPU's number, or -1, not {cuda_device}")
        caps = text("caps", caps or caps_text(format, width, height, on_gpu, framerate))
        memory = _native.MEMORY_CUDA if on_gpu else _native.MEMORY_HOST
        self._open().configure(str(format), width, height, memory, cuda_device if on_gpu else -1, caps)
        self._layout = (format, width, height, on_gpu, cuda_device)
        self._made_caps = caps

    def _refuse_other(self, kind: PixelFormat | None) -> None:
        made = self._layout[0] if self._layout else None
        if kind is not None and made is not None and kind != made:
            raise InvalidArgument(
                f"this ring was made for frames of {made}, not of {kind}; configure() makes another, or convert them first"
            )

    def _follow(self, capsules: list[CapsuleType], kind: PixelFormat | None, what: Given) -> None:
        """Makes a ring for the tensors' format, size and place, unless that is there already."""
        device, dtype, shape = _native.describe_capsule(capsules[0])
        channels = (shape[0],) if has_channels_first(shape) else shape[2:]
        form = (len(capsules), dtype, len(shape), channels)
        if kind is None and self._last_sent is not None and self._last_sent[0] == form:
            kind = self._last_sent[1]
        kind = kind or self._format or guess_format(shape, dtype, len(capsules))
        width, height = what.size or size_of(kind, shape, len(capsules))
        on_gpu = self._memory == "cuda" or (self._memory == "auto" and is_gpu(device))
        number = self._cuda_device if self._cuda_device >= 0 else device[1] if is_gpu(device) else 0
        caps = self._caps_of(what, kind, width, height, on_gpu)
        if self._layout != (kind, width, height, on_gpu, number) or (caps and caps != self._made_caps):
            # Looked at before: a frame that is refused leaves the ring as it is.
            _native.check_tensors(str(kind), width, height, capsules)
            self._configure(kind, width, height, on_gpu, number, self._framerate, caps)
        self._last_sent = (form, kind)

    def _caps_of(self, what: Given, kind: PixelFormat, width: int, height: int, on_gpu: bool) -> str | None:
        """Those that were given, else those that the picture brings; None: whatever is of that format and size."""
        if self._caps or kind != what.format:
            return self._caps
        if what.colorimetry:
            return caps_text(kind, width, height, on_gpu, self._framerate, what.colorimetry)
        return caps_moved(what.caps, on_gpu, self._framerate) or None


def _layout_text(layout: tuple[object, ...] | None) -> str:
    if layout is None:
        return "no frames yet"
    format, width, height, on_gpu, device = layout
    return f"{format} {width}x{height} " + (f"cuda:{max(0, int(str(device)))}" if on_gpu else "cpu")


def publish(
    key: str,
    *,
    format: PixelFormat | str | None = None,
    width: int | None = None,
    height: int | None = None,
    memory: Memory = "auto",
    cuda_device: int = -1,
    slots: int | None = None,
    max_slots: int = _native.DEFAULT_MAX_SLOTS,
    policy: Policy = "drop",
    wait_timeout_ms: int = _native.DEFAULT_WAIT_TIMEOUT_MS,
    max_subscribers: int = _native.DEFAULT_MAX_SUBSCRIBERS,
    access: str = "user",
    directory: str | os.PathLike[str] | None = None,
    framerate: Fraction | float | None = None,
    caps: str | None = None,
    wait_timeout: float | None = None,
) -> Publisher:
    """Takes the key and admits readers from now on. The arguments are those of `Publisher`."""
    return Publisher(
        key,
        format=format,
        width=width,
        height=height,
        memory=memory,
        cuda_device=cuda_device,
        slots=slots,
        max_slots=max_slots,
        policy=policy,
        wait_timeout_ms=wait_timeout_ms,
        max_subscribers=max_subscribers,
        access=access,
        directory=directory,
        framerate=framerate,
        caps=caps,
        wait_timeout=wait_timeout,
    )
