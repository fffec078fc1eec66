# SPDX-License-Identifier: LGPL-2.1-or-later
"""Numbered pictures: every element of every plane depends on the frame's number, the plane and its place, so
that a torn, stale or shifted frame cannot pass for another. And what the planes of pixel formats look like,
written down here a second time so that the package is not compared with itself."""

import ctypes

import numpy

# name: for each plane (dtype, channels, log2 of horizontal and of vertical subsampling)
FORMATS = {
    "GRAY8": [("u1", 1, 0, 0)],
    "GRAY16_LE": [("u2", 1, 0, 0)],
    "RGB": [("u1", 3, 0, 0)],
    "BGR": [("u1", 3, 0, 0)],
    "RGBA": [("u1", 4, 0, 0)],
    "BGRx": [("u1", 4, 0, 0)],
    "ARGB": [("u1", 4, 0, 0)],
    "AYUV": [("u1", 4, 0, 0)],
    "VUYA": [("u1", 4, 0, 0)],
    "RGB16": [("u2", 1, 0, 0)],
    "ARGB64_LE": [("u2", 4, 0, 0)],
    "RGB10A2_LE": [("u4", 1, 0, 0)],
    "BGR10A2_LE": [("u4", 1, 0, 0)],
    "NV12": [("u1", 1, 0, 0), ("u1", 2, 1, 1)],
    "NV21": [("u1", 1, 0, 0), ("u1", 2, 1, 1)],
    "NV16": [("u1", 1, 0, 0), ("u1", 2, 1, 0)],
    "NV24": [("u1", 1, 0, 0), ("u1", 2, 0, 0)],
    "P010_10LE": [("u2", 1, 0, 0), ("u2", 2, 1, 1)],
    "P012_LE": [("u2", 1, 0, 0), ("u2", 2, 1, 1)],
    "P016_LE": [("u2", 1, 0, 0), ("u2", 2, 1, 1)],
    "I420": [("u1", 1, 0, 0), ("u1", 1, 1, 1), ("u1", 1, 1, 1)],
    "YV12": [("u1", 1, 0, 0), ("u1", 1, 1, 1), ("u1", 1, 1, 1)],
    "Y42B": [("u1", 1, 0, 0), ("u1", 1, 1, 0), ("u1", 1, 1, 0)],
    "Y444": [("u1", 1, 0, 0), ("u1", 1, 0, 0), ("u1", 1, 0, 0)],
    "Y41B": [("u1", 1, 0, 0), ("u1", 1, 2, 0), ("u1", 1, 2, 0)],
    "GBR": [("u1", 1, 0, 0)] * 3,
    "RGBP": [("u1", 1, 0, 0)] * 3,
    "GBRA": [("u1", 1, 0, 0)] * 4,
    "A420": [("u1", 1, 0, 0), ("u1", 1, 1, 1), ("u1", 1, 1, 1), ("u1", 1, 0, 0)],
    "I420_10LE": [("u2", 1, 0, 0), ("u2", 1, 1, 1), ("u2", 1, 1, 1)],
    "I420_12LE": [("u2", 1, 0, 0), ("u2", 1, 1, 1), ("u2", 1, 1, 1)],
    "I422_10LE": [("u2", 1, 0, 0), ("u2", 1, 1, 0), ("u2", 1, 1, 0)],
    "Y444_10LE": [("u2", 1, 0, 0)] * 3,
    "GBR_10LE": [("u2", 1, 0, 0)] * 3,
    "YUY2": [("u1", 2, 0, 0)],
    "UYVY": [("u1", 2, 0, 0)],
    "Y210": [("u2", 2, 0, 0)],
}
# Two pixels share their chroma, so rows hold an even number of them.
PAIRS = {"YUY2", "UYVY", "Y210"}
# More than one plane and rows of one length: one tensor of all rows can stand for the frame.
STACKABLE = {"NV12", "NV21", "NV16", "P010_10LE"}


def plane_shapes(format, width, height):
    """For each plane (shape, dtype name)."""
    if format in PAIRS:
        width += width % 2
    found = []
    for dtype, channels, log2_x, log2_y in FORMATS[format]:
        shape = (-(-height >> log2_y), -(-width >> log2_x))
        found.append((shape + (channels,) if channels > 1 else shape, numpy.dtype(dtype)))
    return found


def plane_of(number, plane, shape, dtype):
    """The elements of one plane of picture `number`."""
    dtype = numpy.dtype(dtype)
    places = numpy.arange(numpy.prod(shape, dtype=numpy.int64), dtype=numpy.uint64)
    mixed = places * numpy.uint64(2654435761) + numpy.uint64(number * 40503 + plane * 2246822519 + 17)
    mixed ^= mixed >> numpy.uint64(15)
    return mixed.astype(dtype).reshape(shape)


def picture(number, format, width, height):
    return [
        plane_of(number, plane, shape, dtype)
        for plane, (shape, dtype) in enumerate(plane_shapes(format, width, height))
    ]


def pixels(plane):
    """The elements of a plane where they lie, strides and all, and writable where the memory is. "GPU" memory
    too: that of the stand-in driver lies in host memory."""
    dtype = numpy.dtype(str(plane.dtype))
    last = sum((n - 1) * stride for n, stride in zip(plane.shape, plane.strides)) + 1
    flat = numpy.frombuffer((ctypes.c_uint8 * (last * dtype.itemsize)).from_address(plane.data_ptr), dtype)
    return numpy.lib.stride_tricks.as_strided(
        flat, plane.shape, [stride * dtype.itemsize for stride in plane.strides], writeable=not plane.readonly
    )


def draw(slot, number):
    """Writes picture `number` into a slot, in place."""
    for index, plane in enumerate(slot.planes):
        pixels(plane)[...] = plane_of(number, index, plane.shape, str(plane.dtype))


def difference(frame, number):
    """What of `frame` is not picture `number`; empty: nothing."""
    for index, plane in enumerate(frame.planes):
        wrong = pixels(plane) != plane_of(number, index, plane.shape, str(plane.dtype))
        if wrong.any():
            return f"plane {index} of frame {frame.seq} differs from picture {number} in {wrong.sum()} elements"
    return ""
