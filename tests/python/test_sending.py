# SPDX-License-Identifier: LGPL-2.1-or-later
"""What send() takes tensors for: formats said once, frames' own, and what it refuses."""

import itertools
import threading

import cuframes
import numpy
import pytest
from processes import SECONDS

PICTURE = (numpy.arange(48 * 64 * 3) % 251).astype(numpy.uint8).reshape(48, 64, 3)
WITH_ALPHA = PICTURE[:, :, [0, 1, 2, 0]].copy()
NV12 = [PICTURE[:, :, 0].copy(), PICTURE[:24, :32, :2].copy()]
MILLISECONDS = int(SECONDS * 1000)


@pytest.fixture
def pair(key, memory, cleanup):
    """A publisher that was told nothing, and its reader."""
    publisher = cuframes.publish(key, memory=memory)
    subscriber = cuframes.Subscriber(key, mode=cuframes.SubscriberMode.STRICT_ORDER)
    cleanup += [publisher, subscriber]
    return publisher, subscriber.connect(MILLISECONDS)


def arrived(subscriber):
    with subscriber.next_frame(MILLISECONDS) as frame:
        return str(frame.format), frame.epoch


@pytest.mark.parametrize("format, tensors", [("BGR", PICTURE), ("NV12", NV12), ("BGRx", WITH_ALPHA)])
def test_a_format_is_said_once(pair, format, tensors):
    """Tensors of the same form are of the format that was said before, in the same ring."""
    publisher, subscriber = pair
    publisher.send(tensors, format=format)
    first = arrived(subscriber)
    for _ in range(3):
        publisher.send(tensors)
        assert arrived(subscriber) == first == (format, first[1])


def test_another_form_is_another_format(pair):
    """A tensor of another form is guessed anew, and a format that is said anew holds from then on."""
    publisher, subscriber = pair
    for tensor, options, expected in (
        (PICTURE, {"format": "BGR"}, "BGR"),
        (NV12[0], {}, "GRAY8"),
        (PICTURE, {"format": "RGB"}, "RGB"),
        (PICTURE, {}, "RGB"),
    ):
        publisher.send(tensor, **options)
        assert arrived(subscriber)[0] == expected


@pytest.mark.parametrize("format, tensors", [("BGR", PICTURE), ("NV12", NV12)])
def test_a_frame_brings_its_format_and_times(pair, key, memory, cleanup, format, tensors):
    """send(frame) publishes what the frame is, and when it was captured; so does that of a copy."""
    publisher, subscriber = pair
    publisher.send(tensors, format=format, pts=1234, duration=40)
    other = cuframes.publish(key + "-relay", memory=memory)
    reader = cuframes.Subscriber(key + "-relay", mode=cuframes.SubscriberMode.STRICT_ORDER)
    cleanup += [other, reader]
    reader.connect(MILLISECONDS)
    with subscriber.next_frame(MILLISECONDS) as frame:
        other.send(frame)
        other.send(frame.copy())
        other.send(frame, pts=99)
        for pts in (1234, 1234, 99):
            with reader.next_frame(MILLISECONDS) as relayed:
                assert (relayed.format, relayed.pts, relayed.duration) == (format, pts, 40)
                if memory == "host":
                    for mine, theirs in zip(frame.planes, relayed.planes, strict=True):
                        assert (numpy.asarray(mine) == numpy.asarray(theirs)).all()


def test_a_ring_made_for_good_keeps_its_format(publish, pair, key):
    """Where the layout was configured, a frame or a call of another format is refused: its colours would be others."""
    publisher, subscriber = pair
    publisher.send(PICTURE, format="BGR")
    fixed = publish(key=key + "-fixed", format="RGB")
    with subscriber.next_frame(MILLISECONDS) as frame, pytest.raises(cuframes.InvalidArgument, match="RGB.*BGR"):
        fixed.send(frame)
    with pytest.raises(cuframes.InvalidArgument, match="RGB.*BGR"):
        fixed.send(PICTURE, format="BGR")
    assert fixed.send(PICTURE) and fixed.send(PICTURE, format="RGB")


REFUSED = {
    "float": (PICTURE.astype(numpy.float32), {}),
    "float of a format": (PICTURE.astype(numpy.float32), {"format": "RGB"}),
    "a batch": (PICTURE[None], {}),
    "other channels first": (PICTURE.transpose(2, 0, 1), {"format": "RGBA"}),
    "other shapes": ([NV12[0], PICTURE], {"format": "NV12"}),
    "one plane too many": ([*NV12, PICTURE], {"format": "NV12"}),
    "no planes": ([], {"format": "NV12"}),
    "no pixels": (PICTURE[:0], {}),
    "no such format": (PICTURE, {"format": "RGB24"}),
    "a time that cannot be": (PICTURE[:40].copy(), {"pts": -1}),
    "flags that cannot be": (PICTURE[:40].copy(), {"flags": -1}),
    "no tensor": (object(), {}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(pair, case):
    """After a refusal the ring is the one before, and the next frame goes into it."""
    publisher, subscriber = pair
    publisher.send(PICTURE)
    first, before = arrived(subscriber), publisher.stats()
    tensors, options = REFUSED[case]
    with pytest.raises((TypeError, ValueError)):
        publisher.send(tensors, **options)
    after = publisher.stats()
    assert (after["epoch"], after["published"]) == (before["epoch"], before["published"])
    publisher.send(PICTURE)
    assert arrived(subscriber) == first


def test_float_pictures_are_named(pair):
    """A picture of another kind of numbers is a TypeError that says which, with and without a format."""
    for options in ({}, {"format": "RGB"}):
        with pytest.raises(TypeError, match=r"float32.*\(x \* 255\).astype\(numpy.uint8\)"):
            pair[0].send(PICTURE.astype(numpy.float32), **options)
        with pytest.raises(TypeError, match=r"bool.*x.astype\(numpy.uint8\) \* 255"):
            pair[0].send(PICTURE > 0, **options)


def test_threads_that_send_first(key, memory):
    """Of several threads' first frames, and of frames in changing sizes, none is refused."""
    for attempt in range(20):
        publisher = cuframes.publish(f"{key}-{attempt}", memory=memory, slots=16)
        start, errors, sizes = threading.Barrier(3), [], itertools.cycle((32, 48, 64, 80))

        def send(publisher=publisher, start=start, errors=errors, sizes=sizes):
            start.wait()
            try:
                for _ in range(8):
                    side = next(sizes)
                    publisher.send(numpy.full((side, side, 3), side, numpy.uint8))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        stats = publisher.stats()
        publisher.close()
        assert not errors and stats["published"] == 24


class OldArray(numpy.ndarray):
    """An array as NumPy before 2.1 has it, which does not export what must not be written."""

    error: type[Exception] = BufferError

    def __dlpack__(self, **arguments):
        if "max_version" in arguments:
            raise TypeError("unexpected keyword argument")
        raise self.error("Cannot export readonly array")


class OlderArray(OldArray):
    error = TypeError


@pytest.mark.parametrize("kind", [OldArray, OlderArray])
def test_arrays_that_must_not_be_written(pair, host_only, kind):
    """What was received, or made of bytes, can be sent with every NumPy."""
    publisher, subscriber = pair
    array = PICTURE.copy().view(kind)
    array.flags.writeable = False
    publisher.send(array)
    publisher.send(memoryview(PICTURE.tobytes()).cast("B", PICTURE.shape))
    for _ in range(2):
        with subscriber.next_frame(MILLISECONDS) as frame:
            assert (numpy.asarray(frame.planes[0]) == PICTURE).all()
    with pytest.raises(TypeError, match="float64"):
        publisher.send(PICTURE.astype(float).view(kind))
    with pytest.raises(TypeError, match="byte order"):
        publisher.send(PICTURE.astype(">u2").view(kind), format="RGB")


def test_a_plane_has_a_dtype(pair):
    """A plane's dtype is one to NumPy and equals its name."""
    publisher, subscriber = pair
    publisher.send(PICTURE)
    with subscriber.next_frame(MILLISECONDS) as frame:
        plane = frame.planes[0]
        assert numpy.dtype(plane) == numpy.uint8 and plane.dtype == "uint8" and str(plane.dtype) == "uint8"
