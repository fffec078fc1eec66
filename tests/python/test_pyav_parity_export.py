# SPDX-License-Identifier: LGPL-2.1-or-later
"""The counterparts of PyAV's DLPack tests, first half: frames as tensors. Each docstring begins with the
number and subject of the original; the numbers are those of PyAV's tests of hardware frames and DLPack in
their order."""

import gc

import capsule
import cuframes
import numpy
import pictures
import pytest

NV12 = [((48, 64), "u1"), ((24, 32, 2), "u1")]


def shapes(frame):
    return [(tuple(plane.shape), numpy.dtype(str(plane.dtype)).str[1:]) for plane in frame.planes]


def publish_picture(publisher, number=1):
    with publisher.acquire() as slot:
        pictures.draw(slot, number)


def test_01_where_frames_lie_is_said_and_checked(key, memory):
    """1, hwaccel validation: where frames lie is decided when the ring is made; what makes no sense is
    refused, and nothing is left of the publisher that asked for it."""
    with pytest.raises(ValueError, match="memory"):
        cuframes.publish(key, format="NV12", width=64, height=48, memory="nowhere")
    with cuframes.publish(key, format="NV12", width=64, height=48) as publisher, publisher.acquire() as slot:
        assert slot.planes[0].device.split(":")[0] in ("cpu", "cuda")
    with cuframes.publish(key, format="NV12", width=64, height=48, memory=memory) as publisher:
        with publisher.acquire() as slot:
            assert slot.planes[0].device == ("cpu" if memory == "host" else "cuda:0")


def test_02_nv12_zero_copy_and_lifetime(publish, subscribe):
    """2, nv12 zero copy and lifetime: what is written through a slot's plane is what the reader finds,
    nothing was copied on the way, and the bytes stay after frame, subscriber and publisher were let go."""
    publisher = publish()
    subscriber = subscribe()
    with publisher.acquire() as slot:
        for index, plane in enumerate(slot.planes):
            pictures.pixels(plane)[...] = pictures.plane_of(7, index, plane.shape, "u1")
            pictures.pixels(plane).flat[0] = 123 + index
    frame = subscriber.next_frame(timeout_ms=10000)
    assert shapes(frame) == NV12 and len(frame.planes) == 2
    taken = [capsule.take(plane) for plane in frame.planes]
    assert publisher.stats()["copied"] == 0
    assert [t.data for t in taken] == [plane.data_ptr for plane in frame.planes]
    del frame
    subscriber.close()
    publisher.close()
    del subscriber, publisher, slot, plane
    gc.collect()
    for index, tensor in enumerate(taken):
        expected = pictures.plane_of(7, index, tensor.shape, "u1")
        expected.flat[0] = 123 + index
        assert (tensor.array() == expected).all()
        tensor.delete()


def test_03_nv12_pitch_and_export(publish, subscribe):
    """3, nv12 pitch and export: padded rows keep their pitch, buffer_size is pitch times rows, shapes,
    strides and values are those of the picture, and the tensors outlive the frame."""
    publisher = publish(width=66, height=48)
    subscriber = subscribe()
    publish_picture(publisher)
    frame = subscriber.next_frame(timeout_ms=10000)
    y, uv = frame.planes
    assert y.pitch > 66 and y.pitch == y.line_size
    assert (y.row_bytes, y.rows) == (66, 48)
    assert y.buffer_size == y.pitch * 48 and uv.buffer_size == uv.pitch * 24
    assert y.strides == (y.pitch, 1) and uv.strides == (uv.pitch, 2, 1)
    assert (frame.pitch_y, frame.pitch_uv) == (y.pitch, uv.pitch)
    tensors = [capsule.take(plane) for plane in frame.planes]
    frame.close()
    del frame, y, uv
    gc.collect()
    for tensor, expected in zip(tensors, pictures.picture(1, "NV12", 66, 48)):
        assert (tensor.array() == expected).all()
        tensor.delete()


@pytest.mark.parametrize("format", ["P010_10LE", "P016_LE"])
def test_06_p010_and_p016(publish, subscribe, format):
    """6, p010 and p016: sixteen-bit planes are uint16, and their strides in bytes are exactly the pitch."""
    publisher = publish(format=format, width=66, height=48)
    subscriber = subscribe()
    publish_picture(publisher)
    frame = subscriber.next_frame(timeout_ms=10000)
    for plane, expected in zip(frame.planes, pictures.picture(1, format, 66, 48)):
        assert plane.dtype == "uint16" and plane.itemsize == 2
        tensor = capsule.take(plane)
        assert tensor.strides[0] * 2 == plane.pitch and tensor.dtype == (capsule.UINT, 16, 1)
        assert (tensor.array() == expected).all()
        tensor.delete()


def test_07_export_keeps_the_frame(publish, subscribe):
    """7, export keeps the frame alive: a tensor of a frame that nobody names any more keeps its slot, which
    the publisher does not write to however often it goes round."""
    publisher = publish(slots=4)
    subscriber = subscribe(max_held=2, mode=cuframes.SubscriberMode.NEWEST_ONLY)
    publish_picture(publisher, 1)
    tensor = capsule.take(subscriber.next_frame(timeout_ms=10000).planes[0])
    gc.collect()
    for number in range(2, 20):
        publish_picture(publisher, number)
    assert (tensor.array() == pictures.plane_of(1, 0, (48, 64), "u1")).all()
    tensor.delete()


@pytest.mark.parametrize("format, shape", [("RGB", (16, 24, 3)), ("BGRx", (16, 24, 4))])
def test_08_packed_rgb(publish, subscribe, format, shape):
    """8, packed RGB export: (H, W, C), the row stride taken from the pitch."""
    publisher = publish(format=format, width=24, height=16)
    subscriber = subscribe()
    publish_picture(publisher)
    (plane,) = subscriber.next_frame(timeout_ms=10000).planes
    tensor = capsule.take(plane)
    assert tensor.shape == shape and tensor.strides == (plane.pitch, shape[2], 1)
    assert (tensor.array() == pictures.plane_of(1, 0, shape, "u1")).all()
    tensor.delete()


def test_09_planar_yuv420p(publish, subscribe):
    """9, planar yuv420p export: three planes of the right shapes."""
    publisher = publish(format="I420")
    subscriber = subscribe()
    publish_picture(publisher)
    frame = subscriber.next_frame(timeout_ms=10000)
    assert shapes(frame) == [((48, 64), "u1"), ((24, 32), "u1"), ((24, 32), "u1")]
    assert pictures.difference(frame, 1) == ""


def test_10_planar_ten_bit(publish, subscribe):
    """10, 10-bit planar: uint16, three planes."""
    publisher = publish(format="I420_10LE")
    subscriber = subscribe()
    publish_picture(publisher)
    frame = subscriber.next_frame(timeout_ms=10000)
    assert shapes(frame) == [((48, 64), "u2"), ((24, 32), "u2"), ((24, 32), "u2")]
    assert pictures.difference(frame, 1) == ""


def test_12_formats_are_named(publish, subscribe):
    """12, software frames have no sw_format: a frame has one format, the one of its pixels, wherever they
    lie."""
    publisher = publish()
    subscriber = subscribe()
    publish_picture(publisher)
    frame = subscriber.next_frame(timeout_ms=10000)
    assert frame.format is cuframes.PixelFormat.NV12 and frame.format == "NV12"
    assert frame.memory in ("host", "cuda") and not hasattr(frame, "sw_format")


def test_36_gpu_frame(publish, subscribe, stand_in):
    """36, CUDA frame: it says that it is one, the host's buffer protocols are refused by name, the device
    tuple is kept, and Y comes back equal."""
    publisher = publish()
    subscriber = subscribe()
    publish_picture(publisher)
    frame = subscriber.next_frame(timeout_ms=10000)
    assert frame.memory == "cuda" and frame.device == "cuda:0" and len(frame.planes) == 2
    with pytest.raises(BufferError, match="cuda:0"):
        memoryview(frame.planes[0])
    with pytest.raises(AttributeError, match="(?i)gpu|cuda"):
        _ = frame.planes[0].__array_interface__
    assert frame.planes[0].__dlpack_device__() == (capsule.CUDA, 0)
    assert (capsule.values(frame.planes[0]) == pictures.plane_of(1, 0, (48, 64), "u1")).all()
    with pytest.raises((RuntimeError, BufferError)):
        numpy.from_dlpack(frame.planes[0]).sum()
