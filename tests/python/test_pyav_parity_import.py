# SPDX-License-Identifier: LGPL-2.1-or-later
"""The counterparts of PyAV's DLPack tests, second half: tensors as frames. Each docstring begins with the
number and subject of the original. "Both ways in" are Publisher.send(), which copies into the ring, and
cuframes.gst.to_buffer(), which need not copy."""

import gc

import capsule
import cuframes
import numpy
import pictures
import pytest

WIDTH, HEIGHT = 64, 48


class Sending:
    """Through a ring: read() is what a subscriber finds."""

    def __init__(self, publish_options, key, cleanup):
        self.publisher = cuframes.publish(key, **publish_options)
        cleanup.append(self.publisher)
        self.key, self.cleanup = key, cleanup
        self.subscriber = None

    def make(self, source, **options):
        if self.subscriber is None and "format" in options:
            # The ring's size is that of its first tensor.
            size = {name: options.pop(name) for name in ("width", "height") if name in options}
            if size:
                self.publisher.configure(options["format"], size.get("width", 0), size.get("height", 0))
        assert self.publisher.send(source, **options)

    def read(self):
        self.subscriber = cuframes.subscribe(self.key, connect_timeout_ms=10000)
        self.cleanup.append(self.subscriber)
        return self.subscriber.next_frame(timeout_ms=10000)


class Wrapping:
    """Through a Gst.Sample."""

    def __init__(self, gst):
        self.gst = gst
        self.sample = None

    def make(self, source, **options):
        self.sample = self.gst.to_sample(source, **options)

    def read(self):
        return self.gst.wrap(self.sample)


@pytest.fixture(params=["send", "to_buffer"])
def way(request, key, memory, cleanup, need):
    if request.param == "send":
        return Sending({"memory": memory}, key, cleanup)
    need("gi")
    return Wrapping(need("cuframes.gst"))


def check(frame, expected):
    assert len(frame.planes) == len(expected)
    for plane, values in zip(frame.planes, expected):
        assert plane.shape == values.shape and plane.dtype == values.dtype.name
        assert (capsule.values(plane) == values).all()


def padded(array, bytes_more):
    """The same elements with longer rows."""
    more = bytes_more // array.itemsize
    flat = array.reshape(array.shape[0], -1)
    room = numpy.zeros((flat.shape[0], flat.shape[1] + more), array.dtype)
    room[:, : flat.shape[1]] = flat
    return numpy.lib.stride_tricks.as_strided(room, array.shape, (room.strides[0], *array.strides[1:]))


def test_02_sources_may_go(way):
    """2, nv12 zero copy and lifetime: after the sources were deleted the frame's bytes remain."""
    expected = pictures.picture(3, "NV12", WIDTH, HEIGHT)
    sources = [plane.copy() for plane in expected]
    way.make(sources, format="NV12")
    del sources
    gc.collect()
    check(way.read(), expected)


def test_02_to_buffer_shares_memory(need):
    """2, nv12 zero copy: a buffer made of one tensor has the tensor's bytes, and not a copy of them."""
    need("gi")
    gst = need("cuframes.gst")
    rows = numpy.zeros((HEIGHT * 3 // 2, WIDTH), numpy.uint8)
    frame = gst.wrap(gst.to_sample(rows, format="NV12", copy=False))
    rows[0, 0], rows[HEIGHT, 1] = 201, 202
    assert capsule.values(frame.planes[0])[0, 0] == 201
    assert capsule.values(frame.planes[1])[0, 0, 1] == 202


def test_03_pitch(way):
    """3, nv12 pitch: rows longer than the picture is wide are understood."""
    expected = pictures.picture(4, "NV12", WIDTH, HEIGHT)
    way.make([padded(plane, 16) for plane in expected], format="NV12")
    check(way.read(), expected)


def test_04_flat_chroma(way):
    """4, uv 2-D accepted: (H/2, W) is the same chroma as (H/2, W/2, 2), and comes back as the latter."""
    expected = pictures.picture(5, "NV12", WIDTH, HEIGHT)
    way.make([expected[0], expected[1].reshape(HEIGHT // 2, WIDTH)], format="NV12")
    check(way.read(), expected)


def test_05_planes_as_inputs(way, publish, subscribe):
    """5, planes accepted as inputs: what a subscriber got can be handed on, plane by plane or as the frame's
    planes."""
    source_key = f"{way.__class__.__name__}-source"
    publisher = publish(key=source_key)
    subscriber = subscribe(key=source_key)
    with publisher.acquire() as slot:
        pictures.draw(slot, 6)
    frame = subscriber.next_frame(timeout_ms=10000)
    way.make(frame.planes, format="NV12")
    frame.release()
    check(way.read(), pictures.picture(6, "NV12", WIDTH, HEIGHT))


@pytest.mark.parametrize("format", ["P010_10LE", "P016_LE"])
def test_06_p010_and_p016(way, format):
    """6, p010 and p016: uint16 tensors go in and come out."""
    expected = pictures.picture(7, format, WIDTH, HEIGHT)
    way.make([padded(plane, 16) for plane in expected], format=format)
    check(way.read(), expected)


def test_14_packed(way):
    """14, packed import rejected: here packed RGB is accepted, as (H, W, 3)."""
    expected = pictures.picture(8, "RGB", WIDTH, HEIGHT)
    way.make(expected[0], format="RGB")
    check(way.read(), expected)


@pytest.mark.parametrize("format", ["I420", "Y42B", "Y444", "GRAY8", "I420_10LE"])
def test_15_planar(way, format):
    """15, planar import: five formats round trip."""
    expected = pictures.picture(9, format, WIDTH, HEIGHT)
    way.make(expected, format=format)
    check(way.read(), expected)


def test_16_planar_sources_may_go(way):
    """16, yuv420p zero copy and lifetime."""
    expected = pictures.picture(10, "I420", WIDTH, HEIGHT)
    sources = [plane.copy() for plane in expected]
    way.make(sources, format="I420")
    del sources
    gc.collect()
    check(way.read(), expected)


def test_17_planar_pitch(way):
    """17, yuv420p pitch: each plane may have its own."""
    expected = pictures.picture(11, "I420", WIDTH, HEIGHT)
    way.make([padded(plane, 8 * (index + 1)) for index, plane in enumerate(expected)], format="I420")
    check(way.read(), expected)


@pytest.mark.parametrize("format, width, height", [("I420", 33, 17), ("NV12", 65, 47), ("P010_10LE", 7, 5)])
def test_19_and_24_odd_sizes(way, format, width, height):
    """19 and 24, odd dims are ValueError: here they work, chroma rounded up."""
    expected = pictures.picture(12, format, width, height)
    way.make(expected, format=format)
    frame = way.read()
    assert (frame.width, frame.height) == (width, height)
    check(frame, expected)


def test_21_device_of_the_tensors(way):
    """21, device_id=1 with CPU tensors: tensors on a device that is not there, or on two devices, are
    refused."""
    planes = pictures.picture(1, "NV12", WIDTH, HEIGHT)
    opencl = 4
    with pytest.raises((ValueError, BufferError), match="device"):
        way.make([capsule.Producer(plane, device=(opencl, 0)) for plane in planes], format="NV12")
    with pytest.raises((ValueError, BufferError), match="device"):
        way.make([planes[0], capsule.Producer(planes[1], device=(capsule.CUDA, 0))], format="NV12")


def test_33_capsule_reused(way):
    """33, capsule reused: a capsule is consumed once, and says so the second time; the tensor is not freed
    twice."""
    planes = [capsule.Producer(plane) for plane in pictures.picture(13, "NV12", WIDTH, HEIGHT)]
    y = planes[0].capsule()
    way.make([y, planes[1].capsule()], format="NV12")
    with pytest.raises(TypeError, match="consumed|used"):
        way.make([y, planes[1].capsule()], format="NV12")


def test_37_hand_over_to_an_encoder(need, publish, subscribe):
    """37 and 38, NVENC from CUDA frames: a frame of the ring goes to an encoder of a pipeline in this process
    through cuframes.gst, and packets come out. x264enc stands in for NVENC, which needs its GPU."""
    need("gi")
    gst = need("cuframes.gst")
    from gi.repository import Gst

    Gst.init(None)
    pipeline = Gst.parse_launch(
        "appsrc name=in format=time ! queue ! videoconvert ! x264enc tune=zerolatency ! appsink name=out sync=false"
    )
    source, sink = pipeline.get_by_name("in"), pipeline.get_by_name("out")
    publisher, subscriber = publish(), subscribe()
    packets = 0
    try:
        for number in range(5):
            with publisher.acquire() as slot:
                pictures.draw(slot, number)
            frame = subscriber.next_frame(timeout_ms=10000)
            if frame.memory == "cuda":
                frame = frame.copy(device="cpu")
            sample = gst.to_sample(frame.planes, format="NV12", pts=number * Gst.SECOND // 25)
            if number == 0:
                source.set_property("caps", sample.get_caps().copy())
                pipeline.set_state(Gst.State.PLAYING)
            assert source.emit("push-buffer", sample.get_buffer()) == Gst.FlowReturn.OK
            del frame, sample
            gc.collect()
        source.emit("end-of-stream")
        while packet := sink.emit("try-pull-sample", 30 * Gst.SECOND):
            assert packet.get_buffer().get_size() > 0
            packets += 1
    finally:
        pipeline.set_state(Gst.State.NULL)
    assert packets == 5
