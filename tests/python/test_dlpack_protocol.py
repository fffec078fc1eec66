# SPDX-License-Identifier: LGPL-2.1-or-later
"""The DLPack protocol of planes, as the Python array API standard states it: who asks for what, gets what."""

import gc
import inspect

import capsule
import cuframes
import numpy
import pictures
import pytest
from processes import eventually


@pytest.fixture
def publisher(publish):
    return publish(width=66, height=47)


@pytest.fixture
def ours(memory):
    """The device that frames are on in this run."""
    return (capsule.CPU, 0) if memory == "host" else (capsule.CUDA, 0)


LUMA = pictures.plane_of(1, 0, (47, 66), "u1")


def test_signature_is_the_standards():
    """Consumers pass any of the four keywords, by keyword; the device query takes none."""
    parameters = inspect.signature(cuframes.Plane.__dlpack__).parameters
    assert [p for p in parameters if p != "self"] == ["stream", "max_version", "dl_device", "copy"]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is None for n, p in parameters.items() if n != "self")


@pytest.mark.parametrize("max_version", [None, (0, 8)])
def test_legacy_capsule_without_a_version(frame, max_version, ours):
    """A consumer that names no version, or one before 1.0, gets the old struct."""
    arguments = {} if max_version is None else {"max_version": max_version}
    tensor = capsule.take(frame.planes[0], **arguments)
    assert tensor.name == "dltensor" and tensor.device == ours
    assert (tensor.array() == LUMA).all()
    tensor.delete()


@pytest.mark.parametrize("max_version", [(1, 0), (1, 3), (2, 0)])
def test_versioned_capsule_when_asked_for(frame, max_version, ours):
    """A consumer that knows 1.0 or newer gets the versioned struct, stamped 1.0: all that is in it is of
    1.0."""
    tensor = capsule.take(frame.planes[0], max_version=max_version)
    assert tensor.name == "dltensor_versioned" and tensor.version == (1, 0) and tensor.device == ours
    assert (tensor.array() == LUMA).all()
    tensor.delete()


def test_frames_are_read_only_and_copies_are_not(frame):
    """What other readers see too is flagged READ_ONLY; a private copy is not; a copy made on request says
    so."""
    shared = capsule.take(frame.planes[0], max_version=(1, 0))
    assert shared.flags == capsule.READ_ONLY and frame.planes[0].readonly
    made = capsule.take(frame.planes[0], max_version=(1, 0), copy=True)
    assert made.flags == capsule.IS_COPIED
    private = frame.copy()
    own = capsule.take(private.planes[0], max_version=(1, 0))
    assert own.flags == 0 and not private.planes[0].readonly
    for tensor in (shared, made, own):
        tensor.delete()


def test_slots_are_writable(publisher, ours):
    """A publisher's slot is written through its planes."""
    with publisher.acquire() as slot:
        tensor = capsule.take(slot.planes[0], max_version=(1, 0))
        assert tensor.flags == 0 and tensor.device == ours
        tensor.delete()


def test_strides_are_there_and_offset_is_zero(frame):
    """Strides are given even where rows are compact, in elements; byte_offset is 0, for not everyone heeds
    it."""
    for plane in (*frame.planes, *frame.pack().planes):
        for version in (None, (1, 0)):
            tensor = capsule.take(plane, max_version=version)
            assert tensor.byte_offset == 0 and tensor.data == plane.data_ptr
            assert tensor.strides == plane.strides and tensor.shape == plane.shape
            tensor.delete()


def test_copy_false_never_copies(frame):
    """copy=False and copy=None hand out the ring's own memory."""
    for wish in (False, None):
        tensor = capsule.take(frame.planes[0], copy=wish)
        assert tensor.data == frame.planes[0].data_ptr
        tensor.delete()


def test_copy_true_is_another_memory(publisher, frame):
    """copy=True is memory of its own: it may be written to, and holds no slot."""
    tensor = capsule.take(frame.planes[0], copy=True, max_version=(1, 0))
    assert tensor.data != frame.planes[0].data_ptr
    frame.release()
    assert (tensor.array() == LUMA).all()
    tensor.delete()


def test_same_device_is_no_transfer(frame, ours):
    """dl_device naming the frame's own device changes nothing, and forbids no copy=False."""
    tensor = capsule.take(frame.planes[0], dl_device=ours, copy=False)
    assert tensor.data == frame.planes[0].data_ptr
    tensor.delete()


@pytest.mark.parametrize("device", [(4, 0), (2, 5), (10, 0)])
def test_other_devices_are_refused(frame, device):
    """A device that frames cannot be brought to is a BufferError that names it, never a TypeError, upon which
    consumers would ask again without the wish."""
    with pytest.raises(BufferError, match=f"{device[0]}.*{device[1]}"):
        frame.planes[0].__dlpack__(dl_device=device)


def test_gpu_frame_for_the_cpu(frame, stand_in):
    """dl_device=CPU downloads a GPU frame: a copy, flagged as one, complete when the call returns; copy=False
    says it cannot be."""
    stand_in.set_delay_us(20000)
    tensor = capsule.take(frame.planes[0], dl_device=(capsule.CPU, 0), max_version=(1, 0))
    assert tensor.device == (capsule.CPU, 0) and tensor.flags & capsule.IS_COPIED
    assert (tensor.array() == LUMA).all()
    tensor.delete()
    with pytest.raises((BufferError, ValueError)):
        frame.planes[0].__dlpack__(dl_device=(capsule.CPU, 0), copy=False)


@pytest.mark.parametrize("stream", [None, -1])
def test_host_memory_has_no_streams(frame, host_only, stream):
    """A host tensor is complete; no stream is None, and -1 asks for no order, so both will do."""
    capsule.take(frame.planes[0], stream=stream).delete()


@pytest.mark.parametrize("stream", [0, 1, 2, 12345])
def test_host_memory_refuses_streams(frame, host_only, stream):
    """A stream for a host tensor is a mistake of the caller's, and named: a ValueError, as it is not about data."""
    with pytest.raises(ValueError, match="stream"):
        frame.planes[0].__dlpack__(stream=stream)


@pytest.mark.parametrize(
    "arguments, error, named",
    [
        ({"stream": "one"}, TypeError, "stream"),
        ({"stream": 1.0}, TypeError, "stream"),
        ({"max_version": ()}, ValueError, "max_version"),
        ({"max_version": (1,)}, ValueError, "max_version"),
        ({"max_version": (1, 0, 0)}, ValueError, "max_version"),
        ({"max_version": 1}, TypeError, "max_version"),
        ({"max_version": ("1", "0")}, TypeError, "max_version"),
        ({"dl_device": ()}, ValueError, "dl_device"),
        ({"dl_device": (1,)}, ValueError, "dl_device"),
        ({"dl_device": (1, 0, 0)}, ValueError, "dl_device"),
        ({"dl_device": "cpu"}, TypeError, "dl_device"),
        ({"dl_device": (1, 5)}, BufferError, "5"),
        ({"copy": "no"}, TypeError, "copy"),
        ({"copy": 2}, TypeError, "copy"),
    ],
)
def test_arguments_that_cannot_be_meant(frame, arguments, error, named):
    """The exceptions are those of the array API: BufferError for data alone. They name what was wrong."""
    with pytest.raises(error, match=named):
        frame.planes[0].__dlpack__(**arguments)


def test_numbers_of_numpy_are_numbers(frame):
    """max_version, dl_device and copy may be NumPy's numbers."""
    device = tuple(numpy.int64(number) for number in frame.planes[0].__dlpack_device__())
    tensor = capsule.take(
        frame.planes[0],
        max_version=(numpy.int32(1), numpy.int64(0)),
        dl_device=device,
        copy=numpy.bool_(False),
    )
    assert tensor.data == frame.planes[0].data_ptr
    tensor.delete()


@pytest.mark.parametrize("version", [(1, 0), None])
def test_unconsumed_capsule_gives_back(publisher, frame, version):
    """A capsule that nobody took gives its hold back when it goes."""
    unused = frame.planes[0].__dlpack__(max_version=version)
    assert capsule.name_of(unused) == ("dltensor" if version is None else "dltensor_versioned")
    frame.release()
    assert publisher.subscribers()[0]["held"] == 1
    del unused
    gc.collect()
    assert eventually(lambda: publisher.subscribers()[0]["held"] == 0)


def test_consumed_capsule_is_the_consumers(publisher, frame):
    """A capsule that was renamed is the consumer's: its end changes nothing, the deleter gives back."""
    tensor = capsule.take(frame.planes[0])
    frame.release()
    tensor.capsule = None
    gc.collect()
    assert publisher.subscribers()[0]["held"] == 1
    assert (tensor.array() == LUMA).all()
    tensor.delete()
    assert eventually(lambda: publisher.subscribers()[0]["held"] == 0)


def test_deleter_on_a_foreign_thread(publisher, frame):
    """The deleter may run on any thread, without the interpreter lock, and be the last to let go."""
    tensors = [capsule.take(frame.planes[0]) for _ in range(8)]
    frame.release()
    for tensor in tensors:
        assert publisher.subscribers()[0]["held"] == 1
        tensor.delete_on_a_thread()
    assert eventually(lambda: publisher.subscribers()[0]["held"] == 0)


def test_exports_repeat(frame):
    """A frame may be exported as often as one likes, each export its own; all are the same memory."""
    tensors = [capsule.take(plane) for _ in range(50) for plane in frame.planes]
    assert len({tensor.data for tensor in tensors}) == 2
    assert len({tensor.address for tensor in tensors}) == 100
    for tensor in tensors:
        tensor.delete()


def test_release_ends_exporting_and_not_the_exports(frame):
    """After release() a plane hands out nothing more, with a BufferError that says why; what was taken
    stays."""
    plane = frame.planes[0]
    tensor = capsule.take(plane)
    frame.release()
    assert frame.released
    for refused in (plane, frame):
        with pytest.raises(BufferError, match="released"):
            refused.__dlpack__()
    assert (tensor.array() == LUMA).all()
    tensor.delete()


def test_frame_stands_for_its_first_plane(frame, ours):
    """A frame is a tensor itself: the first plane's."""
    tensor = capsule.take(frame)
    assert frame.__dlpack_device__() == ours and tensor.data == frame.planes[0].data_ptr
    assert tensor.shape == (47, 66)
    tensor.delete()


def test_named_planes(frame):
    """dlpack_y() is luma (H, W); dlpack_uv() is chroma in flat rows, chroma's columns rounded up."""
    assert tuple(frame.dlpack_y().shape) == (47, 66)
    assert tuple(frame.dlpack_uv().shape) == (24, 66)
    chroma = capsule.values(frame.planes[1])
    assert (capsule.values(frame.dlpack_uv()) == chroma.reshape(24, 66)).all()


def test_bytes_of_a_plane(publish, subscribe, key):
    """plane.bytes is the plane as rows of bytes, whatever its elements are."""
    publisher = publish(key="deep", format="P010_10LE", width=10, height=4)
    subscriber = subscribe(key="deep")
    with publisher.acquire() as slot:
        pictures.draw(slot, 2)
    plane = subscriber.next_frame(timeout_ms=10000).planes[1]
    assert plane.bytes.shape == (2, 20) and plane.bytes.dtype == "uint8"
    assert (capsule.values(plane.bytes).view("u2") == capsule.values(plane).reshape(2, 10)).all()
