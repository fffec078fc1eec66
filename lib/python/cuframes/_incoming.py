# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tensors of other libraries are as a frame: for `Publisher.send()` and for buffers of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from . import _native
from ._dlpack import CapsuleType, device_of, is_gpu, request
from ._formats import PixelFormat
from ._frame import PlanarFrame


def tensors_of(source: Any) -> Sequence[Any]:
    """A tensor, one for each plane, or a frame: as a sequence of tensors."""
    if isinstance(source, PlanarFrame):
        return source.planes
    if hasattr(source, "__dlpack__") or type(source).__name__ == "PyCapsule":
        return (source,)
    try:
        return tuple(source)
    except TypeError:
        raise TypeError(
            f"{type(source).__name__} is no tensor: it has no __dlpack__, and is no sequence of tensors"
        ) from None


def capsule_of(tensor: Any, stream: int) -> CapsuleType:
    """A capsule of the tensor, whose pixels `stream` waits for if they are on a GPU."""
    return request(tensor, stream if is_gpu(device_of(tensor)) else None)


def guess_format(shape: tuple[int, ...], itemsize: int, count: int) -> PixelFormat:
    """The format of tensors that come without one, by the first one's shape."""
    last = shape[2] if len(shape) == 3 else 1
    known = {(1, 1): "GRAY8", (2, 1): "GRAY16_LE", (1, 3): "RGB", (1, 4): "RGBA"}
    name = known.get((itemsize, last)) if count == 1 and len(shape) in (2, 3) else None
    if name is None:
        raise ValueError(f"which format are {count} tensor(s), the first of shape {shape}? Say format=…")
    return PixelFormat(name)


def size_of(format: PixelFormat, shape: tuple[int, ...], count: int) -> tuple[int, int]:
    """Width and height that a first tensor of this shape means."""
    if len(shape) not in (2, 3):
        raise ValueError(f"plane 0 of {format} has two or three dimensions, not the shape {shape}")
    height, width = shape[0], shape[1]
    layout = _native.format_layout(str(format), 2, 2)
    if count == 1 and len(layout) > 1:
        # One tensor of all rows: each plane's share of them is the same in every size.
        height = height * 2 // sum(rows for _, _, _, rows in layout)
    if len(shape) == 2:
        width = width * 2 // (layout[0][2] // _itemsize(format))
    return (width, height)


def _itemsize(format: PixelFormat) -> int:
    return _native.format_itemsize(str(format))


def caps_text(
    format: PixelFormat, width: int, height: int, on_gpu: bool, framerate: Fraction | float | None
) -> str:
    """What pipelines call such frames."""
    rate = Fraction(0) if framerate is None else Fraction(framerate).limit_denominator(1001)
    features = "(memory:CUDAMemory)" if on_gpu else ""
    return (
        f"video/x-raw{features}, format=(string){format}, width=(int){width}, height=(int){height}, "
        f"framerate=(fraction){rate.numerator}/{rate.denominator}"
    )
