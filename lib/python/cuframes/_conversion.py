# SPDX-License-Identifier: LGPL-2.1-or-later
"""Planes to R'G'B' by the operations of an array library: exact, for every format, at any size, wherever the arrays are.

Every component is sampled, linearly, at the places of the picture's pixels: that is what scales, and what gives each pixel
its chroma. Then one matrix makes R'G'B' in 0..1. The kernel in `pixels.cu` does the same with a thread for each pixel.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from ._array_library import Library
from ._colorimetry import Colorimetry, colorimetry_of, to_rgb_matrix
from ._packings import PACKINGS
from ._pixel_layouts import Component, Layout, layout_of


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """What planes hold. `picture_of()` makes one for all frames of a stream."""

    layout: Layout
    colorimetry: Colorimetry
    width: int
    height: int


@functools.lru_cache(maxsize=256)
def picture_of(format: str, caps: str, width: int, height: int) -> Picture:
    """ValueError: a format whose pixels are not read here."""
    layout = layout_of(format)
    return Picture(layout, colorimetry_of(caps, layout.model, height), width, height)


def components_of(library: Library, picture: Picture, planes: list[Any]) -> list[Any]:
    """The components as they are stored, each (rows, columns) of integers, out of planes of bytes (rows, row bytes)."""
    layout = picture.layout
    if layout.packing:
        wide = [library.wide_integers(plane) for plane in planes]
        found = PACKINGS[layout.packing](library, wide)
    else:
        elements: dict[int, Any] = {}
        for component in layout.components:
            if component.plane not in elements:
                elements[component.plane] = _elements(library, planes[component.plane], layout)
        found = [_component(elements[component.plane], component, layout) for component in layout.components]
    return [_cut(one, *layout.size(index, picture.width, picture.height)) for index, one in enumerate(found)]


def _elements(library: Library, data: Any, layout: Layout) -> Any:
    """Rows of bytes as rows of numbers."""
    if layout.item == 1:
        return data
    to_integers = library.wide_integers if layout.item > 2 else library.integers
    whole = data.shape[1] // layout.item * layout.item
    number = 0
    for index in range(layout.item):
        place = layout.item - 1 - index if layout.big_endian else index
        number = number | to_integers(data[:, index : whole : layout.item]) << 8 * place
    return number


def _component(elements: Any, component: Component, layout: Layout) -> Any:
    found = elements[:, component.offset :: component.step]
    if component.shift:
        found = found >> component.shift
    if component.shift + component.depth < 8 * layout.item:
        found = found & ((1 << component.depth) - 1)
    return found


def _cut(component: Any, columns: int, rows: int) -> Any:
    if component.shape[0] < rows or component.shape[1] < columns:
        raise ValueError(f"a plane of {component.shape[1]}x{component.shape[0]} samples; {columns}x{rows} are needed")
    return component[:rows, :columns]


def channels_of(
    library: Library, picture: Picture, planes: list[Any], size: tuple[int, int] | None = None, alpha: bool = False
) -> list[Any]:
    """R', G', B' (and A, 1.0 where the format has none), each (height, width) float32 in 0..1, of `size` (width, height).

    At another size than the picture's own it is sampled linearly at the pixels' middles.
    """
    components = components_of(library, picture, planes)
    size = size or (picture.width, picture.height)
    sampled = [_sampled(library, picture, index, one, size) for index, one in enumerate(components)]
    rows = to_rgb_matrix(picture.colorimetry, picture.layout.depths)
    found = []
    for *factors, constant in rows:
        channel: Any = constant
        for factor, component in zip(factors, sampled):
            if factor:
                channel = channel + component * factor
        found.append(library.clipped(channel, 0.0, 1.0))
    if alpha:
        found.append(_alpha(sampled, picture.layout))
    return found


def _alpha(sampled: list[Any], layout: Layout) -> Any:
    if layout.has_alpha:
        return sampled[3] / ((1 << layout.components[3].depth) - 1)
    return sampled[0] * 0.0 + 1.0


def _sampled(library: Library, picture: Picture, index: int, component: Any, size: tuple[int, int]) -> Any:
    """A component at each pixel of the result."""
    shared, cosited = (0, 0), (False, False)
    if picture.layout.is_chroma(index):
        shared = picture.layout.shared
        cosited = (picture.colorimetry.cosited_x, picture.colorimetry.cosited_y)
    found = library.floats(component)
    for axis, have, want in ((0, picture.height, size[1]), (1, picture.width, size[0])):
        found = _along(library, found, axis, have, want, shared[1 - axis], cosited[1 - axis])
    return found


def _along(library: Library, array: Any, axis: int, have: int, want: int, shared: int, cosited: bool) -> Any:
    """An axis of a component as long as it is wanted, where 2 ** `shared` of `have` pixels have one of its samples."""
    if have != want:
        return _scaled(library, array, axis, have, want, shared, cosited)
    return _spread(library, array, axis, want, 1 << shared, cosited) if shared else array


def _spread(library: Library, array: Any, axis: int, want: int, step: int, cosited: bool) -> Any:
    """A sample for each of the pixels that share one: those of one place among them have the same weights."""
    before, after = _neighbours(library, array, axis)
    places = []
    for place in range(step):
        share = place / step if cosited else (place + 0.5) / step - 0.5
        places.append(array + ((before if share < 0 else after) - array) * abs(share) if share else array)
    whole = library.stacked(places, axis + 1)
    rows, columns = array.shape
    if axis == 0:
        return library.reshaped(whole, (rows * step, columns))[:want]
    return library.reshaped(whole, (rows, columns * step))[:, :want]


def _neighbours(library: Library, array: Any, axis: int) -> tuple[Any, Any]:
    """The samples before, and after, each: at the edge itself."""
    if axis == 0:
        return (library.joined([array[:1], array[:-1]], 0), library.joined([array[1:], array[-1:]], 0))
    return (library.joined([array[:, :1], array[:, :-1]], 1), library.joined([array[:, 1:], array[:, -1:]], 1))


def _scaled(library: Library, array: Any, axis: int, have: int, want: int, shared: int, cosited: bool) -> Any:
    """Samples at the middles of `want` pixels that take the place of `have`."""
    last = array.shape[axis] - 1
    places = library.clipped((library.count(want, array) + 0.5) * (have / want) - 0.5, 0.0, float(have - 1))
    if shared:
        first = 0.0 if cosited else 0.5
        places = library.clipped((places + first) / (1 << shared) - first, 0.0, float(last))
    below = library.floored(places)
    share = library.reshaped(places - below, (-1, 1) if axis == 0 else (1, -1))
    index = library.integers(below)
    after = library.integers(library.clipped(below + 1.0, 0.0, float(last)))
    low = library.taken(array, index, axis)
    return low + (library.taken(array, after, axis) - low) * share
