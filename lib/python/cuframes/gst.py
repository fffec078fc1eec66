# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames of GStreamer pipelines in this process: buffers as tensors, and tensors as buffers.

    import torch
    from cuframes import gst

    frame = gst.wrap(appsink.emit("pull-sample"))      # the same Frame and planes as from a ring
    luma = torch.from_dlpack(frame.planes[0])          # no copy, on the GPU if the buffer is there
    ...
    appsrc.emit("push-sample", gst.to_sample([y, uv], "NV12"))

It needs PyGObject, GStreamer and libcuframes-gst with its typelib; the rest of the package needs none of
them. There are no addresses to pass around: all functions take and return objects of `gi.repository.Gst`.

**GPU memory.** GStreamer's CUDA elements make a context of their own, while torch, cupy and JAX use the
device's primary one. Both work; `install_primary_context()` puts a pipeline into the primary one, which saves
the driver work. Elements and consumers are ordered on the GPU, by events; nothing here waits for it, but
where that is said.

**appsink keeps buffers.** It holds on to the last sample that was pulled until the next one is, to
`max-buffers` more in its queue, and to one that waits in front of a full queue. For frames of a `cuframessrc`
these are leases: give the element a `max-held` that covers them and the tensors you keep.
"""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

from . import _native
from ._arguments import pixel_format
from ._dlpack import STREAM_LEGACY, CapsuleType, Device, DeviceType, is_gpu, parse_device
from ._formats import PixelFormat
from ._frame import Description, Frame, PlanarFrame
from ._incoming import caps_text, capsule_of, guess_format, size_of, tensors_of
from .errors import DeviceLost, Internal

try:
    import gi  # type: ignore[import-not-found, import-untyped, unused-ignore]

    from . import _bundled

    _bundled.add_library()
    gi.require_version("Gst", "1.0")
    gi.require_version("CuframesGst", "1.0")
    from gi.repository import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        CuframesGst,
        GLib,
        Gst,
    )
except (ImportError, ValueError) as _missing:
    raise ImportError(
        f"cuframes.gst cannot be used: {_missing}. It needs PyGObject with GStreamer's introspection data "
        "(on Debian: python3-gi, python3-gst-1.0, gir1.2-gst-plugins-base-1.0) and libcuframes-gst with "
        "CuframesGst-1.0.typelib, which building cuframes with GStreamer installs; $GI_TYPELIB_PATH names "
        "folders of typelibs elsewhere"
    ) from _missing

if TYPE_CHECKING:
    from typing import TypeAlias

    GstBuffer: TypeAlias = Any
    GstCaps: TypeAlias = Any
    GstElement: TypeAlias = Any
    GstSample: TypeAlias = Any

__all__ = ["drain", "install_primary_context", "to_buffer", "to_sample", "wrap"]

if not Gst.is_initialized():
    Gst.init(None)
_bundled.add_plugin(Gst)


def _matches(error: Any, code: Any) -> bool:
    return bool(error.matches(CuframesGst.error_quark(), code))


def _refuse(error: Any) -> NoReturn:
    """What the library said, as a consumer of DLPack expects it."""
    raise BufferError(error.message) from None


def _fail(error: Any) -> NoReturn:
    """What the library said, as the exception that fits."""
    kinds: list[tuple[Any, type[Exception]]] = [
        (CuframesGst.Error.DTYPE, TypeError),
        (CuframesGst.Error.VALUE, ValueError),
        (CuframesGst.Error.REFUSED, BufferError),
        (CuframesGst.Error.NO_DEVICE, DeviceLost),
    ]
    for code, kind in kinds:
        if _matches(error, code):
            raise kind(error.message) from None
    raise Internal(error.message) from None


class _BufferSource:
    """A buffer as what Frame and Plane ask for pixels."""

    def __init__(self, buffer: GstBuffer, caps: GstCaps) -> None:
        try:
            self._frame: Any = CuframesGst.Frame.new(buffer, caps)
            self._rows = [
                self._frame.describe(plane, CuframesGst.View.BYTES)[1] for plane in range(self._frame.get_n_planes())
            ]
        except GLib.Error as error:
            _fail(error)
        self.format: str = self._frame.get_format()
        self.width: int = self._frame.get_width()
        self.height: int = self._frame.get_height()
        self.plane_count = len(self._rows)
        self.frame_size: int = buffer.get_size()
        self.device: Device = (self._rows[0].device_type, self._rows[0].device_id)
        self.read_only = bool(self._rows[0].read_only)

    def _held(self) -> Any:
        if self._frame is None:
            raise BufferError("this frame was released; take tensors from it before, they stay valid after")
        return self._frame

    @property
    def data_ptr(self) -> int:
        self._held()
        return int(self._rows[0].data)

    def layout(self, plane: int) -> tuple[int, int, int, int]:
        rows = self._rows[plane]
        return (rows.data - self._rows[0].data, rows.pitch, rows.row_bytes, rows.rows)

    def describe(self, plane: int, view: int) -> tuple[int, tuple[int, ...], tuple[int, ...], int]:
        try:
            tensor = self._held().describe(plane, CuframesGst.View(int(view)))[1]
        except GLib.Error as error:
            _refuse(error)
        count = tensor.n_dims
        return (tensor.data, tuple(tensor.shape[:count]), tuple(tensor.strides[:count]), tensor.item_size)

    def export_plane(self, plane: int, view: int, stream: int, versioned: bool, copied: bool) -> CapsuleType:
        assert not copied, "copies are in memory of their own, not in the buffer"
        try:
            address = self._held().export(plane, CuframesGst.View(int(view)), stream, versioned)
        except GLib.Error as error:
            _refuse(error)
        return _native.capsule_of_address(address, versioned)

    def copy(self, compact: bool, device_type: int, device_id: int, stream: int) -> _native.OwnedSource:
        # Always compact: the padding of a pipeline's buffer means nothing outside.
        planes = [self.export_plane(index, 0, stream, True, False) for index in range(self.plane_count)]
        return _native.OwnedSource.from_tensors(
            self.format, self.width, self.height, planes, device_type, device_id, stream
        )

    def record_stream(self, stream: int) -> None:
        try:
            self._held().wait(stream)
        except GLib.Error as error:
            _refuse(error)

    def release(self) -> None:
        self._frame = None


def _known(time: int) -> int | None:
    return None if time == Gst.CLOCK_TIME_NONE else time


def wrap(sample_or_buffer: GstSample | GstBuffer, caps: GstCaps | None = None) -> Frame:
    """A `Gst.Sample`, or a `Gst.Buffer` with its `caps`, as a `Frame`: nothing is copied.

    System memory and GPU memory (`memory:CUDAMemory`), any layout, planes in memories of their own too.
    Shapes are those of `Plane`. `pts`, `dts` and `duration` are the buffer's, in the time of its pipeline,
    and not CLOCK_MONOTONIC: so is `time`, in seconds, and `age` and `datetime` cannot be told. `sequence` is 0.

    The frame and every tensor taken from it hold the buffer, whatever becomes of the pipeline; a buffer of a
    pool goes back when they are gone and the GPU work is complete that was queued by then. So a tensor may be
    dropped right after launching the kernel that reads it. System memory stays mapped for reading as long:
    elements that write make a copy.

    The pixels are read-only if anybody else holds the buffer (a sample does), or its memory is: what
    `cuframessrc` gives is always. Use `Frame.copy()` to write.

    Any thread; never blocks. ValueError: the caps are missing or not raw video, or the buffer is too small
    for them. BufferError: memory that cannot be mapped (GL, DMABuf without a map, …), or a layout that no
    tensor can have.
    """
    if isinstance(sample_or_buffer, Gst.Sample):
        caps = caps or sample_or_buffer.get_caps()
        buffer = sample_or_buffer.get_buffer()
    else:
        buffer = sample_or_buffer
    if not isinstance(buffer, Gst.Buffer):
        raise TypeError(f"a Gst.Sample with a buffer or a Gst.Buffer is needed, not {type(buffer).__name__}")
    if caps is None:
        raise ValueError("a Gst.Buffer does not tell what its pixels are: give its caps")
    source = _BufferSource(buffer, caps)
    told = Description(
        pts=_known(buffer.pts),
        dts=_known(buffer.dts),
        duration=_known(buffer.duration),
        flags=int(buffer.get_flags()),
        discontinuity=buffer.has_flags(Gst.BufferFlags.DISCONT),
        caps=caps.to_string(),
    )
    return Frame(source, told)


def to_buffer(
    source: Any,
    format: PixelFormat | str | None = None,
    width: int | None = None,
    height: int | None = None,
    *,
    copy: bool | None = None,
    pts: int | None = None,
    duration: int | None = None,
    device: str | None = None,
) -> GstBuffer:
    """A `Gst.Buffer` of tensors, with no copy where GStreamer can describe how they lie.

    source: a tensor of any library that speaks DLPack, a sequence of one for each plane, or a frame. Shapes
        as `Plane` gives them; interleaved chroma may be `(rows, 2 * columns)`, and formats whose planes have
        rows of the same length may come as one tensor of all rows, `(H * 3 / 2, W)` for NV12. Rows may be
        padded.
    format, width, height: what the tensors are; the size is theirs if it is not given. Without a format,
        `(H, W, 3)` is RGB, `(H, W, 4)` RGBA, `(H, W)` GRAY8 or, of uint16, GRAY16_LE.
    copy: True always copies, into GStreamer's default layout: for elements that know no GstVideoMeta. False
        never does, and raises BufferError where it would have to. None copies if needed: on a GPU that is
        whenever the planes are not rows of one allocation, one after the other with the same pitch. Copies
        are queued on the legacy default stream of the device's primary context, and elements wait for them on
        the GPU.
    pts, duration: nanoseconds, in the pipeline's time. None: unknown.
    device: where the buffer is to be, "cpu" or "cuda:N"; None: where the tensors are. To the CPU it blocks
        until the pixels are there.

    A buffer without a copy owns the tensors: they go when it is freed, and the GPU work on it is complete, on
    a thread of the library. Do not write to them while elements read. A tensor that says that it is read-only
    makes a read-only buffer.

    TypeError: no tensor, or other numbers than the format's. ValueError: another shape or strides, or several
    devices. DeviceLost: the GPU cannot be used.
    """
    return _import(source, format, width, height, copy, device, pts, duration)[0]


def to_sample(
    source: Any,
    format: PixelFormat | str | None = None,
    width: int | None = None,
    height: int | None = None,
    *,
    copy: bool | None = None,
    pts: int | None = None,
    duration: int | None = None,
    device: str | None = None,
    framerate: Fraction | float | None = None,
) -> GstSample:
    """The same as a `Gst.Sample`, whose caps say what it holds: for `appsrc.emit("push-sample", sample)`.

    framerate: frames per second, for the caps; None: variable (0/1).
    """
    buffer, kind, size = _import(source, format, width, height, copy, device, pts, duration)
    on_gpu = buffer.peek_memory(0).is_type("gst.cuda.memory")
    caps = Gst.Caps.from_string(caps_text(kind, size[0], size[1], on_gpu, framerate))
    return Gst.Sample.new(buffer, caps, None, None)


def _import(
    source: Any,
    format: PixelFormat | str | None,
    width: int | None,
    height: int | None,
    copy: bool | None,
    device: str | None,
    pts: int | None,
    duration: int | None,
) -> tuple[GstBuffer, PixelFormat, tuple[int, int]]:
    capsules = [capsule_of(tensor, STREAM_LEGACY) for tensor in tensors_of(source)]
    if not capsules:
        raise ValueError("a frame has at least one plane; an empty sequence of tensors was given")
    kind, size = _layout(source, capsules, format, width, height)
    flags, context = _target(device, copy, _native.describe_capsule(capsules[0])[0])
    caps = Gst.Caps.from_string(caps_text(kind, size[0], size[1], False, None))
    addresses, versioned = _take(capsules)
    try:
        buffer = CuframesGst.buffer_new_from_addresses(caps, addresses, versioned, context, STREAM_LEGACY, flags)
    except GLib.Error as error:
        _fail(error)
    if pts is not None:
        buffer.pts = pts
    if duration is not None:
        buffer.duration = duration
    return (buffer, kind, size)


def _layout(
    source: Any,
    capsules: Sequence[CapsuleType],
    format: PixelFormat | str | None,
    width: int | None,
    height: int | None,
) -> tuple[PixelFormat, tuple[int, int]]:
    """Format and size: as given, else those of a frame, else what the first tensor's shape means."""
    if (width is None) != (height is None):
        raise ValueError("width and height go together")
    if isinstance(source, PlanarFrame) and format is None:
        format = source.format
        if width is None:
            width, height = source.width, source.height
    _, dtype, shape = _native.describe_capsule(capsules[0])
    kind = pixel_format(format) if format is not None else guess_format(shape, dtype, len(capsules))
    if width is None or height is None:
        return (kind, size_of(kind, shape, len(capsules)))
    return (kind, (width, height))


def _target(device: str | None, copy: bool | None, here: Device) -> tuple[Any, Any]:
    """Flags of the library, and a GstContext where host tensors go to a GPU."""
    flags = CuframesGst.ImportFlags(0)
    if copy is not None:
        flags |= CuframesGst.ImportFlags.COPY if copy else CuframesGst.ImportFlags.NO_COPY
    if device is None:
        return (flags, None)
    kind, number = parse_device(device)
    if kind == DeviceType.CPU:
        return (flags | CuframesGst.ImportFlags.SYSTEM_MEMORY, None)
    if is_gpu(here) and here[1] != number:
        raise ValueError(f"the tensors are on cuda:{here[1]}; move them to {device} first")
    try:
        context = CuframesGst.context_new_primary(number)
    except GLib.Error as error:
        _fail(error)
    return (flags | CuframesGst.ImportFlags.CUDA_MEMORY, context)


def _take(capsules: Sequence[CapsuleType]) -> tuple[list[int], int]:
    """Addresses of the tensors, which are ours from then on, and a bit for each that is of DLPack 1.0."""
    taken: list[tuple[int, bool]] = []
    try:
        for capsule in capsules:
            taken.append(_native.address_of_capsule(capsule))
    except BaseException:
        for address, is_versioned in taken:
            _native.capsule_of_address(address, is_versioned)  # which nobody consumes, and so gives it back
        raise
    versioned = sum(1 << index for index, (_, is_versioned) in enumerate(taken) if is_versioned)
    return ([address for address, _ in taken], versioned)


def install_primary_context(pipeline: GstElement, device: int = 0) -> None:
    """Gives all elements of `pipeline` the primary CUDA context of GPU `device`, in which torch, cupy and JAX
    work.

    Call it before the pipeline leaves the state NULL; elements that are added later get it too. `cuframessrc`
    and `cuframessink` use it by themselves if they are offered none. DeviceLost: no driver, or no such GPU.
    """
    try:
        CuframesGst.pipeline_use_primary_context(pipeline, device)
    except GLib.Error as error:
        _fail(error)


def drain() -> None:
    """Waits until everything that was let go is given back: buffers to their pools, tensors to their makers.

    Blocks for as long as the GPU works on them, with the interpreter lock released. It runs by itself at
    exit.
    """
    CuframesGst.drain()


# Tensors of Python libraries must be given back while there is an interpreter.
atexit.register(drain)
