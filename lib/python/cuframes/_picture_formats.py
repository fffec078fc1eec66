# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of what `to_ndarray()` makes."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class PictureFormat:
    """An array of pixels: its channels in order, by letters of RGBA, or "Y" alone; and bits of each."""

    channels: str
    bits: int

    @property
    def dtype(self) -> str:
        return f"uint{self.bits}"


#: By the names of FFmpeg and PyAV, whose 16 bits are of this machine's order of bytes.
PICTURE_FORMATS = {
    "rgb24": PictureFormat("RGB", 8),
    "bgr24": PictureFormat("BGR", 8),
    "rgba": PictureFormat("RGBA", 8),
    "bgra": PictureFormat("BGRA", 8),
    "argb": PictureFormat("ARGB", 8),
    "abgr": PictureFormat("ABGR", 8),
    "gray": PictureFormat("Y", 8),
    "rgb48": PictureFormat("RGB", 16),
    "bgr48": PictureFormat("BGR", 16),
    "rgba64": PictureFormat("RGBA", 16),
    "bgra64": PictureFormat("BGRA", 16),
    "gray16": PictureFormat("Y", 16),
}
# Those of FFmpeg in full, and of GStreamer.
_SAME = {
    "gray8": "gray",
    "rgb48le": "rgb48",
    "bgr48le": "bgr48",
    "rgba64le": "rgba64",
    "bgra64le": "bgra64",
    "gray16le": "gray16",
    "rgb": "rgb24",
    "bgr": "bgr24",
    "rgba64_le": "rgba64",
    "bgra64_le": "bgra64",
    "gray16_le": "gray16",
}


def picture_format(name: object) -> PictureFormat:
    """TypeError: no text. ValueError: an unknown name, with those there are."""
    if not isinstance(name, str):
        raise TypeError(f'a picture\'s format is a text like "rgb24", not {name!r}')
    key = str(name).lower()
    found = PICTURE_FORMATS.get(_SAME.get(key, key))
    if found is None:
        raise ValueError(
            f'there is no picture format "{name}"; there are {", ".join(PICTURE_FORMATS)}; a frame\'s own pixels, as they '
            "are, are in frame.planes and bytes(frame)"
        )
    return found
