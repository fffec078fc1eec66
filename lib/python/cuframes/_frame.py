# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames: planes of pixels, and what their publisher said of them."""

from __future__ import annotations

import dataclasses
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from ._copying import not_copied
from ._dlpack import STREAM_NONE, CapsuleType, Device, DeviceType, device_text, parse_device, stream_number
from ._formats import PixelFormat
from ._pictures import Pictures
from ._plane import Plane, Source, as_array
from ._told import Described, Published

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self


class Told(Published, Protocol):
    """What a publisher says of a frame."""

    @property
    def slot(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class Description:
    """The same where no ring keeps it: for copies of frames, and for buffers of a pipeline."""

    sequence: int = 0
    pts: int | None = None
    dts: int | None = None
    duration: int | None = None
    publish_time: int = 0
    missed: int = 0
    discontinuity: bool = False
    epoch: int = 0
    slot: int = 0
    flags: int = 0
    caps: str = ""
    metadata: bytes = b""

    @classmethod
    def of(cls, told: Told) -> Description:
        return cls(**{field.name: getattr(told, field.name) for field in dataclasses.fields(cls)})


class PlanarFrame(Pictures):
    """What frames, slots and copies have in common: planes of pixels in one format."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._format = PixelFormat(source.format)
        self._size = (source.width, source.height)
        self._planes = tuple(Plane(source, index) for index in range(source.plane_count))
        self._device = device_text(source.device)

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The planes, in the order of the format: Y and UV of NV12, one of packed RGB."""
        return self._planes

    @property
    def format(self) -> PixelFormat:
        """The pixel format, by GStreamer's name."""
        return self._format

    @property
    def width(self) -> int:
        """Visible pixels of a row."""
        return self._size[0]

    @property
    def height(self) -> int:
        """Visible rows."""
        return self._size[1]

    @property
    def device(self) -> str:
        """Where the pixels are: "cpu" or "cuda:N"."""
        return self._device

    @property
    def memory(self) -> str:
        """ "host" or "cuda"."""
        return "host" if self._device == "cpu" else "cuda"

    @property
    def nbytes(self) -> int:
        """Bytes of the frame, padding included."""
        return self._source.frame_size

    @property
    def data_ptr(self) -> int:
        """Address of the frame's first byte, of the host or of the GPU. Valid while the frame is held."""
        return self._source.data_ptr

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> CapsuleType:
        """The first plane's: luma of NV12, everything of packed RGB. See `Plane.__dlpack__`."""
        return self._planes[0].__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> Device:
        return self._planes[0].__dlpack_device__()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """`numpy.asarray(frame)` of a format that has one plane, as RGB, RGBA and GRAY8 have: that plane in place,
        `(H, W, C)` or `(H, W)`. TypeError: it has several, or is on a GPU, with what to call instead.
        """
        kind, count = type(self).__name__, len(self._planes)
        if count > 1:
            raise TypeError(
                f"a {kind} of {self._format} has {count} planes, and is no single array: take "
                'numpy.asarray(frame.planes[0]), or frame.to_ndarray("rgb24") for a picture'
            )
        if self._device != "cpu":
            raise TypeError(f'this {kind} is on {self._device}: take numpy.asarray(frame.copy(device="cpu"))')
        try:
            view = memoryview(self._planes[0])
        except BufferError as error:
            raise TypeError(f"no array of this {kind}: {error}") from None
        import numpy

        return as_array(numpy.asarray(view), dtype, copy)

    def tobytes(self) -> bytes:
        """A copy of the pixels as FFmpeg's rawvideo has them, for a pipe or a file: plane after plane without padding.

        Of every format. `bytes(frame)` is the same. On a GPU it downloads them first, which blocks.
        """
        source = self._source
        if source.device[0] == DeviceType.CUDA:
            source = source.copy(True, DeviceType.CPU, 0, STREAM_NONE)
        return b"".join(Plane(source, index).bytes.tobytes() for index in range(source.plane_count))

    __bytes__ = tobytes

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "frame.copy() copies its pixels; other processes subscribe by the key")

    def dlpack_y(self) -> Plane:
        """The first plane: `(H, W)` for formats with luma. For any consumer of DLPack."""
        return self._planes[0]

    def dlpack_uv(self) -> Plane:
        """Interleaved chroma with two dimensions: `(ceil(H/2), 2 * ceil(W/2))` for NV12."""
        if len(self._planes) < 2:
            raise BufferError(f"{self._format} has one plane, and no chroma of its own")
        return self._planes[1].flat()

    def copy(self, *, device: str | None = None, stream: object = None) -> Frame:
        """A private, writable copy that has left the ring or the pipeline: this frame may be released at once.

        One copy, in the same layout. On a GPU it is queued on `stream` (an int as in `__dlpack__`, or a stream object;
        None: the legacy default stream), and tensors taken from it wait for it there. `device="cpu"` downloads a GPU
        frame, and blocks until it is there, with the interpreter lock released.
        """
        return self._copied(False, device, stream)

    def pack(self, *, device: str | None = None, stream: object = None) -> Frame:
        """The same with compact planes, row after row without padding: for JAX and others that take no strides."""
        return self._copied(True, device, stream)

    def _copied(self, compact: bool, device: str | None, stream: object) -> Frame:
        here = self._source.device
        target = here if device is None else parse_device(device)
        if target != here and target[0] != DeviceType.CPU:
            raise ValueError(f"a frame on {self._device} can be copied there or to the CPU, not to {device}")
        number = STREAM_NONE if stream is None else stream_number(stream)
        told = Description.of(self._told) if isinstance(self, Frame) else Description()
        return Frame(self._source.copy(compact, target[0], target[1], number), told)

    def _describe(self) -> str:
        return f"{self._format} {self.width}x{self.height} {self._device}"


class Frame(PlanarFrame, Described):
    """A frame: pixels in place, and what its publisher said of them.

    From a `Subscriber` it holds one of the subscriber's leases: the publisher does not touch its pixels. The lease ends
    when the frame is released (`close()`, leaving `with`, or dropping it) **and** every tensor taken from it is gone; on
    a GPU when, besides, the work is complete that was queued by then on the streams that are known (`Subscriber`'s
    `release`). So a tensor may be dropped right after launching the kernel that reads it. A held frame stays readable and
    unchanged if its publisher dies.

    Any thread. Nothing blocks but `copy()` to the CPU. After the release everything but the pixels, `caps` and `metadata`
    can still be read.
    """

    def __init__(self, source: Source, told: Told) -> None:
        super().__init__(source)
        self._told: Told = told
        self._released = False

    @property
    def slot(self) -> int:
        """Position in the ring, from 0. With `epoch` it names the memory."""
        return self._told.slot

    @property
    def cuda_ptr(self) -> int:
        """Address of the first byte; in host memory that of the host. `planes[i].data_ptr` has the planes'."""
        return self.data_ptr

    @property
    def pitch_y(self) -> int:
        """Bytes from row to row of the first plane; may be more than the width."""
        return self._planes[0].pitch

    @property
    def pitch_uv(self) -> int:
        """Bytes from row to row of the second plane; 0 if there is none."""
        return self._planes[1].pitch if len(self._planes) > 1 else 0

    @property
    def released(self) -> bool:
        """Whether this object has given up its part of the frame. Tensors taken from it keep theirs."""
        return self._released

    def record_stream(self, stream: object) -> None:
        """Says that work on `stream` reads the frame, so that its release waits for it.

        Needed for non-blocking streams, as torch's side streams are, that no `__dlpack__(stream=…)` named; with
        `release="context"` for those of other contexts alone. An int as in `__dlpack__`, or a stream object of torch, cupy,
        numba or cuda.core. A stream that is given by number must live until the frame and its tensors are gone; objects
        are kept. BufferError: there is no such stream.
        """
        record = getattr(self._source, "record_stream", None)
        if record is not None:
            record(stream_number(stream))

    def release(self) -> None:
        """Gives up this object's part of the frame. Tensors taken from it stay valid. May be called again."""
        self._released = True
        self._source.release()

    def close(self) -> None:
        """The same."""
        self.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        state = " released" if self._released else ""
        return f"<cuframes.Frame seq={self.sequence} {self._describe()} pts={self.pts}{state} at {id(self):#x}>"
