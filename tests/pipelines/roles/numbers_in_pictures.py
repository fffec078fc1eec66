# SPDX-License-Identifier: LGPL-2.1-or-later
"""A number in every picture, in its pixels: sixteen blocks of luma along the upper edge, black or white,
which survive every encoder here. It tells which pictures were shown, how often, and in which order."""

import functools
import re

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402

BITS, BLOCK, ROWS = 16, 8, 16
BLACK, WHITE, BETWEEN = 16, 235, 128
# What begins with a plane of luma, a byte for each pixel.
READABLE = ("I420", "YV12", "NV12", "NV21", "Y42B", "Y444", "A420", "GRAY8")


def write(buffer, width, number):
    """Into a picture in I420 that was just made. The buffer may be referred to elsewhere by now; its memory
    is not."""
    row = b"".join(bytes([WHITE if number >> bit & 1 else BLACK]) * BLOCK for bit in reversed(range(BITS)))
    stride, offset = _luma(buffer, width)
    memory = buffer.peek_memory(0)
    mapped = memory.map(Gst.MapFlags.READ | Gst.MapFlags.WRITE)
    for y in range(ROWS):
        mapped.data[offset + y * stride : offset + y * stride + len(row)] = row
    memory.unmap(mapped)


def read(buffer, caps):
    """The number in a picture; None where its format is not one that begins with luma."""
    width = width_of(caps.to_string())
    if width is None:
        return None
    _, offset = _luma(buffer, width)
    ok, mapped = buffer.map(Gst.MapFlags.READ)
    if not ok:
        return None
    number = read_luma(mapped.data, offset)
    buffer.unmap(mapped)
    return number


def read_luma(data, offset=0):
    """The number in a plane of luma."""
    samples = bytes(data[offset + BLOCK // 2 : offset + BITS * BLOCK : BLOCK])
    return sum((value > BETWEEN) << bit for bit, value in zip(reversed(range(BITS)), samples))


@functools.cache
def width_of(caps):
    """Of caps as text; None where they are not of pictures that begin with luma."""
    if not re.match(rf"video/x-raw(\([^)]*\))?, .*format=\(string\)({'|'.join(READABLE)})(,|$)", caps):
        return None
    return int(re.search(r"width=\(int\)(\d+)", caps).group(1))


def _luma(buffer, width):
    """Stride and offset of the first plane."""
    meta = GstVideo.buffer_get_video_meta(buffer)
    return (meta.stride[0], meta.offset[0]) if meta else ((width + 3) // 4 * 4, 0)


def number_pictures(element, first=0):
    """Every picture that a videotestsrc in here makes gets its number, counted from `first`."""
    for source in elements_of(element, "videotestsrc"):
        source.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, _Counter(first).number)


class _Counter:
    def __init__(self, first):
        self.next = first

    def number(self, pad, info):
        write(info.get_buffer(), width_of(pad.get_current_caps().to_string()), self.next)
        self.next = (self.next + 1) % (1 << BITS)
        return Gst.PadProbeReturn.OK


def elements_of(bin_, *factories):
    """All elements in a bin, however deep, that these factories make."""
    found, elements = [], bin_.iterate_recurse() if isinstance(bin_, Gst.Bin) else None
    while elements is not None:
        result, element = elements.next()
        if result == Gst.IteratorResult.RESYNC:
            elements.resync()
            found = []
        elif result != Gst.IteratorResult.OK:
            break
        elif element.get_factory() and element.get_factory().get_name() in factories:
            found.append(element)
    return found
