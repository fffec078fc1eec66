# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams: what a consumer may pass, what order it gets for it, and that a frame stays until the work on it
is done. Over the stand-in driver, whose every operation takes effect late; real kernels are in gpu/."""

import concurrent.futures
import ctypes
import gc
import os
import pathlib
import subprocess
import sys

import capsule
import cuframes
import numpy
import pictures
import pytest
from processes import eventually, run_program

FRAME = pictures.plane_of(1, 0, (48, 64), "u1")
NON_BLOCKING = 1


@pytest.fixture
def publisher(publish, stand_in):
    return publish()


@pytest.fixture
def driver(stand_in, frame):
    """The driver, with the device's primary context current, as torch and cupy have it."""
    cuda = stand_in.driver
    context = ctypes.c_void_p()
    assert cuda.cuInit(0) == 0
    assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
    assert cuda.cuCtxPushCurrent_v2(context) == 0
    yield cuda
    cuda.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
    cuda.cuDevicePrimaryCtxRelease_v2(0)


@pytest.fixture
def stream(driver):
    """A stream that takes no part in the legacy stream's order, like torch's."""
    made = ctypes.c_void_p()
    assert driver.cuStreamCreate(ctypes.byref(made), NON_BLOCKING) == 0
    yield made.value
    driver.cuStreamSynchronize(ctypes.c_void_p(made.value))
    driver.cuStreamDestroy_v2(made)


@pytest.mark.parametrize("number", [None, 1, 2, -1])
def test_named_streams(frame, driver, number):
    """None and 1 are the legacy default stream, 2 the thread's own, -1 asks for no order. All get the
    tensor."""
    tensor = capsule.take(frame.planes[0], stream=number)
    assert tensor.device == (capsule.CUDA, 0) and (tensor.array() == FRAME).all()
    tensor.delete()


def test_a_stream_by_pointer(frame, stream):
    """A pointer is a stream of the consumer's."""
    tensor = capsule.take(frame.planes[0], stream=stream)
    assert (tensor.array() == FRAME).all()
    tensor.delete()


def test_stream_zero_is_refused(frame):
    """0 may mean two streams, says the standard, so it is refused, by name."""
    with pytest.raises(ValueError, match="stream.*0|0.*stream"):
        frame.planes[0].__dlpack__(stream=0)


@pytest.mark.parametrize("number", [-2, -1000])
def test_negative_streams_are_refused(frame, number):
    """Below -1 there are no streams."""
    with pytest.raises(ValueError, match="stream"):
        frame.planes[0].__dlpack__(stream=number)


def test_frame_stays_until_queued_work_is_done(publisher, frame, driver, stream, stand_in):
    """The central promise: a copy out of the frame is queued on the stream that took the tensor, tensor and frame are
    dropped at once, and the lease ends only after the copy."""
    read_late(publisher, frame, driver, stream, stand_in, named=stream)


def test_on_request_for_streams_that_nobody_named(publisher, subscribe, driver, stream, stand_in):
    """With release="context" the same holds for a stream that nobody told us of."""
    subscriber = subscribe(release="context")
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    frame = subscriber.next_frame(timeout_ms=10000)
    read_late(publisher, frame, driver, stream, stand_in, named=-1)


def test_an_unknown_release_is_refused(key):
    """What release may be is in the message."""
    with pytest.raises(cuframes.InvalidArgument, match="context"):
        cuframes.Subscriber(key, release="stream")


def test_a_capture_goes_on_beside_a_reader(publisher, subscribe, frame, driver, stand_in):
    """A graph that this thread captures is not broken by frames that others take and drop, nor by tensors that this one
    drops; a frame whose stream captures stays leased until the capture is over."""
    capturing, graph = ctypes.c_void_p(), ctypes.c_void_p()
    assert driver.cuStreamCreate(ctypes.byref(capturing), NON_BLOCKING) == 0
    assert driver.cuStreamBeginCapture_v2(capturing, 0) == 0
    tensor = capsule.take(frame.planes[0], stream=capturing.value)
    tensor.delete()
    frame.release()
    with concurrent.futures.ThreadPoolExecutor() as others:
        assert others.submit(read_and_drop, publisher, subscribe()).result() == 5
    assert [reader["held"] for reader in publisher.subscribers()][0] == 1
    assert driver.cuStreamEndCapture(capturing, ctypes.byref(graph)) == 0
    assert eventually(lambda: publisher.subscribers()[0]["held"] == 0)
    assert driver.cuGraphDestroy(graph) == 0
    assert driver.cuStreamDestroy_v2(capturing) == 0


def read_and_drop(publisher, subscriber):
    """How many frames arrived."""
    frames = 0
    for _ in range(5):
        with publisher.acquire() as slot:
            pictures.draw(slot, 1)
        with subscriber.next_frame(timeout_ms=10000) as frame:
            capsule.take(frame.planes[0], stream=1).delete()
            frame.copy(device="cpu")
        frames += 1
    return frames


def read_late(publisher, frame, driver, stream, stand_in, named):
    """Queues a late copy on the stream, drops everything, and has the publisher go round its ring."""
    target = ctypes.c_uint64()
    assert driver.cuMemAlloc_v2(ctypes.byref(target), ctypes.c_size_t(48 * 64)) == 0
    stand_in.set_delay_us(300000)
    tensor = capsule.take(frame.planes[0], stream=named)
    for row in range(48):
        source = tensor.data + row * tensor.strides[0]
        if row in (0, 47):
            result = driver.cuMemcpyDtoDAsync_v2(
                ctypes.c_uint64(target.value + row * 64),
                ctypes.c_uint64(source),
                ctypes.c_size_t(64),
                ctypes.c_void_p(stream),
            )
            assert result == 0
    tensor.delete()
    frame.release()
    held = publisher.subscribers()[-1]["held"]
    still_running = driver.cuStreamQuery(ctypes.c_void_p(stream)) != 0
    assert held == 1 or not still_running
    for _ in range(2, 40):
        with publisher.acquire() as slot:
            pictures.pixels(slot.planes[0])[...] = 255
    assert driver.cuStreamSynchronize(ctypes.c_void_p(stream)) == 0
    stand_in.set_delay_us(200)
    copied = numpy.frombuffer((ctypes.c_uint8 * (48 * 64)).from_address(target.value), "u1").reshape(48, 64).copy()
    driver.cuMemFree_v2(target)
    assert (copied[[0, 47]] == FRAME[[0, 47]]).all()
    assert eventually(lambda: publisher.subscribers()[-1]["held"] == 0)


def test_released_by_the_host_it_fails(stand_in):
    """And this shows that the test above can fail: it does where frames are released without waiting for the
    GPU."""
    test = f"{__file__}::{test_frame_stays_until_queued_work_is_done.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        env={**os.environ, "CUFRAMES_UNSAFE_RELEASE": "host"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "1 failed" in done.stdout, done.stdout


@pytest.mark.parametrize("kind", ["number", "torch", "protocol", "cupy"])
def test_record_stream_takes_every_spelling(frame, stream, kind):
    """record_stream() takes a pointer, and the stream objects of torch, cuda.core and cupy."""

    class Torch:
        cuda_stream = stream

    class Protocol:
        def __cuda_stream__(self):
            return (0, stream)

    class Cupy:
        ptr = stream

    thing = {"number": stream, "torch": Torch(), "protocol": Protocol(), "cupy": Cupy()}[kind]
    frame.record_stream(thing)
    frame.release()


def test_a_stream_object_lives_until_the_release(publisher, frame, driver):
    """A library may destroy a stream with its object, before the frame is given up: a driver that is asked of it then ends
    the process, and here the lease never came back."""

    class Owned:
        def __init__(self):
            self.made = ctypes.c_void_p()
            assert driver.cuStreamCreate(ctypes.byref(self.made), NON_BLOCKING) == 0
            self.ptr = self.made.value

        def __del__(self):
            driver.cuStreamDestroy_v2(self.made)

    frame.record_stream(Owned())
    gc.collect()
    frame.release()
    assert eventually(lambda: publisher.subscribers()[0]["held"] == 0)


def test_what_is_no_stream_is_refused(frame, driver):
    """A number that no stream has is refused where it is named, and not noticed when the frame is given up."""
    with pytest.raises(BufferError, match="stream"):
        frame.record_stream(0xDEAD0)


def test_a_slot_given_back_is_not_used_under_its_work(publisher, subscribe, driver, stream, stand_in):
    """An exception gives a slot back unpublished while the GPU still writes it: what is published next, and held, stays as
    it is."""
    subscriber = subscribe()
    stand_in.set_delay_us(100000)
    with pytest.raises(ZeroDivisionError), publisher.acquire() as slot:
        tensor = capsule.take(slot.planes[0], stream=stream)
        assert (
            driver.cuMemsetD8Async(ctypes.c_uint64(tensor.data), 0xEE, ctypes.c_size_t(64), ctypes.c_void_p(stream))
            == 0
        )
        tensor.delete()
        raise ZeroDivisionError
    stand_in.set_delay_us(200)
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    frame = subscriber.next_frame(timeout_ms=10000)
    assert driver.cuStreamSynchronize(ctypes.c_void_p(stream)) == 0
    assert (capsule.values(frame.planes[0], stream=1) == FRAME).all()


def test_record_stream_refuses_others(frame):
    """What is no stream is a TypeError."""
    with pytest.raises(TypeError):
        frame.record_stream("stream")


def test_copy_is_ordered_on_its_stream(frame, stream, driver, stand_in):
    """copy=True and frame.copy(stream=…) are done in the order of that stream, and right once it is."""
    stand_in.set_delay_us(20000)
    private = frame.copy(stream=stream)
    tensor = capsule.take(frame.planes[0], stream=stream, copy=True)
    frame.release()
    assert driver.cuStreamSynchronize(ctypes.c_void_p(stream)) == 0
    assert (capsule.values(private.planes[0], stream=stream) == FRAME).all()
    assert (tensor.array() == FRAME).all()
    tensor.delete()


def test_reading_copies_nothing(publisher, subscribe, stand_in):
    """From publishing to a consumer's tensor no byte is moved."""
    subscriber = subscribe()
    stand_in.reset_copies()
    for number in range(20):
        with publisher.acquire() as slot:
            pictures.draw(slot, number)
        frame = subscriber.next_frame(timeout_ms=10000)
        tensors = [capsule.take(plane, stream=1) for plane in frame.planes]
        for tensor in tensors:
            tensor.delete()
        frame.release()
    moved = stand_in.copies()
    assert (moved["device_to_device"], moved["host_to_device"], moved["device_to_host"]) == (0, 0, 0)


def test_sending_from_the_host_is_one_upload(publisher, stand_in, key):
    """send() of a host tensor to a GPU ring moves each byte once."""
    planes = pictures.picture(5, "NV12", 64, 48)
    stand_in.reset_copies()
    publisher.send(planes)
    moved = stand_in.copies()
    assert moved["host_to_device_bytes"] == sum(plane.nbytes for plane in planes)
    assert (moved["device_to_device"], moved["device_to_host"]) == (0, 0)


def test_cuda_array_interface(frame, driver):
    """numba and its like read __cuda_array_interface__: version 3, read-only, with strides and a stream to
    wait for."""
    described = frame.planes[0].__cuda_array_interface__
    assert described["version"] == 3 and described["typestr"] == "|u1" and described["shape"] == (48, 64)
    assert described["data"] == (frame.planes[0].data_ptr, True)
    assert described["strides"] == (frame.planes[0].pitch, 1)
    assert described.get("stream", None) in (None, 1, 2)


def test_a_gpu_that_is_not_there(key, publisher):
    """A GPU by a number that this process does not have is an InvalidArgument or DeviceLost naming it."""
    with pytest.raises(cuframes.Error, match="77"):
        subscriber = cuframes.Subscriber(key, cuda_device=77)
        try:
            subscriber.next_frame(timeout_ms=10000)
        finally:
            subscriber.close()


TWO_DEVICES = """
import sys; sys.path.insert(0, sys.argv[1])
import capsule, cuframes, pictures
publisher = cuframes.publish("two", format="NV12", width=64, height=48, memory="cuda", cuda_device=1)
for wanted, found in ((1, 1), (-1, 1), (0, 0)):
    subscriber = cuframes.subscribe("two", cuda_device=wanted, connect_timeout_ms=10000)
    with publisher.acquire() as slot:
        assert slot.planes[0].device == "cuda:1"
        pictures.draw(slot, 3)
    frame = subscriber.next_frame(timeout_ms=10000)
    assert frame.device == f"cuda:{found}" and frame.__dlpack_device__() == (2, found), (wanted, frame.device)
    assert pictures.difference(frame, 3) == ""
    frame.release(); subscriber.close()
publisher.close()
"""


def test_two_devices(stand_in):
    """With two GPUs a ring of the second is read there, or through the first if that was asked for; tensors
    name the device they are mapped for."""
    code, _, err = run_program(TWO_DEVICES, pathlib.Path(__file__).parent, env={"FAKE_CUDA_DEVICES": "2"})
    assert code == 0 and err == "", err


def test_self_test(stand_in):
    """cuda_self_test() says whether GPU frames can be shared here."""
    assert cuframes.cuda_self_test(0) is None
    with pytest.raises(cuframes.Error, match="7"):
        cuframes.cuda_self_test(7)


def test_no_gpu_objects_are_left(key, stand_in):
    """Streams, events and mappings of a publisher and a subscriber go with them."""

    def once():
        with cuframes.publish(key, format="NV12", width=64, height=48, memory="cuda") as publisher:
            with cuframes.subscribe(key, connect_timeout_ms=10000) as subscriber:
                with publisher.acquire() as slot:
                    pictures.draw(slot, 1)
                with subscriber.next_frame(timeout_ms=10000) as frame:
                    capsule.take(frame.planes[0], stream=1).delete()
                    frame.copy().close()
        gc.collect()

    once()
    before = stand_in.stats()
    for _ in range(5):
        once()
    assert eventually(lambda: stand_in.stats() == before, 10), (before, stand_in.stats())


def test_leases_on_their_way_back_are_awaited(publisher, subscribe, driver, stream, stand_in):
    """With one lease and frames dropped right after work was queued, the next call waits for that work and
    gives the next frame: LeasesExhausted is only for frames that the program itself holds."""
    subscriber = subscribe(max_held=1, mode=cuframes.SubscriberMode.NEWEST_ONLY)
    target = ctypes.c_uint64()
    assert driver.cuMemAlloc_v2(ctypes.byref(target), ctypes.c_size_t(64)) == 0
    stand_in.set_delay_us(30000)
    for number in range(2, 8):
        with publisher.acquire() as slot:
            slot.pts = number
        with subscriber.next_frame(timeout_ms=10000) as frame:
            assert frame.pts == number
            source = ctypes.c_uint64(frame.data_ptr)
            assert driver.cuMemcpyDtoDAsync_v2(target, source, ctypes.c_size_t(64), ctypes.c_void_p(stream)) == 0
    driver.cuStreamSynchronize(ctypes.c_void_p(stream))
    driver.cuMemFree_v2(target)
    stand_in.set_delay_us(200)
    subscriber.close()
