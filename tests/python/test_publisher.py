# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishing: slots written in place, tensors sent, and what happens at the edges of a publisher's life."""

import contextlib
import os
import threading

import capsule
import cuframes
import pictures
import pytest
from processes import eventually


def publish_one(publisher, number=1):
    with publisher.acquire() as slot:
        pictures.draw(slot, number)


def test_slots_out_of_range_are_named(publish):
    """Numbers that cannot be are refused by name."""
    for options in ({"slots": 2}, {"slots": 129}, {"max_slots": 2}, {"max_slots": 1000}):
        with pytest.raises(cuframes.InvalidArgument, match=next(iter(options))):
            publish(**options)


def test_latency_can_be_told(publish):
    """Before and between frames, and taken back."""
    publisher = publish()
    publisher.set_latency(40_000_000)
    publisher.set_latency(None)


def test_leaving_the_block_publishes(publish, subscribe):
    """`with acquire() as slot` publishes at the end of the block, once."""
    publisher, subscriber = publish(), subscribe()
    with publisher.acquire() as slot:
        assert not slot.published and (str(slot.format), slot.width, slot.height) == ("NV12", 64, 48)
        pictures.draw(slot, 1)
        slot.pts = 42
    assert slot.published and publisher.stats()["published"] == 1
    with subscriber.next_frame(timeout_ms=10000) as frame:
        assert frame.pts == 42 and frame.slot == slot.index and pictures.difference(frame, 1) == ""


def test_an_exception_in_the_block_publishes_nothing(publish, subscribe):
    """A frame whose making failed is not shown; its slot is free again, and the exception goes on."""
    publisher, subscriber = publish(slots=3), subscribe(max_held=1)
    for _ in range(10):
        with pytest.raises(KeyError), publisher.acquire():
            raise KeyError("half a picture")
    assert publisher.stats()["published"] == 0
    publish_one(publisher, 2)
    assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 2) == ""


def test_publish_and_release_by_hand(publish, subscribe):
    """Without a block: publish() shows the frame, release() gives an unpublished slot back; a slot is
    published once."""
    publisher, subscriber = publish(), subscribe()
    slot = publisher.acquire()
    pictures.draw(slot, 1)
    slot.publish()
    with pytest.raises((cuframes.Error, BufferError)):
        slot.publish()
    slot.release()
    slot.release()
    assert pictures.difference(subscriber.next_frame(timeout_ms=10000), 1) == ""
    unused = publisher.acquire()
    unused.release()
    with pytest.raises((cuframes.Error, BufferError)):
        unused.publish()
    with pytest.raises(BufferError):
        unused.planes[0].__dlpack__()
    assert publisher.stats()["published"] == 1


def test_no_free_slot(publish):
    """A producer that holds every slot is told so, and can count the frame it dropped."""
    publisher = publish(slots=3)
    held = [publisher.acquire() for _ in range(3)]
    for wait in (True, False):
        with pytest.raises(cuframes.NoFreeSlot):
            publisher.acquire(wait=wait)
    publisher.drop()
    assert publisher.stats()["dropped"] == 1
    assert not publisher.send(pictures.picture(1, "NV12", 64, 48))
    assert publisher.stats()["dropped"] == 2
    for slot in held:
        slot.release()
    assert publisher.send(pictures.picture(1, "NV12", 64, 48))
    assert publisher.stats()["last_sequence"] == 3


def test_send_copies_once(publish, subscribe):
    """send() copies the tensors and is done with them when it returns: changing them later changes no
    frame."""
    publisher, subscriber = publish(), subscribe()
    planes = pictures.picture(3, "NV12", 64, 48)
    producers = [capsule.Producer(plane) for plane in planes]
    assert publisher.send(producers, pts=7, duration=8, flags=9)
    assert [producer.deleted for producer in producers] == [1, 1]
    for plane in planes:
        plane[...] = 0
    frame = subscriber.next_frame(timeout_ms=10000)
    assert (frame.pts, frame.duration, frame.flags) == (7, 8, 9)
    assert pictures.difference(frame, 3) == "" and publisher.stats()["copied"] == 1


@pytest.mark.parametrize("kind", ["versioned", "legacy", "read-only", "offset", "no strides", "unknown major"])
def test_send_reads_every_kind_of_capsule(publish, subscribe, kind):
    """What producers may hand over is understood: both structs, READ_ONLY, byte_offset, strides left out. Of
    a major version that nobody knows yet only the deleter is called."""
    options = {
        "versioned": {"versioned": True},
        "legacy": {},
        "read-only": {"versioned": True, "flags": capsule.READ_ONLY},
        "offset": {"byte_offset": 64},
        "no strides": {"no_strides": True},
        "unknown major": {"versioned": True, "version": (2, 0)},
    }[kind]
    publisher, subscriber = publish(format="GRAY8"), subscribe()
    values = pictures.plane_of(4, 0, (48, 64), "u1")
    producer = capsule.Producer(values, **options)
    if kind == "unknown major":
        with pytest.raises((BufferError, ValueError), match="major"):
            publisher.send(producer)
    else:
        publisher.send(producer)
        assert (capsule.values(subscriber.next_frame(timeout_ms=10000).planes[0]) == values).all()
    assert producer.deleted == 1


def test_configure_mid_stream(publish, subscribe):
    """Another size or format is a new ring: readers follow by themselves after the last old frame, held
    frames of the old one stay."""
    publisher, subscriber = publish(), subscribe(max_held=2)
    publish_one(publisher, 1)
    old = subscriber.next_frame(timeout_ms=10000)
    publish_one(publisher, 2)
    publisher.configure("RGB", 32, 16, memory=old.memory)
    publish_one(publisher, 3)
    with subscriber.next_frame(timeout_ms=10000) as frame:
        assert (frame.format, frame.seq, frame.epoch) == ("NV12", 2, old.epoch)
    new = subscriber.next_frame(timeout_ms=10000)
    assert (new.format, new.width, new.height, new.seq) == ("RGB", 32, 16, 3) and new.epoch != old.epoch
    assert (pictures.difference(old, 1), pictures.difference(new, 3)) == ("", "")


def test_sending_another_size_is_refused(publish):
    """A tensor of another size than the ring's is a ValueError naming both; configure() is the way."""
    publisher = publish()
    with pytest.raises(ValueError, match="48"):
        publisher.send(pictures.picture(1, "NV12", 32, 16))


def test_acquire_before_a_format(key, cleanup):
    """A publisher without a format cannot know its slots: acquire() says that configure() is missing."""
    publisher = cuframes.publish(key)
    cleanup.append(publisher)
    with pytest.raises(cuframes.Error, match="configure"):
        publisher.acquire()


def test_key_in_use_and_free_again(publish, key, memory):
    """A key has one publisher at a time, and is free as soon as that one closed."""
    first = publish()
    with pytest.raises(cuframes.KeyInUse, match=key):
        publish()
    path = first.socket_path
    assert os.path.exists(path)
    first.close()
    assert not os.path.exists(path)
    publish().close()


def test_policy_wait_loses_nothing(publish, subscribe):
    """Under policy wait a slow strict reader gets every frame; the publisher waits for it."""
    publisher = publish(slots=3, policy="wait", wait_timeout_ms=60000)
    subscriber = subscribe(max_held=1)

    def produce():
        for number in range(1, 101):
            publish_one(publisher, number)
        publisher.eos()

    thread = threading.Thread(target=produce)
    thread.start()
    seen = []
    for frame in subscriber:
        seen.append((frame.seq, frame.missed))
        frame.release()
    thread.join()
    assert seen == [(number, 0) for number in range(1, 101)]
    assert publisher.stats()["lapped"] == 0


def test_end_of_stream_and_after(publish, subscribe):
    """eos() ends the readers' stream; publishing again revives it."""
    publisher, subscriber = publish(), subscribe()
    publish_one(publisher)
    publisher.eos()
    assert [frame.seq for frame in subscriber] == [1]
    publish_one(publisher)
    assert subscriber.next_frame(timeout_ms=10000).seq == 2


def test_stats_and_subscribers(publish, roles, key):
    """stats() and subscribers() tell what the publisher knows."""
    publisher = publish()
    reader = roles("subscriber", key=key, mode="STRICT_ORDER", max_held=3, consumer_name="reader")
    reader.ask("connect")
    for number in (1, 2, 3):
        publish_one(publisher, number)
    reader.ask("next", hold=True)
    assert eventually(lambda: publisher.subscribers()[0]["received"] == 1)
    (who,) = publisher.subscribers()
    assert (who["name"], who["pid"], who["held"], who["max_held"], who["lag"]) == (
        "reader",
        reader.pid,
        1,
        3,
        2,
    )
    stats = publisher.stats()
    assert (stats["subscribers"], stats["published"], stats["last_sequence"], stats["dropped"]) == (
        1,
        3,
        3,
        0,
    )
    assert stats["epoch"] != 0 and stats["bytes"] > 0 and stats["copied"] == 0


def test_refused_readers_are_counted(publish, key):
    """stats() counts the readers that were refused."""
    publisher = publish(max_subscribers=1)
    with cuframes.subscribe(key), pytest.raises(cuframes.RingFull, match="max-subscribers"):
        cuframes.subscribe(key, connect_timeout_ms=10000)
    assert publisher.stats()["refused"] == 1


def test_closing(publish, subscribe):
    """close() may be repeated; readers learn of it, slots still held stay valid memory, calls say closed."""
    publisher, subscriber = publish(), subscribe()
    slot = publisher.acquire()
    publisher.close()
    publisher.close()
    assert publisher.closed
    pictures.draw(slot, 1)
    slot.release()
    for call in (
        publisher.acquire,
        publisher.eos,
        lambda: publisher.send(pictures.picture(1, "NV12", 64, 48)),
    ):
        with pytest.raises(cuframes.Closed):
            call()
    with pytest.raises(cuframes.PublisherGone):
        subscriber.next_frame(timeout_ms=10000)


def test_many_threads_publish(publish, subscribe):
    """Several threads may publish at once: every frame is whole, and has a number of its own."""
    publisher = publish(slots=12, policy="wait", wait_timeout_ms=60000)
    subscriber = subscribe(max_held=2)

    def produce(base):
        for number in range(base, base + 25):
            with publisher.acquire() as slot:
                pictures.draw(slot, number)
                slot.pts = number

    threads = [threading.Thread(target=produce, args=(1000 * (i + 1),)) for i in range(4)]
    for thread in threads:
        thread.start()
    seen = []
    for _ in range(100):
        with subscriber.next_frame(timeout_ms=30000) as frame:
            assert pictures.difference(frame, frame.pts) == ""
            seen.append(frame.pts)
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(1000 * (i + 1) + n for i in range(4) for n in range(25))


def test_access_is_checked(key):
    """access= is "user", "group:NAME" or "all"; anything else, and a group that is not there, is refused."""
    for wrong in ("everybody", "group:no-such-group-here"):
        with pytest.raises(cuframes.InvalidArgument):
            cuframes.publish(key, access=wrong)
    cuframes.publish(key, access="all").close()


def test_tensors_never_go_into_frames_of_another_size(publish, subscribe, memory):
    """configure() in another thread, in the middle of a send(): the tensors are compared with the ring that they go into. A
    taller frame would be filled from behind their end."""
    publisher, subscriber = publish(format="GRAY8"), subscribe(max_held=2)
    publisher.configure("GRAY8", 64, 48, memory=memory)
    short = pictures.numpy.full((48, 64), 7, "u1")
    stop = threading.Event()

    def configure():
        while not stop.is_set():
            for height in (480, 48):
                publisher.configure("GRAY8", 64, height, memory=memory)
                stop.wait(0.001)

    other = threading.Thread(target=configure)
    other.start()
    heights = set()
    try:
        for _ in range(200):
            with contextlib.suppress(ValueError):
                publisher.send(short)
            # A ring that was replaced before the reader looked may take its frames with it.
            with contextlib.suppress(cuframes.FrameTimeout), subscriber.next_frame(timeout_ms=0) as frame:
                heights.add(frame.height)
    finally:
        stop.set()
        other.join()
    assert heights <= {48}


def test_the_end_of_the_block_ends_the_stream(key, memory, cleanup):
    """`with publish()` that is left in good order ends readers' loops after the last frame; an exception does not, and
    they learn that the publisher is gone."""
    for leaves_by in (None, KeyError):
        subscriber = cuframes.Subscriber(key, mode=cuframes.SubscriberMode.STRICT_ORDER)
        cleanup.append(subscriber)
        try:
            with cuframes.publish(key, format="NV12", width=64, height=48, memory=memory) as publisher:
                subscriber.connect(timeout_ms=10000)
                for number in range(3):
                    publish_one(publisher, number)
                if leaves_by:
                    raise leaves_by
        except KeyError:
            pass
        seen = []

        def read(subscriber=subscriber, seen=seen):
            for frame in subscriber:
                seen.append(frame.seq)
                frame.release()

        if leaves_by:
            with pytest.raises(cuframes.PublisherGone) as caught:
                read()
            assert not isinstance(caught.value, cuframes.EndOfStream)
        else:
            read()
        assert seen == [1, 2, 3]


def test_the_block_may_close_by_itself(key):
    """Leaving the block of a publisher that was closed in it, or never had a frame, is quiet."""
    with cuframes.publish(key) as publisher:
        publisher.close()
    with cuframes.publish(key):
        pass
