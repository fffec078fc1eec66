# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the numbers of a picture mean: matrix, range and place of the chroma, out of caps.

Where caps say nothing it is what GStreamer takes then: BT.601 with chroma in the middle up to 576 rows, BT.709 with chroma
at the left above; full range for RGB and grey.
"""

from __future__ import annotations

import dataclasses
import re

from ._caps import Caps

#: Weights of red and blue in luma.
WEIGHTS = {
    "bt601": (0.2990, 0.1140),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
    "fcc": (0.30, 0.11),
}

# Numbers of `colorimetry=range:matrix:transfer:primaries`, which are those of GStreamer.
_MATRICES = {1: "rgb", 2: "fcc", 3: "bt709", 4: "bt601", 5: "smpte240m", 6: "bt2020"}
_LIMITED = 2
_NAMES = {
    "bt601": ("bt601", False),
    "bt709": ("bt709", False),
    "smpte240m": ("smpte240m", False),
    "sRGB": ("rgb", True),
    "bt2020": ("bt2020", False),
    "bt2020-10": ("bt2020", False),
    "bt2100-pq": ("bt2020", False),
    "bt2100-hlg": ("bt2020", False),
}
# (Horizontally, vertically) at the place of the first luma sample, and not in the middle between.
_SITES = {
    "jpeg": (False, False),
    "none": (False, False),
    "mpeg2": (True, False),
    "h-cosited": (True, False),
    "v-cosited": (False, True),
    "h-cosited+v-cosited": (True, True),
    "v-cosited+h-cosited": (True, True),
    "cosited": (True, True),
    "dv": (True, True),
    "alt-line": (False, False),
}
_SD_ROWS = 576


@dataclasses.dataclass(frozen=True)
class Colorimetry:
    """How to get from a picture's numbers to R'G'B'."""

    matrix: str
    """A key of `WEIGHTS`; "rgb" where the numbers are R'G'B' already."""
    full_range: bool
    """0 to 255, and not 16 to 235 (240 for chroma); likewise with more bits."""
    cosited_x: bool
    """Chroma lies at the first of the pixels that share it, and not in their middle."""
    cosited_y: bool
    """Likewise vertically."""


def colorimetry_of(caps: str, model: str, height: int) -> Colorimetry:
    """Of frames with these caps (may be empty), whose format is "yuv", "gray" or "rgb"."""
    fields = Caps(caps)
    matrix, full_range = _default(model, height)
    said = _parsed(fields.text("colorimetry"))
    # A matrix for RGB, or none for luma and chroma, cannot be meant; then GStreamer takes nothing of it.
    if said is not None and model == "rgb":
        full_range = said[1]
    elif said is not None and (said[0] in WEIGHTS or (model == "gray" and said[0] == "")):
        matrix, full_range = said[0] or matrix, said[1]
    site = (_is_hd(height), False)
    if model == "yuv":
        site = _SITES.get(fields.text("chroma-site") or "", site)
    return Colorimetry(matrix, full_range, *site)


def _is_hd(height: int) -> bool:
    return height > _SD_ROWS


def _default(model: str, height: int) -> tuple[str, bool]:
    if model == "rgb":
        return ("rgb", True)
    if model == "gray":
        return ("bt601", True)
    return ("bt709" if _is_hd(height) else "bt601", False)


def _parsed(text: str | None) -> tuple[str, bool] | None:
    if text is None:
        return None
    if text in _NAMES:
        return _NAMES[text]
    numbers = re.match(r"(\d+):(\d+):(\d+):(\d+)", text)
    if numbers is None:
        return None
    # An unknown range counts as full, as it does in GStreamer.
    return (_MATRICES.get(int(numbers[2]), ""), int(numbers[1]) != _LIMITED)


Rows = tuple[tuple[float, float, float, float], ...]
"""For R, G and B: factors of the first, second and third component, and what is added."""


def to_rgb_matrix(colorimetry: Colorimetry, depths: tuple[int, ...]) -> Rows:
    """From components as they are stored, of `depths` bits, to R'G'B' in 0..1. One component is luma alone."""
    if colorimetry.matrix == "rgb":
        rows = []
        for index, depth in enumerate(depths[:3]):
            offset, scale, _ = _range(colorimetry.full_range, depth)
            factors = [0.0, 0.0, 0.0]
            factors[index] = 1 / scale
            rows.append((*factors, -offset / scale))
        return tuple(rows)  # type: ignore[arg-type]
    offset, scale, _ = _range(colorimetry.full_range, depths[0])
    if len(depths) < 3:
        return ((1 / scale, 0.0, 0.0, -offset / scale),) * 3
    red, blue = WEIGHTS[colorimetry.matrix]
    green = 1 - red - blue
    by_chroma = (
        (0.0, 2 * (1 - red)),
        (-2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green),
        (2 * (1 - blue), 0.0),
    )
    chroma_scales = [_range(colorimetry.full_range, depth)[2] for depth in depths[1:3]]
    middles = [1 << (depth - 1) for depth in depths[1:3]]
    found = []
    for factors_of_chroma in by_chroma:
        u, v = (factor / chroma for factor, chroma in zip(factors_of_chroma, chroma_scales))
        found.append((1 / scale, u, v, -offset / scale - u * middles[0] - v * middles[1]))
    return tuple(found)


def _range(full: bool, depth: int) -> tuple[int, int, int]:
    """Offset and scale of luma or R, G, B, and the scale of chroma."""
    if full:
        return (0, (1 << depth) - 1, (1 << depth) - 1)
    return (16 << depth >> 8, 219 << depth >> 8, 224 << depth >> 8)
