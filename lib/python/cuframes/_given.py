# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `Publisher.send()` is given: tensors, frames of this package, and pictures of PyAV and Pillow, which know more of
themselves than their pixels."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from . import _native
from ._arguments import pixel_format
from ._ffmpeg import FULL_RANGE, colorimetry
from ._formats import PixelFormat
from ._frame import Frame, PlanarFrame
from ._incoming import tensors_of
from .errors import InvalidArgument

if TYPE_CHECKING:
    import av
    import PIL.Image


@dataclasses.dataclass(frozen=True)
class Given:
    """Tensors, and what is known of them."""

    tensors: Sequence[Any]
    format: PixelFormat | None = None
    size: tuple[int, int] | None = None
    caps: str = ""
    colorimetry: str = ""
    pts: int | None = None
    """Nanoseconds of CLOCK_MONOTONIC."""
    source_time: int | None = None
    """Nanoseconds since something that its maker knows."""
    dts: int | None = None
    duration: int | None = None
    flags: int = 0
    metadata: bytes = b""
    is_foreign: bool = False
    """Whether the format is told by another library."""


def given_by(source: Any) -> Given:
    """TypeError: it is nothing that can be a frame."""
    if isinstance(source, PlanarFrame):
        return _of_frame(source)
    if isinstance(source, getattr(sys.modules.get("av"), "VideoFrame", ())):
        return _of_av(source)
    if isinstance(source, getattr(sys.modules.get("PIL.Image"), "Image", ())):
        return _of_pillow(source)
    return Given(tensors_of(source))


class Steps:
    """Times of pictures whose maker counts from elsewhere, as times of CLOCK_MONOTONIC.

    They are what they were if they are of that clock already. Others begin when the first one comes, and keep their steps;
    where they go back, or leap, they begin anew.
    """

    _NEAR = 10_000_000_000

    def __init__(self) -> None:
        self._offset: int | None = None
        self._last = 0

    def place(self, at: int) -> int:
        now = time.monotonic_ns()
        if self._offset is None or not self._last - self._NEAR // 10 <= at <= self._last + self._NEAR:
            self._offset = 0 if abs(now - at) < self._NEAR else now - at
        self._last = at
        return max(0, at + self._offset)


def _of_frame(frame: PlanarFrame) -> Given:
    what = Given(frame.planes, pixel_format(frame.format), (frame.width, frame.height))
    if not isinstance(frame, Frame):
        return what
    what = dataclasses.replace(what, caps=frame.caps, flags=frame.flags, metadata=frame.metadata)
    if frame.sequence == 0:
        return what  # Of a pipeline, whose times are its own.
    return dataclasses.replace(what, pts=frame.pts, dts=frame.dts, duration=frame.duration)


def _of_av(frame: av.VideoFrame) -> Given:
    video: Any = frame
    on_gpu = video.format.name == "cuda"
    name = video.sw_format.name if on_gpu else video.format.name
    try:
        kind = pixel_format(FULL_RANGE.get(name, name))
    except InvalidArgument:
        raise TypeError(
            f'frames in FFmpeg\'s format {name} cannot be published: convert them, as frame.reformat(format="nv12")'
        ) from None
    full = True if name in FULL_RANGE else {1: False, 2: True}.get(int(video.color_range))
    meaning = (int(video.colorspace), int(video.color_trc), int(video.color_primaries))
    steps = video.time_base

    def nanoseconds(number: int | None) -> int | None:
        return None if number is None or not steps else round(number * steps * 1_000_000_000)

    return Given(
        tuple(video.planes) if on_gpu else _rows_of(video, kind),
        kind,
        (video.width, video.height),
        colorimetry=colorimetry(full, *meaning, video.height) if video.format.components[0].is_luma else "",
        source_time=nanoseconds(video.pts),
        duration=nanoseconds(video.duration) or None,
        is_foreign=True,
    )


def _rows_of(video: Any, kind: PixelFormat) -> tuple[object, ...]:
    """Its planes where they lie, whatever PyAV makes tensors of; rows may lie bottom up."""
    layout = _native.format_layout(str(kind), video.width, video.height)
    size = _native.format_itemsize(str(kind))
    return tuple(
        _native.capsule_of_rows(video, plane.buffer_ptr, rows, row_bytes // size, plane.line_size, size)
        for plane, (_, _, row_bytes, rows) in zip(video.planes, layout, strict=True)
    )


_MODES: dict[str, tuple[str, int, Literal["B", "H"]]] = {
    "L": ("GRAY8", 1, "B"),
    "RGB": ("RGB", 3, "B"),
    "RGBA": ("RGBA", 4, "B"),
    "I;16": ("GRAY16_LE", 1, "H"),
}


def _of_pillow(image: PIL.Image.Image) -> Given:
    if image.mode not in _MODES:
        good = "RGBA" if "A" in image.mode or "transparency" in image.info else "RGB"
        raise TypeError(f'images of mode {image.mode} cannot be published: convert them, as image.convert("{good}")')
    name, channels, letter = _MODES[image.mode]
    shape = (image.height, image.width) + ((channels,) if channels > 1 else ())
    pixels = memoryview(image.tobytes()).cast(letter, shape)
    return Given((pixels,), PixelFormat(name), image.size, is_foreign=True)
