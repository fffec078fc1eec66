# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a publisher says of its frames and packets is told by an attached subscriber, before the first of them."""

from fractions import Fraction

import cuframes
import pytest
from processes import SECONDS, eventually
from test_asyncio import publish_numbers

NAMES = ("format", "width", "height", "framerate", "colorimetry", "caps", "memory", "device")


def said_by(subscriber, names=NAMES):
    return {name: getattr(subscriber, name) for name in names}


NOTHING = dict.fromkeys(NAMES)


def test_before_the_first_frame(publish, subscribe, memory):
    caps = "video/x-raw, format=(string)NV12, framerate=(fraction)30000/1001, colorimetry=(string)bt709"
    publisher = publish("NV12", 64, 48, caps=caps)
    subscriber = subscribe()
    assert said_by(subscriber) == {
        "format": cuframes.PixelFormat.NV12,
        "width": 64,
        "height": 48,
        "framerate": Fraction(30000, 1001),
        "colorimetry": "bt709",
        "caps": caps,
        "memory": memory,
        "device": "cpu" if memory == "host" else "cuda:0",
    }
    before = said_by(subscriber)
    publish_numbers(publisher, 1, 1)
    with subscriber.next_frame(timeout=SECONDS) as frame:
        assert said_by(subscriber) == before
        assert (subscriber.format, subscriber.device) == (frame.format, frame.device)
    assert isinstance(subscriber.format, cuframes.PixelFormat)


def test_nothing_is_known_of_nobody(key):
    with cuframes.Subscriber(key) as subscriber:
        assert said_by(subscriber) == NOTHING
    assert said_by(subscriber) == NOTHING


def test_nothing_is_said_where_caps_say_nothing(publish, subscribe):
    publish()
    subscriber = subscribe()
    assert "framerate=(fraction)0/1" in subscriber.caps
    assert (subscriber.framerate, subscriber.colorimetry) == (None, None)


def test_a_publisher_that_has_no_ring_yet(key, memory):
    with cuframes.publish(key) as publisher, cuframes.subscribe(key, connect_timeout=SECONDS) as subscriber:
        assert said_by(subscriber) == NOTHING
        publisher.configure("GRAY8", 32, 16, memory=memory)
        assert (subscriber.format, subscriber.width, subscriber.height) == ("GRAY8", 32, 16)


def test_another_size_is_told_with_its_first_frame(publish, subscribe, memory):
    publisher = publish("NV12", 64, 48)
    subscriber = subscribe()
    publish_numbers(publisher, 1, 1)
    subscriber.next_frame(timeout=SECONDS).release()
    publisher.configure("RGB", 100, 50, memory=memory)
    assert (subscriber.format, subscriber.width, subscriber.height) == ("NV12", 64, 48)
    publish_numbers(publisher, 2, 2)
    subscriber.next_frame(timeout=SECONDS).release()
    assert (subscriber.format, subscriber.width, subscriber.height) == ("RGB", 100, 50)


def test_of_the_next_publisher_what_that_one_says(publish, subscribe):
    first = publish("NV12", 64, 48)
    subscriber = subscribe()
    publish_numbers(first, 1, 1)
    subscriber.next_frame(timeout=SECONDS).release()
    first.close()
    with pytest.raises(cuframes.PublisherGone):
        subscriber.next_frame(timeout=SECONDS)
    assert said_by(subscriber) == NOTHING
    publish("RGB", 100, 50)
    subscriber.connect(timeout=SECONDS)
    assert (subscriber.format, subscriber.width, subscriber.height) == ("RGB", 100, 50)


def test_who_asks_is_no_reader(publish, subscribe):
    publisher = publish()
    subscriber = subscribe()
    assert subscriber.width == 64
    assert eventually(lambda: len(publisher.subscribers()) == 1)


def test_of_packets_what_their_caps_say(key):
    caps = "video/x-h264, width=(int)1920, height=(int)1080, framerate=(fraction)25/1, colorimetry=(string)bt709"
    names = ("width", "height", "framerate", "colorimetry", "caps")
    with cuframes.publish_packets(key, caps) as publisher:
        with cuframes.subscribe_packets(key, start="keyframe", connect_timeout=SECONDS) as subscriber:
            before = said_by(subscriber, names)
            assert before == dict(zip(names, (1920, 1080, Fraction(25), "bt709", caps)))
            publisher.send(b"packet")
            subscriber.next_packet(timeout=SECONDS)
            assert said_by(subscriber, names) == before
            publisher.caps = "video/x-h264, width=(int)640, height=(int)360"
            publisher.send(b"packet")
            subscriber.next_packet(timeout=SECONDS)
            assert said_by(subscriber, names) == dict(zip(names, (640, 360, None, None, publisher.caps)))
        assert said_by(subscriber, names) == dict.fromkeys(names)
