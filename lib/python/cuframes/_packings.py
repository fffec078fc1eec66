# SPDX-License-Identifier: LGPL-2.1-or-later
"""Formats whose components are no whole elements: their planes' bytes to the components, by any library's operators.

Bytes are integers of 32 bits at least. Each function gives all components; what is beyond the picture is cut off later.
"""

from __future__ import annotations

from typing import Any

from ._array_library import Library


def _words(data: Any, size: int) -> list[Any]:
    """Every `size`th byte, from the first, the second, …: columns of the words that are there in whole."""
    whole = data.shape[1] // size * size
    return [data[:, start:whole:size] for start in range(size)]


def _word32(data: Any) -> Any:
    a, b, c, d = _words(data, 4)
    return a | b << 8 | c << 16 | d << 24


def _v210(library: Library, planes: list[Any]) -> list[Any]:
    """Twelve numbers of ten bits in four words of 32, of six pixels: U Y V Y U Y V Y U Y V Y."""
    word = _word32(planes[0])
    word = word[:, : word.shape[1] // 4 * 4]
    numbers = [(word[:, index // 3 :: 4] >> 10 * (index % 3)) & 0x3FF for index in range(12)]
    luma = library.woven(numbers[1::2])
    return [luma, library.woven(numbers[0::4]), library.woven(numbers[2::4])]


def _uyvp(library: Library, planes: list[Any]) -> list[Any]:
    """U Y V Y of ten bits each in five bytes, the highest bits first."""
    a, b, c, d, e = _words(planes[0], 5)
    luma = [(b & 0x3F) << 4 | c >> 4, (d & 3) << 8 | e]
    return [library.woven(luma), a << 2 | b >> 6, (c & 15) << 6 | d >> 2]


def _iyu1(library: Library, planes: list[Any]) -> list[Any]:
    """U Y Y V Y Y."""
    words = _words(planes[0], 6)
    return [library.woven([words[1], words[2], words[4], words[5]]), words[0], words[3]]


def _thirds(library: Library, planes: list[Any]) -> list[Any]:
    """Three numbers of ten bits in 32, the lowest bits first."""

    def numbers(data: Any) -> Any:
        word = _word32(data)
        return library.woven([(word >> shift) & 0x3FF for shift in (0, 10, 20)])

    return _with_interleaved([numbers(plane) for plane in planes])


def _quarters(library: Library, planes: list[Any]) -> list[Any]:
    """Four numbers of ten bits in five bytes, the lowest bits first."""

    def numbers(data: Any) -> Any:
        a, b, c, d, e = _words(data, 5)
        return library.woven(
            [a | (b & 3) << 8, b >> 2 | (c & 15) << 6, c >> 4 | (d & 63) << 4, d >> 6 | e << 2],
        )

    return _with_interleaved([numbers(plane) for plane in planes])


def _with_interleaved(planes: list[Any]) -> list[Any]:
    if len(planes) == 1:
        return planes
    return [planes[0], planes[1][:, 0::2], planes[1][:, 1::2]]


def _palette(library: Library, planes: list[Any]) -> list[Any]:
    """Indices, and 256 times B G R A."""
    table = library.reshaped(planes[1], (-1,))
    return [library.looked_up(table[channel::4], planes[0]) for channel in (2, 1, 0, 3)]


PACKINGS = {
    "v210": _v210,
    "UYVP": _uyvp,
    "IYU1": _iyu1,
    "thirds": _thirds,
    "quarters": _quarters,
    "palette": _palette,
}
