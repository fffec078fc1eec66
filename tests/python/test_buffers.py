# SPDX-License-Identifier: LGPL-2.1-or-later
"""Planes and frames to what knows no DLPack: NumPy's asarray(), Python's buffers, caches of weak references."""

import fractions
import gc
import io
import weakref

import cuframes
import numpy
import pytest
from processes import SECONDS

MILLISECONDS = int(SECONDS * 1000)
# 67 columns: the rows of RGB are padded, those of GRAY16_LE and NV12 too.
PICTURE = (numpy.arange(48 * 67 * 4) % 251).astype(numpy.uint8).reshape(48, 67, 4)
PACKED = {
    "RGB": PICTURE[:, :, :3].copy(),
    "BGR": PICTURE[:, :, :3].copy(),
    "RGBA": PICTURE,
    "BGRx": PICTURE,
    "GRAY8": PICTURE[:, :, 0].copy(),
    "GRAY16_LE": PICTURE[:, :, 0].astype(numpy.uint16) * 257,
}
NV12 = [PICTURE[:, :66, 0].copy(), PICTURE[:24, :33, :2].copy()]


@pytest.fixture
def frame_of(key, memory, cleanup):
    """A frame of a ring with these tensors, and its subscriber."""
    publisher = cuframes.publish(key, memory=memory)
    subscriber = cuframes.Subscriber(key, mode=cuframes.SubscriberMode.STRICT_ORDER)
    cleanup += [publisher, subscriber]
    subscriber.connect(MILLISECONDS)

    def make(format, tensors):
        publisher.send(tensors, format=format)
        return subscriber.next_frame(MILLISECONDS)

    make.subscriber = subscriber
    make.publisher = publisher
    return make


@pytest.mark.parametrize("format", PACKED)
def test_a_packed_frame_is_an_array(frame_of, host_only, format):
    """numpy.asarray(frame) is the picture in place, in its shape, which cannot be written; array() is a copy."""
    frame = frame_of(format, PACKED[format])
    array = numpy.asarray(frame)
    assert array.shape == PACKED[format].shape and array.dtype == PACKED[format].dtype
    assert (array == PACKED[format]).all()
    assert array.ctypes.data == frame.planes[0].data_ptr and not array.flags.writeable
    mine = numpy.array(frame)
    mine[...] = 0
    assert (numpy.asarray(frame) == PACKED[format]).all()
    assert numpy.asarray(frame, dtype=numpy.float32).dtype == numpy.float32


def test_a_frame_of_planes_says_what_to_call(frame_of):
    """Of several planes there is no array, but an error with what to call, and not an array of one object."""
    with frame_of("NV12", NV12) as frame:
        for make in (numpy.asarray, numpy.array):
            with pytest.raises(TypeError, match=r'asarray\(frame.planes\[0\]\).*frame.to_ndarray\("rgb24"\)'):
                make(frame)
    with frame_of("RGB", PACKED["RGB"]) as frame:
        frame.release()
        with pytest.raises(TypeError, match="released|cuda"):
            numpy.asarray(frame)


def test_a_frame_of_a_gpu_is_no_array(frame_of, memory):
    """What is on a GPU is neither an array nor a buffer, and says how it comes down."""
    if memory != "cuda":
        pytest.skip("in GPU memory")
    frame = frame_of("RGB", PACKED["RGB"])
    for attempt in (
        lambda: numpy.asarray(frame),
        lambda: numpy.asarray(frame.planes[0]),
        lambda: memoryview(frame.planes[0]),
        lambda: bytes(frame.planes[0]),
    ):
        with pytest.raises((TypeError, BufferError), match=r'cuda:0.*frame.copy\(device="cpu"\)'):
            attempt()
    assert frame.planes[0].tobytes() == PACKED["RGB"].tobytes()
    assert (numpy.asarray(frame.copy(device="cpu")) == PACKED["RGB"]).all()


@pytest.mark.parametrize("format", PACKED)
def test_planes_are_buffers(frame_of, host_only, format):
    """memoryview(plane) is the plane in place with its strides; bytes() and tobytes() are its pixels without padding."""
    plane = frame_of(format, PACKED[format]).planes[0]
    view = memoryview(plane)
    assert view.shape == plane.shape == PACKED[format].shape
    assert view.strides == tuple(plane.itemsize * stride for stride in plane.strides)
    assert view.format == {1: "B", 2: "H"}[plane.itemsize] and view.itemsize == plane.itemsize
    assert view.readonly and view.nbytes == PACKED[format].nbytes
    assert bytes(plane) == plane.tobytes() == view.tobytes() == PACKED[format].tobytes()


def test_planes_of_chroma_are_buffers(frame_of, host_only):
    """Each plane is one: of NV12 luma and interleaved chroma, as pixels, flat, and as bytes."""
    luma, chroma = frame_of("NV12", NV12).planes
    assert bytes(luma) == NV12[0].tobytes() and bytes(chroma) == NV12[1].tobytes()
    assert memoryview(chroma).shape == (24, 33, 2)
    assert memoryview(chroma.flat()).shape == (24, 66) == memoryview(chroma.bytes).shape


@pytest.mark.parametrize("format", [*PACKED, "NV12"])
def test_a_frame_is_bytes(frame_of, format):
    """bytes(frame) and tobytes() are all planes without padding, wherever they are, as FFmpeg's rawvideo has them."""
    tensors = PACKED.get(format, NV12)
    frame = frame_of(format, tensors)
    raw = b"".join(plane.tobytes() for plane in (tensors if format == "NV12" else [tensors]))
    assert frame.tobytes() == bytes(frame) == bytes(frame.copy()) == raw
    frame.close()
    with pytest.raises(BufferError, match="released"):
        bytes(frame)


@pytest.mark.parametrize("format", ["nv12", "yuv420p", "yuv444p10le", "rgb24", "gbrp", "gray16le"])
def test_bytes_of_a_frame_are_those_of_rawvideo(frame_of, format):
    """What FFmpeg packs of the same picture, odd sizes included."""
    av = pytest.importorskip("av")
    picture = av.VideoFrame.from_ndarray(PACKED["RGB"][:47, :65].copy(), format="rgb24").reformat(format=format)
    encoder = av.CodecContext.create("rawvideo", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 65, 47, format, fractions.Fraction(1, 25)
    raw = b"".join(map(bytes, encoder.encode(picture)))
    assert bytes(frame_of(format, picture)) == raw


def test_who_wants_bytes_in_a_row_is_told_of_padding(frame_of, host_only):
    """Plain bytes are given where rows have no padding; where they have, an error says what has none."""
    padded = frame_of("RGB", PACKED["RGB"])
    with pytest.raises(BufferError, match=r"plane.tobytes\(\)"):
        io.BytesIO().write(padded.planes[0])
    file = io.BytesIO()
    file.write(padded.pack().planes[0])
    assert file.getvalue() == PACKED["RGB"].tobytes()


def test_buffers_are_written_where_pixels_may_be(frame_of, host_only):
    """Those of a slot and of a copy take bytes; that of a ring's frame says who does."""
    picture = PACKED["RGBA"]
    frame = frame_of("RGBA", picture)
    with pytest.raises(TypeError):
        memoryview(frame.planes[0])[0, 0, 0] = 1
    with pytest.raises(TypeError):
        io.BytesIO(bytes(picture.nbytes)).readinto(frame.planes[0])
    copy = frame.copy()
    assert io.BytesIO(bytes(picture.nbytes)).readinto(copy.planes[0]) == picture.nbytes
    assert bytes(copy.planes[0]) == bytes(picture.nbytes)
    with frame_of.publisher.acquire() as slot:
        memoryview(slot.planes[0])[1, 2, 3] = 77
    with frame_of.subscriber.next_frame(MILLISECONDS) as written:
        assert numpy.asarray(written)[1, 2, 3] == 77


@pytest.mark.parametrize("take", [numpy.asarray, lambda frame: numpy.asarray(frame.planes[0]), memoryview])
def test_a_buffer_holds_the_frame_by_itself(frame_of, host_only, take):
    """An array or a memoryview keeps the lease after the frame was released, as tensors do; it ends with them."""
    frame = frame_of("RGB", PACKED["RGB"])
    taken = take(frame.planes[0] if take is memoryview else frame)
    frame.release()
    assert frame_of.subscriber.stats()["held"] == 1
    for _ in range(20):
        frame_of.publisher.send(numpy.zeros_like(PACKED["RGB"]))
    assert (numpy.asarray(taken) == PACKED["RGB"]).all()
    del taken
    gc.collect()
    assert frame_of.subscriber.stats()["held"] == 0


def test_buffers_leak_nothing(frame_of, host_only):
    """Neither what was given nor what was refused keeps its plane, or the frame."""
    frame = frame_of("RGB", PACKED["RGB"])
    plane = frame.planes[0].flat()
    for _ in range(100):
        memoryview(plane).release()
        with pytest.raises(BufferError):
            io.BytesIO().write(plane)
    gone = weakref.ref(plane)
    del plane
    gc.collect()
    assert gone() is None
    frame.release()
    assert frame_of.subscriber.stats()["held"] == 0


def test_pillow_takes_planes(frame_of, need, host_only):
    """PIL.Image.fromarray(plane) is the picture, with rows that are padded too."""
    need("PIL")
    import PIL.Image

    image = PIL.Image.fromarray(frame_of("RGB", PACKED["RGB"]).planes[0])
    assert image.mode == "RGB" and (numpy.asarray(image) == PACKED["RGB"]).all()


def test_jax_takes_planes_as_arrays(frame_of, need, host_only):
    """jax.numpy.asarray(plane) is the picture: JAX asks for a dtype that NumPy knows."""
    need("jax")
    import jax.numpy

    assert (numpy.asarray(jax.numpy.asarray(frame_of("RGB", PACKED["RGB"]).planes[0])) == PACKED["RGB"]).all()


def test_opencv_takes_frames(frame_of, need, host_only):
    """An array of a frame is what OpenCV reads."""
    need("cv2")
    import cv2

    encoded, data = cv2.imencode(".png", numpy.asarray(frame_of("BGR", PACKED["BGR"])))
    assert encoded and (cv2.imdecode(data, cv2.IMREAD_COLOR) == PACKED["BGR"]).all()


def test_everything_has_weak_references(frame_of, host_only):
    """Caches may refer weakly to planes, frames, slots, publishers and subscribers."""
    frame = frame_of("RGB", PACKED["RGB"])
    slot = frame_of.publisher.acquire()
    for thing in (frame, frame.planes[0], slot, frame_of.publisher, frame_of.subscriber):
        assert weakref.ref(thing)() is thing
    slot.release()
