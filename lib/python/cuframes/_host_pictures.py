# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures in host memory, by NumPy."""

from __future__ import annotations

from typing import Any

from . import _quick_pictures
from ._array_library import Library
from ._conversion import Picture, channels_of, components_of
from ._picture_formats import PictureFormat

#: Of BT.601, which is what grey means to GStreamer and FFmpeg.
_LUMA = (0.299, 0.587, 0.114)


def converted(library: Library, picture: Picture, planes: list[Any], wanted: PictureFormat) -> Any:
    """(height, width, channels) or (height, width), of planes of bytes."""
    if _quick_pictures.is_copied(picture, wanted):
        return _quick_pictures.copied(library.module, picture, planes, wanted)
    if wanted.channels == "Y":
        return _scaled(library, _luma(library, picture, planes), wanted)
    if _quick_pictures.is_quick(picture, wanted):
        return _quick_pictures.converted(library.module, picture, planes, wanted)
    channels = dict(zip("RGBA", channels_of(library, picture, planes, alpha="A" in wanted.channels)))
    out = library.module.empty((picture.height, picture.width, len(wanted.channels)), wanted.dtype)
    for index, letter in enumerate(wanted.channels):
        out[..., index] = _scaled(library, channels[letter], wanted)
    return out


def _luma(library: Library, picture: Picture, planes: list[Any]) -> Any:
    """In 0..1, of the full range."""
    if picture.layout.model == "rgb":
        red, green, blue = channels_of(library, picture, planes)
        return red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2]
    luma = library.floats(_first(library, picture, planes))
    depth = picture.layout.components[0].depth
    if picture.colorimetry.full_range:
        return luma / ((1 << depth) - 1)
    return library.clipped((luma - (16 << depth >> 8)) / (219 << depth >> 8), 0.0, 1.0)


def _first(library: Library, picture: Picture, planes: list[Any]) -> Any:
    """The luma as it is stored."""
    layout = picture.layout
    component = layout.components[0]
    if layout.packing or layout.item > 2:
        return components_of(library, picture, planes)[0]
    return _quick_pictures.samples_of(planes[component.plane], component, layout, (picture.width, picture.height))


def _scaled(library: Library, channel: Any, wanted: PictureFormat) -> Any:
    most = (1 << wanted.bits) - 1
    return (channel * most + 0.5).astype(wanted.dtype)
