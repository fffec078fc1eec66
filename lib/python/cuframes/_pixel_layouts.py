# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where in its planes a pixel format keeps its components: the other half of the table in `lib/tensors/formats.cpp`, which
says how the planes lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Component:
    """One of Y, U, V, R, G, B or A: every `step`th element of a plane's rows, from `offset` on, and bits of those."""

    plane: int
    offset: int = 0
    step: int = 1
    shift: int = 0
    """Bits below the component's own in an element."""
    depth: int = 8
    """Bits of the component."""


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """The components of a format, always in the order Y U V or R G B, and A after them. There is one for each format."""

    model: str
    """ "yuv", "rgb" or "gray"."""
    components: tuple[Component, ...]
    item: int = 1
    """Bytes of an element."""
    big_endian: bool = False
    shared: tuple[int, int] = (0, 0)
    """log2 of how many pixels share a chroma sample, horizontally and vertically."""
    packing: str = ""
    """Where components are no whole elements, or bits of one: the way in which `_packings` reads them."""

    @property
    def has_alpha(self) -> bool:
        return len(self.components) == 4

    @property
    def depths(self) -> tuple[int, ...]:
        return tuple(component.depth for component in self.components)

    def is_chroma(self, index: int) -> bool:
        return self.model == "yuv" and index in (1, 2)

    def size(self, index: int, width: int, height: int) -> tuple[int, int]:
        """Columns and rows of a component of a picture."""
        x, y = self.shared if self.is_chroma(index) else (0, 0)
        return (-(-width >> x), -(-height >> y))


_SHARED = {"444": (0, 0), "422": (1, 0), "420": (1, 1), "411": (2, 0), "410": (2, 2)}
_ORDERS = {"yuv": "YUVA", "rgb": "RGBA", "gray": "YA"}


def _in_order(model: str, found: dict[str, Component]) -> tuple[Component, ...]:
    return tuple(found[letter] for letter in _ORDERS[model] if letter in found)


def _planar(order: str, depth: int = 8, shared: str = "444", *, big_endian: bool = False) -> Layout:
    """A plane for each letter."""
    model = "gray" if order == "Y" else "yuv" if "Y" in order else "rgb"
    planes = {letter: Component(plane, depth=depth) for plane, letter in enumerate(order)}
    return Layout(model, _in_order(model, planes), 1 if depth == 8 else 2, big_endian, _SHARED[shared])


def _interleaved(
    chroma: str, shared: str, depth: int = 8, shift: int = 0, *, big_endian: bool = False, alpha: bool = False
) -> Layout:
    """Luma, then pairs of chroma; a plane of alpha last."""
    planes = {"Y": Component(0, 0, 1, shift, depth)}
    planes |= {letter: Component(1, chroma.index(letter), 2, shift, depth) for letter in chroma}
    if alpha:
        planes["A"] = Component(2, depth=depth)
    return Layout("yuv", _in_order("yuv", planes), 1 if depth == 8 else 2, big_endian, _SHARED[shared])


def _packed(order: str, depth: int = 8, shift: int = 0, *, big_endian: bool = False) -> Layout:
    """Letters as they follow each other; a letter that comes twice is luma of two pixels."""
    model = "yuv" if "Y" in order else "rgb"
    found = {
        letter: Component(0, order.index(letter), len(order) // order.count(letter), shift, depth)
        for letter in order
        if letter != "x"
    }
    return Layout(
        model, _in_order(model, found), 1 if depth == 8 else 2, big_endian, (1, 0) if order.count("Y") == 2 else (0, 0)
    )


def _fields(model: str, item: int, big_endian: bool = False, **bits: tuple[int, int]) -> Layout:
    """Bits of one number: of each letter the lowest, and how many."""
    found = {letter: Component(0, 0, 1, shift, depth) for letter, (shift, depth) in bits.items()}
    return Layout(model, _in_order(model, found), item, big_endian)


def _unusual(packing: str, shared: str, depth: int = 10, model: str = "yuv") -> Layout:
    components = tuple(Component(0, depth=depth) for _ in range(1 if model == "gray" else 3))
    return Layout(model, components, 1, False, _SHARED[shared], packing)


def _eight_bits() -> Iterable[tuple[str, Layout]]:
    for name, order, shared in (
        ("I420", "YUV", "420"),
        ("YV12", "YVU", "420"),
        ("Y42B", "YUV", "422"),
        ("Y444", "YUV", "444"),
        ("Y41B", "YUV", "411"),
        ("YUV9", "YUV", "410"),
        ("YVU9", "YVU", "410"),
        ("GBR", "GBR", "444"),
        ("GBRA", "GBRA", "444"),
        ("RGBP", "RGB", "444"),
        ("BGRP", "BGR", "444"),
        ("A420", "YUVA", "420"),
        ("A422", "YUVA", "422"),
        ("A444", "YUVA", "444"),
        ("GRAY8", "Y", "444"),
    ):
        yield name, _planar(order, 8, shared)
    for name, order, shared in (
        ("NV12", "UV", "420"),
        ("NV21", "VU", "420"),
        ("NV16", "UV", "422"),
        ("NV61", "VU", "422"),
        ("NV24", "UV", "444"),
    ):
        yield name, _interleaved(order, shared)
    yield "AV12", _interleaved("UV", "420", alpha=True)
    for name in ("RGB", "BGR", "RGBx", "BGRx", "xRGB", "xBGR", "RGBA", "BGRA", "ARGB", "ABGR", "RBGA", "AYUV", "VUYA"):
        yield name, _packed(name)
    yield "v308", _packed("YUV")
    yield "IYU2", _packed("UYV")
    for name, order in (("YUY2", "YUYV"), ("UYVY", "UYVY"), ("YVYU", "YVYU"), ("VYUY", "VYUY")):
        yield name, _packed(order)


def _in_both_orders() -> Iterable[tuple[str, Layout]]:
    """10 to 16 bits, of which most are there with both orders of bytes."""
    for end, big in (("LE", False), ("BE", True)):
        for depth in (10, 12):
            yield f"I420_{depth}{end}", _planar("YUV", depth, "420", big_endian=big)
            yield f"I422_{depth}{end}", _planar("YUV", depth, "422", big_endian=big)
            yield f"GBRA_{depth}{end}", _planar("GBRA", depth, big_endian=big)
        for depth in (10, 12, 16):
            yield f"Y444_{depth}{end}", _planar("YUV", depth, big_endian=big)
            yield f"GBR_{depth}{end}", _planar("GBR", depth, big_endian=big)
            for shared in ("420", "422", "444"):
                yield f"A{shared}_{depth}{end}", _planar("YUVA", depth, shared, big_endian=big)
        yield f"P010_10{end}", _interleaved("UV", "420", 10, 6, big_endian=big)
        yield f"P012_{end}", _interleaved("UV", "420", 12, 4, big_endian=big)
        yield f"P016_{end}", _interleaved("UV", "420", 16, big_endian=big)
        yield f"GRAY16_{end}", _planar("Y", 16, big_endian=big)
        for depth in (12, 16):
            yield f"Y2{depth}_{end}", _packed("YUYV", depth, 16 - depth, big_endian=big)
            yield f"Y4{depth}_{end}", _packed("UYVA", depth, 16 - depth, big_endian=big)
        for order in ("ARGB", "RGBA", "BGRA", "ABGR"):
            yield f"{order}64_{end}", _packed(order, 16, big_endian=big)


def _others() -> Iterable[tuple[str, Layout]]:
    yield "ARGB64", _packed("ARGB", 16)
    yield "AYUV64", _packed("AYUV", 16)
    yield "Y210", _packed("YUYV", 10, 6)
    yield "v216", _packed("UYVY", 16)
    yield "GRAY10_LE16", _planar("Y", 10)
    yield "RGB16", _fields("rgb", 2, R=(11, 5), G=(5, 6), B=(0, 5))
    yield "BGR16", _fields("rgb", 2, B=(11, 5), G=(5, 6), R=(0, 5))
    yield "RGB15", _fields("rgb", 2, R=(10, 5), G=(5, 5), B=(0, 5))
    yield "BGR15", _fields("rgb", 2, B=(10, 5), G=(5, 5), R=(0, 5))
    yield "Y410", _fields("yuv", 4, U=(0, 10), Y=(10, 10), V=(20, 10), A=(30, 2))
    yield "RGB10A2_LE", _fields("rgb", 4, R=(0, 10), G=(10, 10), B=(20, 10), A=(30, 2))
    yield "BGR10A2_LE", _fields("rgb", 4, B=(0, 10), G=(10, 10), R=(20, 10), A=(30, 2))
    for x in ("x", "x2"):
        yield f"RGB10{x}_LE", _fields("rgb", 4, R=(0, 10), G=(10, 10), B=(20, 10))
        yield f"BGR10{x}_LE", _fields("rgb", 4, B=(0, 10), G=(10, 10), R=(20, 10))
    yield "r210", _fields("rgb", 4, True, R=(20, 10), G=(10, 10), B=(0, 10))
    yield "v210", _unusual("v210", "422")
    yield "UYVP", _unusual("UYVP", "422")
    yield "IYU1", _unusual("IYU1", "411", 8)
    yield "GRAY10_LE32", _unusual("thirds", "444", model="gray")
    yield "NV12_10LE32", _unusual("thirds", "420")
    yield "NV16_10LE32", _unusual("thirds", "422")
    yield "NV12_10LE40", _unusual("quarters", "420")
    yield "NV16_10LE40", _unusual("quarters", "422")
    yield "RGB8P", dataclasses.replace(_packed("RGBA"), packing="palette")


LAYOUTS: dict[str, Layout] = {**dict(_eight_bits()), **dict(_in_both_orders()), **dict(_others())}


def layout_of(format: str) -> Layout:
    """ValueError: a format whose pixels are not read here."""
    found = LAYOUTS.get(str(format))
    if found is None:
        raise ValueError(
            f"pixels of {format} are not read here, as they lie in tiles or the format is not known; convert them before "
            "they are shared (in a pipeline: videoconvert ! cuframessink), or take the bytes (plane.bytes)"
        )
    return found
