# SPDX-License-Identifier: LGPL-2.1-or-later
"""The libraries people use, as consumers of frames and as producers for send(): numpy, torch, PyAV and jax on
the CPU. Their GPU halves are in gpu/."""

import signal

import cuframes
import numpy
import pictures
import pytest

pytestmark = pytest.mark.usefixtures("host_only")


@pytest.fixture
def publisher(publish):
    return publish(width=66, height=48)


@pytest.fixture
def subscriber(publisher, subscribe):
    return subscribe()


@pytest.fixture
def frame(publisher, subscriber):
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    return subscriber.next_frame(timeout_ms=10000)


Y, UV = pictures.picture(1, "NV12", 66, 48)


def test_numpy_from_dlpack(frame):
    """numpy sees the ring's memory, read-only."""
    luma, chroma = (numpy.from_dlpack(plane) for plane in frame.planes)
    assert luma.ctypes.data == frame.planes[0].data_ptr and not luma.flags.writeable
    assert (luma == Y).all() and (chroma == UV).all()


def test_numpy_asarray(frame):
    """numpy.asarray() takes a plane too: zero copy, strides kept, read-only, alive after the frame."""
    luma = numpy.asarray(frame.planes[0])
    assert luma.ctypes.data == frame.planes[0].data_ptr and luma.strides == (frame.planes[0].pitch, 1)
    with pytest.raises(ValueError):
        luma[0, 0] = 1
    frame.release()
    assert (luma == Y).all()


def test_numpy_writes_slots(publisher, subscriber):
    """A slot's plane is written through numpy.asarray(), odd rows and all."""
    with publisher.acquire() as slot:
        for plane, values in zip(slot.planes, (Y, UV)):
            numpy.asarray(plane)[...] = values
    assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 1) == ""


def test_numpy_array_of_a_copy_is_writable(frame):
    """A private copy is one's own to draw into."""
    luma = numpy.asarray(frame.copy().planes[0])
    luma[...] = 3
    assert luma.sum() == 3 * 66 * 48


def test_numpy_copy_argument(frame):
    """numpy's own copy argument reaches the producer: copy=True is other memory, copy=False is not."""
    assert numpy.from_dlpack(frame.planes[0], copy=True).ctypes.data != frame.planes[0].data_ptr
    assert numpy.from_dlpack(frame.planes[0], copy=False).ctypes.data == frame.planes[0].data_ptr


def test_numpy_sends(publisher, subscriber):
    """send() takes numpy arrays, slices of larger ones and read-only ones included."""
    large = numpy.zeros((100, 200), "u1")
    luma = large[20:68, 30:96]
    luma[...] = Y
    chroma = UV.copy()
    chroma.flags.writeable = False
    assert publisher.send([luma, chroma])
    assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 1) == ""


def test_torch_from_dlpack(need, frame):
    """torch sees the ring's memory, strides and all, from planes and from the frame itself."""
    torch = need("torch")
    luma, chroma = (torch.from_dlpack(plane) for plane in frame.planes)
    assert luma.data_ptr() == frame.planes[0].data_ptr and luma.stride() == frame.planes[0].strides
    assert luma.dtype == torch.uint8 and chroma.shape == (24, 33, 2)
    assert torch.equal(luma, torch.from_numpy(Y)) and torch.equal(chroma, torch.from_numpy(UV))
    assert torch.equal(torch.from_dlpack(frame), luma)
    frame.release()
    assert torch.equal(luma, torch.from_numpy(Y))


WRITE = """
import sys, cuframes, torch
with cuframes.subscribe(sys.argv[1], connect_timeout_ms=30000) as subscriber:
    frame = subscriber.next_frame(30000)
    torch.from_dlpack(frame.copy().planes[0]).add_(1)
    torch.from_dlpack(frame.planes[0]).clone().add_(1)
    print("copies written", flush=True)
    torch.from_dlpack(frame.planes[0]).add_(1)
"""


def test_torch_writes_copies_and_no_frame(need, program, publisher, frame, key):
    """A copy is written as one likes. A write through a tensor of a frame ends the process that tries, as the
    documentation says and faulthandler shows, and changes nothing for others."""
    need("torch")
    code, out, err = program(WRITE, key).finish()
    assert (code, out) == (-signal.SIGSEGV, "copies written\n") and "line 8 in <module>" in err, err
    assert pictures.difference(frame, 1) == "" and publisher.send(frame)


def test_torch_sends(need, publisher, subscriber):
    """send() takes torch tensors, sliced ones included, and one frame after the other."""
    torch = need("torch")
    large = torch.zeros(60, 100, dtype=torch.uint8)
    large[:48, :66] = torch.from_numpy(Y)
    for _ in range(2):
        assert publisher.send((large[:48, :66], torch.from_numpy(UV)))
        assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 1) == ""


def test_torch_writes_slots(need, publisher, subscriber):
    """A slot is written in place through torch."""
    torch = need("torch")
    with publisher.acquire() as slot:
        for plane, values in zip(slot.planes, (Y, UV)):
            torch.from_dlpack(plane).copy_(torch.from_numpy(values))
    assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 1) == ""


def test_torch_ten_bit_is_uint16(need, publish, subscribe):
    """Ten-bit planes are torch.uint16."""
    torch = need("torch")
    publisher = publish(key="deep", format="P010_10LE", width=10, height=4)
    subscriber = subscribe(key="deep")
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    luma = torch.from_dlpack(subscriber.next_frame(timeout_ms=10000).planes[0])
    assert luma.dtype == torch.uint16
    assert (luma.numpy() == pictures.plane_of(1, 0, (4, 10), "u2")).all()


@pytest.mark.parametrize("format, name", [("NV12", "nv12"), ("P010_10LE", "p010le")])
def test_pyav_takes_frames(need, publish, subscribe, format, name):
    """av.VideoFrame.from_dlpack() takes planes as they are: no copy, the right pixels, alive after the
    frame."""
    av = need("av")
    publisher = publish(key="to-av", format=format, width=64, height=48)
    subscriber = subscribe(key="to-av")
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    frame = subscriber.next_frame(timeout_ms=10000)
    video = av.VideoFrame.from_dlpack(tuple(frame.planes), format=name, width=64, height=48)
    frame.release()
    luma, chroma = pictures.picture(1, format, 64, 48)
    assert (numpy.from_dlpack(video.planes[0]) == luma).all()
    assert (numpy.from_dlpack(video.planes[1]) == chroma).all()


def test_pyav_sends(need, publish, subscribe):
    """The planes of a PyAV frame go into send(), and come out the same."""
    av = need("av")
    publisher = publish(key="from-av", format="NV12", width=64, height=48)
    subscriber = subscribe(key="from-av")
    luma, chroma = pictures.picture(4, "NV12", 64, 48)
    video = av.VideoFrame.from_ndarray(numpy.concatenate([luma, chroma.reshape(24, 64)]), format="nv12")
    publisher.send(video.planes)
    assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 4) == ""


def test_jax_takes_packed_frames(need, frame):
    """jax needs compact rows, which pack() gives; it takes the packed plane by its own from_dlpack()."""
    jax = need("jax")
    packed = frame.pack()
    luma = jax.dlpack.from_dlpack(packed.planes[0])
    assert luma.shape == (48, 66) and luma.dtype == numpy.uint8
    packed.release()
    assert (numpy.asarray(luma) == Y).all()


def test_jax_sends(need, publisher, subscriber):
    """send() takes jax arrays."""
    jax = need("jax")
    publisher.send([jax.numpy.asarray(Y), jax.numpy.asarray(UV)])
    assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 1) == ""


def test_frames_are_sent_on(publish, subscriber, publisher, subscribe):
    """A subscriber's frame goes into send() of another ring, whole."""
    second = publish(key="second", width=66, height=48)
    reader = subscribe(key="second")
    with publisher.acquire() as slot:
        pictures.draw(slot, 9)
    with subscriber.next_frame(timeout_ms=10000) as frame:
        second.send(frame.planes, pts=frame.pts)
    assert pictures.difference(reader.next_frame(timeout_ms=10000), 9) == ""


@pytest.mark.parametrize(
    "shape, dtype, format",
    [
        ((8, 6, 3), "u1", "RGB"),
        ((8, 6, 4), "u1", "RGBA"),
        ((8, 6), "u1", "GRAY8"),
        ((8, 6), "u2", "GRAY16_LE"),
    ],
)
def test_a_format_is_guessed(key, cleanup, shape, dtype, format):
    """A publisher that was told no format takes it from its first tensor, where the shape says enough."""
    publisher = cuframes.publish(key)
    cleanup.append(publisher)
    values = pictures.plane_of(1, 0, shape, dtype)
    publisher.send(values)
    subscriber = cuframes.subscribe(key, connect_timeout_ms=10000)
    cleanup.append(subscriber)
    frame = subscriber.next_frame(timeout_ms=10000)
    assert frame.format == format and (numpy.from_dlpack(frame.planes[0]) == values).all()
