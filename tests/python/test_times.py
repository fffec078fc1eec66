# SPDX-License-Identifier: LGPL-2.1-or-later
"""Times in seconds, beside nanoseconds and milliseconds: of frames and packets, and of whoever waits for them."""

import asyncio
import datetime
import math
import time

import cuframes
import pytest
from probes import monotonic_ns
from processes import SECONDS
from test_asyncio import publish_numbers


def test_a_frames_time_is_that_of_its_capture(publish, key):
    publisher = publish()
    with cuframes.subscribe(key) as subscriber:
        with publisher.acquire() as slot:
            slot.pts = monotonic_ns() - 1_500_000_000
            pts = slot.pts
        with subscriber.next_frame() as frame:
            assert frame.time == pts / 1e9
            assert 1.5 <= frame.age < 60
            captured = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=frame.age)
            assert frame.datetime.tzinfo is datetime.timezone.utc
            assert abs((frame.datetime - captured).total_seconds()) < 0.5


def test_a_packet_has_the_same(key, directory):
    with cuframes.publish_packets(key, caps="application/x-test") as publisher:
        pts = monotonic_ns()
        publisher.send(b"packet", pts=pts)
        with cuframes.subscribe_packets(key, start="keyframe") as subscriber:
            packet = subscriber.next_packet(timeout=30)
            assert packet.time == pts / 1e9 and 0 <= packet.age < 60


WAITS = {
    "next_frame": lambda subscriber, publisher, timeout: subscriber.next_frame(timeout=timeout),
    "next_frame_async": lambda subscriber, publisher, timeout: asyncio.run(
        subscriber.next_frame_async(timeout=timeout)
    ),
    "wait_subscribers": lambda subscriber, publisher, timeout: publisher.wait_subscribers(9, timeout=timeout),
}


@pytest.mark.parametrize("wait", WAITS)
def test_a_timeout_is_in_seconds(publish, subscribe, key, wait):
    publisher, subscriber = publish(), subscribe()
    began = time.monotonic()
    with pytest.raises(cuframes.FrameTimeout):
        WAITS[wait](subscriber, publisher, 0.25)
    assert 0.25 <= time.monotonic() - began < 30


def test_nobody_comes_within_seconds(key):
    began = time.monotonic()
    with pytest.raises(cuframes.PublisherGone):
        cuframes.subscribe(key, connect_timeout=0.25)
    with pytest.raises(cuframes.PublisherGone):
        cuframes.subscribe_packets(key, connect_timeout=0.25)
    with pytest.raises(cuframes.PublisherGone):
        cuframes.Subscriber(key).connect(timeout=0.25)
    assert 0.75 <= time.monotonic() - began < 60


def test_for_ever_is_none_and_infinity(publish, subscribe, key):
    publisher, subscriber = publish(), subscribe()
    publish_numbers(publisher, 1, 1)
    with subscriber.next_frame(timeout=None) as frame:
        assert frame.sequence == 1
    publish_numbers(publisher, 2, 2)
    with subscriber.next_frame(timeout=math.inf) as frame:
        assert frame.sequence == 2


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"timeout": -1}, cuframes.InvalidArgument, "timeout is 0 or more seconds, or None for ever, not -1"),
        ({"timeout": math.nan}, cuframes.InvalidArgument, "timeout is 0 or more seconds"),
        ({"timeout": "1"}, TypeError, "timeout is a number of seconds, or None for ever, not '1'"),
        ({"timeout_ms": 5, "timeout": 1.0}, cuframes.InvalidArgument, "in seconds or timeout_ms, not both"),
    ],
)
def test_what_is_no_time_is_refused(publish, subscribe, given, error, words):
    publish()
    with pytest.raises(error, match=words):
        subscribe().next_frame(**given)


@pytest.mark.parametrize("publish_some", [cuframes.publish, cuframes.publish_packets])
def test_how_long_a_publisher_waits_is_in_seconds_too(key, directory, publish_some):
    with publish_some(key, policy="wait", wait_timeout=0.5):
        pass
    with pytest.raises(cuframes.InvalidArgument, match="in seconds or wait_timeout_ms, not both"):
        publish_some(key, wait_timeout=0.5, wait_timeout_ms=5)
    with pytest.raises(cuframes.InvalidArgument, match="wait_timeout is 0 or more seconds"):
        publish_some(key, wait_timeout=-1)


def test_a_publisher_that_waits_gives_a_reader_up_after_that(publish, subscribe):
    """Not sooner; a second is the default."""
    publisher = publish(slots=5, max_slots=5, policy="wait", wait_timeout=1.5)
    subscribe(max_held=3)  # Takes nothing.
    publish_numbers(publisher, 1, 4)
    began = time.monotonic()
    publish_numbers(publisher, 5, 9)
    assert 1.5 <= time.monotonic() - began < SECONDS
