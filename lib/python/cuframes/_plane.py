# SPDX-License-Identifier: LGPL-2.1-or-later
"""Planes of pixels as tensors, wherever they are."""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING, Any, Protocol

from . import _native
from ._copying import not_copied
from ._dlpack import (
    STREAM_NONE,
    CapsuleType,
    Device,
    DeviceType,
    check_copy,
    check_stream,
    device_text,
    pair,
    wants_versioned,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Plane has a property of that name.
_bytes = bytes


class _View(enum.IntEnum):
    """How a plane's bytes are looked at (View in lib/tensors/tensor.h)."""

    PIXELS = 0
    FLAT = 1
    BYTES = 2


class Source(Protocol):
    """What has planes of pixels: native frames, slots and copies, and buffers of a pipeline."""

    @property
    def format(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def plane_count(self) -> int: ...
    @property
    def frame_size(self) -> int: ...
    @property
    def device(self) -> Device: ...
    @property
    def read_only(self) -> bool: ...
    @property
    def data_ptr(self) -> int: ...
    def layout(self, plane: int) -> tuple[int, int, int, int]: ...
    def describe(self, plane: int, view: int) -> tuple[int, tuple[int, ...], tuple[int, ...], int]: ...
    def export_plane(self, plane: int, view: int, stream: int, versioned: bool, copied: bool) -> CapsuleType: ...
    def copy(self, compact: bool, device_type: int, device_id: int, stream: int) -> _native.OwnedSource: ...
    def release(self) -> None: ...


def as_array(array: NDArray[Any], dtype: Any, copy: bool | None) -> NDArray[Any]:
    """What `__array__(dtype, copy)` is to return of an array that is there."""
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"as {dtype} these pixels are a copy, and copy=False forbids it")
        return array.astype(dtype)
    return array.copy() if copy else array


class Plane(_native.Pixels):
    """One plane of a frame, as a tensor for any library that speaks DLPack, and in host memory as a buffer of Python's.

    Shapes: luma and other single components `(H, W)`; interleaved chroma `(ceil(H/2), ceil(W/2), 2)` for NV12;
    packed RGB `(H, W, C)`. Strides count elements and come from the real pitch, so rows may be padded.

    Nothing is copied: a tensor or a memoryview taken from it reads the frame where it lies, and keeps the frame's slot by
    itself. The frame, the subscriber and the publisher may go; the tensor stays valid and unchanged. Planes of a
    subscriber's frames are read-only: DLPack says so, but torch and CuPy do not look, and what must not be written cannot
    be. `tensor.add_(1)` on one in host memory ends the process by SIGSEGV, without an exception; on a GPU the kernel fails,
    and with it the context. To draw or to compute in place take `frame.copy()` first, or `tensor.clone()`.

    Any thread. Where a frame has no tensor of its pixels, or was released, `BufferError` says why.
    """

    __slots__ = ("__weakref__", "_index", "_source", "_view")

    def __init__(self, source: Source, index: int, view: int = _View.PIXELS) -> None:
        self._source = source
        self._index = index
        self._view = view

    def _described(self) -> tuple[int, tuple[int, ...], tuple[int, ...], int]:
        return self._source.describe(self._index, self._view)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns and, with several channels, channels."""
        return self._described()[1]

    @property
    def strides(self) -> tuple[int, ...]:
        """Elements (not bytes) from one index to the next."""
        return self._described()[2]

    @property
    def ndim(self) -> int:
        """2, or 3 with several channels."""
        return len(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of an element: 1, 2 or 4."""
        return self._described()[3]

    @property
    def dtype(self) -> Any:
        """ "uint8", "uint16" or "uint32"; in a program that uses NumPy its dtype of that name, which equals the text.

        NumPy, and JAX with it, takes no other object's `dtype`.
        """
        name = f"uint{8 * self.itemsize}"
        numpy = sys.modules.get("numpy")
        return name if numpy is None else numpy.dtype(name)

    @property
    def data_ptr(self) -> int:
        """Address of the first visible element: of the host, or of the GPU. Valid while the frame is held."""
        return self._described()[0]

    @property
    def pitch(self) -> int:
        """Bytes from one row to the next."""
        return self._source.layout(self._index)[1]

    @property
    def line_size(self) -> int:
        """The same, by PyAV's name."""
        return self.pitch

    @property
    def row_bytes(self) -> int:
        """Visible bytes of a row."""
        return self._source.layout(self._index)[2]

    @property
    def rows(self) -> int:
        """Visible rows."""
        return self._source.layout(self._index)[3]

    @property
    def buffer_size(self) -> int:
        """Bytes from the first row to the end of the last, padding included: pitch times rows."""
        return self.pitch * self.rows

    @property
    def readonly(self) -> bool:
        """Whether the pixels must not be written."""
        return self._source.read_only

    @property
    def device(self) -> str:
        """ "cpu" or "cuda:N"."""
        return device_text(self._source.device)

    @property
    def bytes(self) -> Plane:
        """The same plane as rows of bytes, `(rows, row_bytes)` uint8: also for formats without tensors of pixels."""
        return Plane(self._source, self._index, _View.BYTES)

    def flat(self) -> Plane:
        """The same plane with two dimensions: interleaved chroma of NV12 as `(ceil(H/2), 2 * ceil(W/2))`."""
        return Plane(self._source, self._index, _View.FLAT)

    def __dlpack_device__(self) -> Device:
        kind, number = self._source.device
        return (DeviceType(kind), number)

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> CapsuleType:
        """The plane as a DLPack capsule: `dltensor_versioned` if `max_version` is (1, 0) or more, else `dltensor`.

        `stream` is the consumer's, on which the pixels are complete when this returns, and which the frame's release
        waits for: None or 1 the legacy default stream, 2 the per-thread one, -1 no synchronization, else a CUstream.
        Published frames are complete already, so that no stream waits at all. `dl_device` may be this device, or the CPU
        for a frame on a GPU, which downloads it. `copy=True` always copies, `copy=False` never does.

        Never blocks but for a download. BufferError: the pixels cannot be had so, with the reason. ValueError, TypeError: an
        argument cannot be meant, such as `stream=0`.
        """
        device = self._source.device
        number = check_stream(stream, device)
        versioned, copy = wants_versioned(max_version), check_copy(copy)
        target = device if dl_device is None else pair("dl_device", dl_device)
        source, copied = self._source, False
        if target != device:
            if target != (DeviceType.CPU, 0) or device[0] == DeviceType.CPU:
                raise BufferError(
                    f"this frame is on {device_text(device)}; it can go to the CPU, but not to device {target}"
                )
            if copy is False:
                raise BufferError(
                    f"this frame is on {device_text(device)}: to have it on the CPU is a copy, and copy=False forbids it"
                )
            copied = True
        if copy or copied:
            source = self._source.copy(False, target[0], target[1], number)
            copied = True
            if target[0] == DeviceType.CPU:
                number = STREAM_NONE
        return source.export_plane(self._index, self._view, number, versioned, copied)

    def _for_buffer(self) -> tuple[object, int, tuple[int, ...], tuple[int, ...], int, bool]:
        """What `memoryview(plane)` is made of (`_native.Pixels`)."""
        if self._source.device[0] == DeviceType.CUDA:
            raise BufferError(f'this plane is on {self.device}, where no buffer can be: take frame.copy(device="cpu")')
        # An owner of its own, as each tensor has one: the buffer outlives the frame's release.
        owner = self._source.export_plane(self._index, self._view, STREAM_NONE, True, False)
        address, shape, strides, itemsize = self._described()
        return (owner, address, shape, tuple(itemsize * one for one in strides), itemsize, self.readonly)

    def tobytes(self) -> _bytes:
        """A copy of the visible pixels, row after row without padding, as NumPy's arrays have it. On a GPU it downloads them
        first, which blocks.
        """
        if self._source.device[0] == DeviceType.CUDA:
            down = self._source.copy(True, DeviceType.CPU, 0, STREAM_NONE)
            return Plane(down, self._index, self._view).tobytes()
        return memoryview(self).tobytes()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        # For a plane on a GPU: of others NumPy takes the buffer.
        import numpy

        return as_array(numpy.asarray(memoryview(self)), dtype, copy)

    def _interface(self) -> dict[str, Any]:
        pointer, shape, strides, itemsize = self._described()
        return {
            "shape": shape,
            "typestr": f"<u{itemsize}" if itemsize > 1 else "|u1",
            "data": (pointer, self.readonly),
            "strides": tuple(itemsize * stride for stride in strides),
            "version": 3,
        }

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """NumPy's interface, for host memory: `numpy.asarray(plane)`, which keeps the plane and so the frame."""
        if self._source.device[0] == DeviceType.CUDA:
            raise AttributeError("this plane is in GPU memory; use __cuda_array_interface__ or DLPack")
        return self._interface()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Numba's interface, version 3, for GPU memory. It names no stream: published pixels are complete.

        Nor does it tell us on which stream they are read: name that with `record_stream()` if it is non-blocking.
        """
        if self._source.device[0] != DeviceType.CUDA:
            raise AttributeError("this plane is in host memory; use __array_interface__ or DLPack")
        # Whoever reads through it does so on a stream that nobody tells us of: all but non-blocking ones are waited for
        # anyway, and those have to be named (Frame.record_stream()).
        return {**self._interface(), "stream": None}

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "send its pixels: numpy.array(plane), or the key to subscribe to")

    def __repr__(self) -> str:
        try:
            shape: object = self.shape
            what = f"{shape} {self.dtype} on {self.device}"
        except BufferError:
            what = "without tensor"
        return f"<cuframes.Plane {self._index}: {what}>"
