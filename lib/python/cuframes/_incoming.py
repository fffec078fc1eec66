# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tensors of other libraries are as a frame: for `Publisher.send()` and for buffers of a pipeline."""

from __future__ import annotations

import re
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
    if isinstance(source, memoryview):
        return (source,)
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


def readable_capsule_of(tensor: Any, stream: int) -> CapsuleType:
    """The same to be read at once, and let go of by the thread that asks: also of arrays that must not be written, which
    NumPy before 2.1 does not export."""
    try:
        return capsule_of(tensor, stream)
    except (BufferError, TypeError):
        if not hasattr(tensor, "__array_interface__") and not isinstance(tensor, memoryview):
            raise
        return _native.capsule_of_buffer(tensor)


def compact_on_gpu(tensor: Any, capsule: CapsuleType, stream: int) -> CapsuleType:
    """The same where the driver can copy it: what lies otherwise than in rows on a GPU its own library puts right."""
    device, _, shape = _native.describe_capsule(capsule)
    first = has_channels_first(shape)
    if not is_gpu(device) or (not first and _native.has_compact_rows(capsule)):
        return capsule
    if first and (turn := getattr(tensor, "permute", None) or getattr(tensor, "transpose", None)):
        tensor = turn(1, 2, 0)
    compact = getattr(tensor, "contiguous", None) or getattr(tensor, "copy", None)
    return capsule if compact is None else capsule_of(compact(), stream)


def has_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether a picture of this shape can only be (C, H, W)."""
    return len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)


def check_numbers(dtype: str) -> None:
    """TypeError: pixels of no format are such numbers, with what to do."""
    if dtype in ("uint8", "uint16", "uint32"):
        return
    what = "scale and convert them first"
    if dtype.startswith(("float", "bfloat")):
        what = "if they are 0 to 1 send (x * 255).astype(numpy.uint8), or (x * 255).to(torch.uint8)"
    elif dtype.startswith("bool"):
        what = "send x.astype(numpy.uint8) * 255"
    raise TypeError(f"pixels are uint8 numbers (some formats take uint16 or uint32), not {dtype}: {what}")


def guess_format(shape: tuple[int, ...], dtype: str, count: int) -> PixelFormat:
    """The format of tensors that come without one, by the first one's shape."""
    check_numbers(dtype)
    last = 1 if len(shape) != 3 else shape[0] if has_channels_first(shape) else shape[2]
    known = {("uint8", 1): "GRAY8", ("uint16", 1): "GRAY16_LE", ("uint8", 3): "RGB", ("uint8", 4): "RGBA"}
    name = known.get((dtype, last)) if count == 1 and len(shape) in (2, 3) else None
    if name is None:
        what = "a tensor" if count == 1 else f"{count} tensors, the first"
        batch = " A frame is one picture of a batch: send(x[0])." if count == 1 and len(shape) == 4 else ""
        raise ValueError(f'which format is {what} of {dtype} and of shape {shape}? Say so, as format="NV12".{batch}')
    return PixelFormat(name)


def size_of(format: PixelFormat, shape: tuple[int, ...], count: int) -> tuple[int, int]:
    """Width and height that a first tensor of this shape means."""
    if len(shape) not in (2, 3):
        raise ValueError(f"plane 0 of {format} has two or three dimensions, not the shape {shape}")
    layout = _native.format_layout(str(format), 2, 2)
    channels = layout[0][2] // (2 * _itemsize(format))
    if len(shape) == 3 and count == 1 and _is_first(shape, channels, len(layout)):
        return (shape[2], shape[1])
    height, width = shape[0], shape[1]
    if count == 1 and len(layout) > 1:
        # One tensor of all rows: each plane's share of them is the same in every size.
        height = height * 2 // sum(rows for _, _, _, rows in layout)
    if len(shape) == 2:
        width = width * 2 // (layout[0][2] // _itemsize(format))
    return (width, height)


def _is_first(shape: tuple[int, ...], channels: int, planes: int) -> bool:
    """Whether the first dimension is that of channels, or of planes that are equally large."""
    return shape[0] == planes if planes > 1 else shape[2] != channels and shape[0] == channels


def _itemsize(format: PixelFormat) -> int:
    return _native.format_itemsize(str(format))


def caps_text(
    format: PixelFormat,
    width: int,
    height: int,
    on_gpu: bool,
    framerate: Fraction | float | None,
    colorimetry: str = "",
) -> str:
    """What pipelines call such frames."""
    rate = Fraction(0) if framerate is None else Fraction(framerate).limit_denominator(1001)
    features = "(memory:CUDAMemory)" if on_gpu else ""
    return (
        f"video/x-raw{features}, format=(string){format}, width=(int){width}, height=(int){height}, "
        f"framerate=(fraction){rate.numerator}/{rate.denominator}"
        + (f", colorimetry=(string){colorimetry}" if colorimetry else "")
    )


_MEDIA = re.compile(r"\s*video/x-raw\s*(\([^)]*\))?")
_RATE = re.compile(r"(framerate\s*=\s*)(\(fraction\))?\s*[\d/]+")


def caps_moved(caps: str, on_gpu: bool, framerate: Fraction | float | None) -> str:
    """Caps of a frame where its copy lies, at the rate that its publisher says, if any. "": they are none of raw video."""
    if not _MEDIA.match(caps):
        return ""
    moved = _MEDIA.sub("video/x-raw(memory:CUDAMemory)" if on_gpu else "video/x-raw", caps, count=1)
    if framerate is not None:
        rate = Fraction(framerate).limit_denominator(1001)
        moved = _RATE.sub(rf"\g<1>(fraction){rate.numerator}/{rate.denominator}", moved)
    return moved
