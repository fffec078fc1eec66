# SPDX-License-Identifier: LGPL-2.1-or-later
"""Y'CbCr to 8 bits by NumPy in numbers of 16 bits: what most frames in host memory are asked for, in a fraction of the time
that floats take.

Numbers are levels of the result in 1/32. As interpolation and matrix can be exchanged, the matrix is applied to chroma
where it is stored, a quarter of the picture in 4:2:0; what luma adds is the same for R, G and B. Pixels with even and
odd columns, and rows, are computed apart, since each kind has its own weights, and in strips that stay in the cache.
"""

from __future__ import annotations

from typing import Any

from ._colorimetry import to_rgb_matrix
from ._conversion import Picture
from ._picture_formats import PictureFormat
from ._pixel_layouts import Component, Layout

#: Bits behind the point.
_FRACTION = 5
#: More bits of luma make no difference to a result of 8, and would not leave room for the rest.
_LUMA_BITS = 10
_STRIP_ROWS = 128


def is_copied(picture: Picture, wanted: PictureFormat) -> bool:
    """Whether the picture's numbers are those of the result already, in another order."""
    layout = picture.layout
    return (
        layout.model in ("rgb", "gray")
        and not layout.packing
        and layout.item * 8 == wanted.bits
        and all(depth == wanted.bits for depth in layout.depths)
        and picture.colorimetry.full_range
        and (wanted.channels != "Y" or layout.model == "gray")
    )


def copied(numpy: Any, picture: Picture, planes: list[Any], wanted: PictureFormat) -> Any:
    """Of such a picture (height, width, channels), or (height, width) of grey."""
    layout = picture.layout
    samples = [
        samples_of(planes[component.plane], component, layout, (picture.width, picture.height))
        for component in layout.components
    ]
    names = dict(zip("RGBA", samples if layout.model == "rgb" else samples * 3))
    out = numpy.empty((picture.height, picture.width, len(wanted.channels)), wanted.dtype)
    for index, letter in enumerate(wanted.channels):
        out[..., index] = names.get("R" if letter == "Y" else letter, _full(wanted))
    return out[..., 0] if wanted.channels == "Y" else out


def _full(wanted: PictureFormat) -> int:
    return (1 << wanted.bits) - 1


def is_quick(picture: Picture, wanted: PictureFormat) -> bool:
    """Whether this module can compute it."""
    layout = picture.layout
    return (
        layout.model == "yuv"
        and not layout.packing
        and layout.item <= 2
        and max(layout.shared) <= 1
        and wanted.bits == 8
        and wanted.channels in ("RGB", "BGR")
    )


def converted(numpy: Any, picture: Picture, planes: list[Any], wanted: PictureFormat) -> Any:
    """(height, width, 3) uint8, of planes of bytes."""
    layout = picture.layout
    luma, u, v = (
        samples_of(planes[component.plane], component, layout, layout.size(index, picture.width, picture.height))
        for index, component in enumerate(layout.components[:3])
    )
    rows = to_rgb_matrix(picture.colorimetry, layout.depths)
    scale = 255 << _FRACTION
    light = _Light(layout.components[0], rows[0][0] * scale)
    # So that cutting off the fraction rounds; one more for what interpolation cuts off.
    half = (1 << (_FRACTION - 1)) + 1
    colours = [(u_part * scale, v_part * scale, rest * scale + half + light.lost) for _, u_part, v_part, rest in rows]
    out = numpy.empty((picture.height, picture.width, 3), numpy.uint8)
    places = [wanted.channels.index(letter) for letter in "RGB"]
    step_y = 1 << layout.shared[1]
    for top in range(0, picture.height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, picture.height)
        parts = light.parts(numpy, luma[top:bottom], layout.shared)
        first, last = top // step_y, -(-bottom // step_y)
        chroma = [_with_margin(numpy, one, first, last, layout) for one in (u, v)]
        for (u_part, v_part, rest), place in zip(colours, places):
            colour = chroma[0] * numpy.float32(u_part)
            colour += chroma[1] * numpy.float32(v_part)
            colour += numpy.float32(rest)
            _add(numpy, parts, colour.astype(numpy.int16), picture, out[top:bottom, :, place])
    return out


def samples_of(plane: Any, component: Component, layout: Layout, size: tuple[int, int]) -> Any:
    """A component in place where its numbers are whole elements; of others the bits that are its own."""
    elements = plane
    if layout.item == 2:
        elements = plane[:, : plane.shape[1] // 2 * 2].view(">u2" if layout.big_endian else "<u2")
    found = elements[: size[1], component.offset :: component.step][:, : size[0]]
    if found.shape != (size[1], size[0]):
        raise ValueError(f"a plane of {found.shape[1]}x{found.shape[0]} samples; {size[0]}x{size[1]} are needed")
    if component.shift or component.depth not in (8, 16):
        # What is above or below the component's own bits is no part of it.
        return (found >> component.shift) & ((1 << component.depth) - 1)
    return found


class _Light:
    """What luma adds to R, G and B: a multiplication that keeps to 16 bits, as `y << base` and a small rest."""

    def __init__(self, component: Component, factor: float) -> None:
        self._drop = max(0, component.depth - _LUMA_BITS)
        bits = component.depth - self._drop
        factor *= 1 << self._drop
        # Dropped bits are half of what they can be, on average.
        self.lost = factor * (0.5 - 0.5 / (1 << self._drop))
        self._base = _FRACTION + 8 - bits
        rest = factor - (1 << self._base)
        self._shift = 0
        while self._shift < 12 and abs(round(rest * (2 << self._shift))) << bits < 1 << 15:
            self._shift += 1
        self._rest = round(rest * (1 << self._shift))

    def parts(self, numpy: Any, luma: Any, shared: tuple[int, int]) -> list[list[Any]]:
        """Apart: [rows' parity][columns' parity], as far as pixels share chroma."""
        found = []
        for y in range(1 << shared[1]):
            line = []
            for x in range(1 << shared[0]):
                part = luma[y :: 1 << shared[1], x :: 1 << shared[0]]
                part = (part >> self._drop if self._drop else part).astype(numpy.int16)
                rest = part * numpy.int16(self._rest)
                rest >>= self._shift
                part <<= self._base
                part += rest
                line.append(part)
            found.append(line)
        return found


def _with_margin(numpy: Any, chroma: Any, first: int, last: int, layout: Layout) -> Any:
    """Rows of a chroma plane as floats, with a neighbour on each side where pixels share it: the edge again at the edge."""
    y, x = layout.shared[1], layout.shared[0]
    rows, columns = last - first, chroma.shape[1]
    found = numpy.empty((rows + 2 * y, columns + 2 * x), numpy.float32)
    found[y : y + rows, x : x + columns] = chroma[first:last]
    if y:
        found[0, x : x + columns] = chroma[max(first - 1, 0)]
        found[-1, x : x + columns] = chroma[min(last, chroma.shape[0] - 1)]
    if x:
        found[:, 0] = found[:, 1]
        found[:, -1] = found[:, -2]
    return found


def _add(numpy: Any, parts: list[list[Any]], colour: Any, picture: Picture, out: Any) -> None:
    """Luma and what the chroma adds, as bytes."""
    step_x, step_y = (1 << shared for shared in picture.layout.shared)
    cosited = picture.colorimetry
    for y, line in enumerate(parts):
        by_rows = _between(numpy, colour, y, step_y, cosited.cosited_y)
        # Along columns, the same with the axes exchanged.
        for x, part in enumerate(line):
            level = _between(numpy, by_rows.T, x, step_x, cosited.cosited_x).T[: part.shape[0], : part.shape[1]]
            level = level + part
            level >>= _FRACTION
            numpy.clip(level, 0, 255, out=level)
            out[y::step_y, x::step_x] = level


def _between(numpy: Any, array: Any, parity: int, step: int, cosited: bool) -> Any:
    """Chroma for those of the pixels along the first axis that have this place among those that share it."""
    if step == 1:
        return array
    own = array[1:-1]
    if cosited and parity == 0:
        return own
    other = array[:-2] if parity == 0 else array[2:]
    found = other - own
    found >>= 1 if cosited else 2
    found += own
    return found
