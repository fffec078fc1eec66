# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arguments as the native module takes them, and what is wrong with those that it could not."""

from __future__ import annotations

import math
import operator
import os

from . import _native
from ._ffmpeg import FORMATS, FULL_RANGE
from ._formats import PixelFormat
from .errors import InvalidArgument

_MOST = 2**63 - 1

# What some call formats that have two names already.
_OTHER_NAMES = {"grey": "GRAY8", "mono8": "GRAY8", "rgb8": "RGB", "bgr8": "BGR", **FULL_RANGE}


def whole(name: str, value: object, unit: str) -> int:
    """A whole number of any library's. TypeError: it is none."""
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is a whole number of {unit}, not {value!r}") from None


def text(name: str, value: object) -> str:
    """A text. TypeError: it is none."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is a text, not {value!r}")
    return value


def folder(directory: str | bytes | os.PathLike[str] | None) -> str:
    """A directory's path; "" where none is said. TypeError: it is none."""
    if directory is None:
        return ""
    try:
        return os.fsdecode(directory)
    except TypeError:
        raise TypeError(f"directory is a path, not {directory!r}") from None


def raw(name: str, value: object) -> bytes:
    """Bytes of whatever has some. TypeError: it has none."""
    try:
        return bytes(memoryview(value))  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} are bytes, not {value!r}") from None


def milliseconds(timeout_ms: object) -> int:
    """A timeout; whatever is negative, or longer than a number can say, is for ever."""
    number = whole("timeout_ms", timeout_ms, "milliseconds, -1 for ever")
    return max(-1, min(number, _MOST))


def limit(timeout_ms: object, timeout: object, name: str = "timeout") -> int:
    """How long to wait, in milliseconds, of `timeout_ms` or of `timeout` in seconds; -1: for ever."""
    if timeout is None:
        return milliseconds(timeout_ms)
    if timeout_ms != -1:
        raise InvalidArgument(f"give {name} in seconds or {name}_ms, not both")
    try:
        number = float("x") if isinstance(timeout, str) else float(timeout)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} is a number of seconds, or None for ever, not {timeout!r}") from None
    if not number >= 0:
        raise InvalidArgument(f"{name} is 0 or more seconds, or None for ever, not {timeout!r}")
    # A little more than none is not none.
    return -1 if number * 1000 >= _MOST else math.ceil(number * 1000)


def nanoseconds(name: str, value: object) -> int:
    """A time, or -1 for one that is not known."""
    if value is None:
        return -1
    number = whole(name, value, "nanoseconds")
    if not 0 <= number <= _MOST:
        raise InvalidArgument(f"{name} is 0 or more nanoseconds, or None, not {number}")
    return number


def seconds(name: str, value: object) -> int:
    """A span of time as nanoseconds, of any number of any library's. TypeError: it is none."""
    if isinstance(value, str):
        raise TypeError(f"{name} is a number of seconds, not {value!r}")
    try:
        number = float(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is a number of seconds, not {value!r}") from None
    if not 0 <= number <= _MOST / 1e9:
        raise InvalidArgument(f"{name} is 0 or more seconds, not {number}")
    return round(number * 1e9)


def bits(name: str, value: object) -> int:
    """Flags, of 32 bits."""
    number = whole(name, value, "bits")
    if not 0 <= number < 2**32:
        raise InvalidArgument(f"{name} has 32 bits; {number} is out of range")
    return number


def count(name: str, value: object, least: int, most: int, otherwise: str = "") -> int:
    """A number of things within bounds. InvalidArgument: outside of them."""
    number = whole(name, value, "frames, readers or pixels")
    if not least <= number <= most:
        raise InvalidArgument(f"{name} is {least} to {most}{otherwise}, not {number}")
    return number


def pixel_format(format: object) -> PixelFormat:
    """A format in which tensors can be frames, by GStreamer's name or by FFmpeg's. InvalidArgument: none, with the name
    that is meant."""
    if not isinstance(format, str):
        raise TypeError(f"format is a PixelFormat or its name, not {type(format).__name__}")
    known = _native.formats()
    if str(format) in known:
        return PixelFormat(format)
    name = str(format)
    if name in FORMATS:
        return PixelFormat(FORMATS[name])
    by_case = {one.lower(): one for one in (*FORMATS, *known)}
    meant = _OTHER_NAMES.get(name.lower()) or by_case.get(name.lower())
    hint = f'; you mean "{meant}"' if meant else f". Those with tensors are {', '.join(known)}"
    raise InvalidArgument(
        f"there is no format \"{name}\" for frames made of tensors: names are GStreamer's, or FFmpeg's{hint}"
    )
