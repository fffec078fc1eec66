# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every pixel format as tensors: shapes, kinds of numbers and values, at sizes where rounding and padding
show."""

import capsule
import cuframes
import numpy
import pictures
import pytest

SIZES = [(64, 48), (66, 47), (1, 1), (13, 7)]


def through_a_ring(publish, subscribe, format, width, height):
    publisher = publish(format=format, width=width, height=height)
    subscriber = subscribe()
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    return subscriber.next_frame(timeout_ms=10000)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("format", pictures.FORMATS)
def test_every_format_at_every_size(publish, subscribe, format, size):
    """What was written into a slot is what the reader's tensors hold, in the documented shape and kind; sizes
    that do not divide by the subsampling are rounded up."""
    frame = through_a_ring(publish, subscribe, format, *size)
    assert frame.format == format and (frame.width, frame.height) == size
    expected = pictures.plane_shapes(format, *size)
    assert [(plane.shape, plane.dtype) for plane in frame.planes] == [(s, d.name) for s, d in expected]
    for index, plane in enumerate(frame.planes):
        values = pictures.plane_of(1, index, plane.shape, plane.dtype)
        assert (capsule.values(plane) == values).all()
        assert plane.pitch == plane.strides[0] * plane.itemsize >= plane.row_bytes
        assert plane.row_bytes == numpy.prod(plane.shape[1:]) * plane.itemsize
        rows = capsule.values(plane.bytes)
        assert (rows == numpy.ascontiguousarray(values).view("u1").reshape(rows.shape)).all()
    assert frame.nbytes >= sum(plane.row_bytes * plane.rows for plane in frame.planes)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("format", ["NV12", "I420", "RGB", "P010_10LE", "RGB10A2_LE", "YUY2"])
def test_pack_has_compact_rows(publish, subscribe, format, size):
    """pack() gives what consumers without strides need: the pitch is the row, and the values are the same."""
    packed = through_a_ring(publish, subscribe, format, *size).pack()
    for index, plane in enumerate(packed.planes):
        assert plane.pitch == plane.row_bytes
        assert (capsule.values(plane) == pictures.plane_of(1, index, plane.shape, plane.dtype)).all()


@pytest.mark.parametrize("format", sorted(pictures.STACKABLE))
def test_one_tensor_of_all_rows(publish, subscribe, format):
    """Formats whose planes have rows of one length can be sent as one tensor: luma's rows, then chroma's."""
    publisher = publish(format=format)
    subscriber = subscribe()
    planes = pictures.picture(2, format, 64, 48)
    publisher.send(numpy.concatenate([plane.reshape(plane.shape[0], -1) for plane in planes]), format=format)
    assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 2) == ""


def test_every_named_format_is_one_or_the_other(key):
    """Each member of PixelFormat can be published, or is refused by its name and with the reason: none is
    forgotten."""
    published, refused = [], []
    for format in cuframes.PixelFormat:
        try:
            with cuframes.publish(key, format=format, width=32, height=16, memory="host") as publisher:
                with publisher.acquire() as slot:
                    assert slot.format == format and len(slot.planes) >= 1
                    assert all(capsule.values(plane).shape == plane.shape for plane in slot.planes)
            published.append(format)
        except ValueError as error:
            assert str(format) in str(error)
            refused.append(format)
    assert set(pictures.FORMATS) <= set(published)
    assert not set(pictures.FORMATS) & set(refused)


def test_named_formats_are_those_of_the_library():
    """PixelFormat has a member for each format of the library's table, and no other."""
    assert {str(format.value) for format in cuframes.PixelFormat} == set(cuframes._native.formats())


@pytest.mark.parametrize("size", [(640, 480), (321, 241)])
def test_formats_agree_with_gstreamer(need, size):
    """Planes, rows and bytes are GStreamer's own for every format that both know."""
    need("gi")
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstVideo", "1.0")
    from gi.repository import Gst, GstVideo

    Gst.init(None)
    compared = 0
    for format in cuframes.PixelFormat:
        theirs = GstVideo.VideoFormat.from_string(str(format.value))
        info = GstVideo.VideoInfo.new()
        if theirs == GstVideo.VideoFormat.UNKNOWN or not info.set_format(theirs, *size):
            continue  # a format of a later GStreamer than the one here
        try:
            publisher = cuframes.publish(
                f"gst-{format.value}", format=format, width=size[0], height=size[1], memory="host", slots=3
            )
        except ValueError:
            continue
        with publisher, publisher.acquire() as slot:
            assert len(slot.planes) == info.finfo.n_planes, format
            for index, plane in enumerate(slot.planes):
                assert plane.pitch == info.stride[index], format
            start = slot.planes[0].data_ptr
            assert [plane.data_ptr - start for plane in slot.planes] == info.offset[: len(slot.planes)], format
        compared += 1
    assert compared > 60
