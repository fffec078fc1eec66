# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a subscriber gets: which frames, which numbers about them, and what it is told when there are none."""

import gc
import inspect
import os
import re
import select
import threading
import warnings

import cuframes
import pictures
import pytest
from processes import SECONDS, eventually

STRICT = cuframes.SubscriberMode.STRICT_ORDER
NEWEST = cuframes.SubscriberMode.NEWEST_ONLY


def publish_numbers(publisher, first, last):
    for number in range(first, last + 1):
        with publisher.acquire() as slot:
            pictures.draw(slot, number)
            slot.pts = number * 1000


def test_subscribe_has_the_references_signature():
    """Arguments, order and defaults of subscribe() are those of the reference; what was added is
    keyword-only."""
    parameters = inspect.signature(cuframes.subscribe).parameters
    positional = {n: p.default for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert positional == {
        "key": inspect.Parameter.empty,
        "consumer_name": None,
        "mode": NEWEST,
        "cuda_device": 0,
        "connect_timeout_ms": -1,
        "consumer_stream": 0,
    }
    assert list(positional) == [
        "key",
        "consumer_name",
        "mode",
        "cuda_device",
        "connect_timeout_ms",
        "consumer_stream",
    ]


def test_iteration_ends_with_the_stream(publish, subscribe):
    """`for frame in subscriber` gives every frame in strict mode and ends at end-of-stream, without an
    exception."""
    publisher, subscriber = publish(), subscribe()
    publish_numbers(publisher, 1, 5)
    publisher.eos()
    seen = []
    for frame in subscriber:
        seen.append((frame.seq, pictures.difference(frame, frame.seq)))
        frame.release()
    assert seen == [(number, "") for number in range(1, 6)]


def test_frames_need_no_release(publish, subscribe):
    """A loop that drops its frames unreleased goes on for ever: the next turn's assignment gives the last one
    back."""
    publisher, subscriber = publish(slots=4), subscribe(max_held=2)
    for number in range(1, 40):
        publish_numbers(publisher, number, number)
        frame = subscriber.next_frame(timeout_ms=10000)
        assert frame.seq == number


def test_end_of_stream_is_an_exception_of_next_frame(publish, subscribe):
    """next_frame() raises EndOfStream, which is a PublisherGone for code that knows only that."""
    publisher, subscriber = publish(), subscribe()
    publish_numbers(publisher, 1, 1)
    publisher.eos()
    subscriber.next_frame(timeout_ms=10000).release()
    with pytest.raises(cuframes.EndOfStream) as caught:
        subscriber.next_frame(timeout_ms=10000)
    assert isinstance(caught.value, cuframes.CuframesPublisherGone)


def test_newest_mode_skips_and_counts(publish, subscribe):
    """The default mode gives the newest frame; what was passed over is counted, as is the gap in sequence
    numbers."""
    publisher, subscriber = publish(slots=8), subscribe(mode=NEWEST)
    publish_numbers(publisher, 1, 1)
    subscriber.next_frame(timeout_ms=10000).release()
    publish_numbers(publisher, 2, 30)
    with subscriber.next_frame(timeout_ms=10000) as frame:
        assert (frame.seq, frame.sequence, frame.missed) == (30, 30, 28)
    assert (subscriber.gap_count, subscriber.stats()["skipped"], subscriber.frames_received) == (28, 28, 2)


def test_strict_mode_is_told_what_it_lost(publish, subscribe):
    """A strict reader that the ring went past gets the oldest frame left, and exactly how many it lost."""
    publisher, subscriber = publish(slots=4), subscribe(max_held=1)
    publish_numbers(publisher, 1, 1)
    subscriber.next_frame(timeout_ms=10000).release()
    publish_numbers(publisher, 2, 20)
    got, lost = [], 0
    while not got or got[-1] < 20:
        with subscriber.next_frame(timeout_ms=10000) as frame:
            got.append(frame.seq)
            lost += frame.missed
            assert pictures.difference(frame, frame.seq) == ""
    assert got == list(range(got[0], 21)) and lost == got[0] - 2
    assert subscriber.stats()["lost"] == lost == subscriber.gap_count


def test_held_frames_do_not_change(publish, subscribe):
    """A frame that is held is not written to, however far the publisher goes on."""
    publisher, subscriber = publish(slots=4), subscribe(mode=NEWEST, max_held=2)
    publish_numbers(publisher, 1, 1)
    held = subscriber.next_frame(timeout_ms=10000)
    publish_numbers(publisher, 2, 50)
    assert pictures.difference(held, 1) == ""


def test_all_leases_held(publish, subscribe):
    """Holding max_held frames, the next call says at once what to do about it."""
    publisher, subscriber = publish(slots=8), subscribe(max_held=2)
    publish_numbers(publisher, 1, 4)
    held = [subscriber.next_frame(timeout_ms=10000) for _ in range(2)]
    with pytest.raises(cuframes.LeasesExhausted, match="max_held|hold"):
        subscriber.next_frame(timeout_ms=10000)
    held[0].release()
    assert subscriber.next_frame(timeout_ms=10000).seq == 3


def test_as_many_leases_as_it_takes(publish, subscribe):
    """By default frames can be held for as long as the ring can spare them, which grows; what is held stays."""
    publisher, subscriber = publish(), subscribe()
    assert subscriber.max_held is None
    held = []
    for number in range(1, 41):
        publish_numbers(publisher, number, number)
        held.append(subscriber.next_frame(timeout_ms=10000))
    assert [frame.seq for frame in held] == list(range(1, 41))
    assert [pictures.difference(frame, frame.seq) for frame in held] == [""] * 40
    assert subscriber.stats()["max_held"] >= 40 and subscriber.stats()["lost"] == 0
    assert publisher.stats()["slots"] >= 42
    assert publisher.stats()["memory"] >= 42 * 64 * 48 * 3 // 2


def test_a_ring_that_may_not_grow_further(publish, subscribe):
    """At its limit it says so, and goes on when a frame is given back."""
    publisher, subscriber = publish(max_slots=8), subscribe()
    held = []
    with pytest.raises(cuframes.LeasesExhausted, match="release one"):
        for number in range(1, 20):
            publish_numbers(publisher, number, number)
            held.append(subscriber.next_frame(timeout_ms=10000))
    held.pop().release()
    assert subscriber.next_frame(timeout_ms=10000).seq == len(held) + 2


def test_too_many_leases_asked_for(publish, key):
    """More leases than the ring can spare are refused with the number of slots that would do."""
    publish(slots=4)
    with pytest.raises(cuframes.RingFull, match="slots"):
        cuframes.subscribe(key, max_held=3, connect_timeout_ms=10000)


def test_what_a_frame_says(publish, subscribe):
    """Times, numbers, caps and places of a frame."""
    publisher, subscriber = publish(framerate=25), subscribe()
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
        slot.pts, slot.duration, slot.flags = 5_000_000_000, 40_000_000, 64
        index, epoch = slot.index, slot.epoch
    publish_numbers(publisher, 2, 2)
    with publisher.acquire():
        pass
    first = subscriber.next_frame(timeout_ms=10000)
    assert (first.pts, first.pts_ns, first.duration, first.dts) == (
        5_000_000_000,
        5_000_000_000,
        40_000_000,
        None,
    )
    assert (first.slot, first.epoch, first.flags, first.discontinuity) == (index, epoch, 64, True)
    assert "video/x-raw" in first.caps and "25/1" in first.caps and "NV12" in first.caps
    assert first.metadata == b"" and first.publish_time_ns > 0
    assert first.cuda_ptr == first.data_ptr == first.planes[0].data_ptr
    first.release()
    second = subscriber.next_frame(timeout_ms=10000)
    assert second.pts == 2000 and not second.discontinuity and second.publish_time_ns > first.publish_time_ns
    second.release()
    third = subscriber.next_frame(timeout_ms=10000)
    assert second.publish_time_ns <= third.pts_ns == third.pts <= third.publish_time_ns


STATS = {
    "frames_received",
    "timeouts",
    "errors",
    "last_seq",
    "gap_count",
    "last_frame_pts_ns",
    "skipped",
    "lost",
    "reconnects",
    "held",
    "max_held",
    "publisher_pid",
    "epoch",
    "state",
}


def test_stats(publish, subscribe):
    """stats() is a snapshot with the reference's keys and more; the properties of the same names agree."""
    publisher, subscriber = publish(), subscribe(max_held=3)
    publish_numbers(publisher, 1, 2)
    frame = subscriber.next_frame(timeout_ms=10000)
    subscriber.next_frame(timeout_ms=10000).release()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_frame(timeout_ms=1)
    stats = subscriber.stats()
    assert set(stats) == STATS
    assert (stats["frames_received"], stats["timeouts"], stats["errors"], stats["gap_count"]) == (2, 1, 0, 0)
    assert (stats["last_seq"], stats["last_frame_pts_ns"]) == (2, 2000)
    assert (stats["held"], stats["max_held"], stats["publisher_pid"]) == (1, 3, os.getpid())
    assert stats["epoch"] == frame.epoch
    for name in ("frames_received", "timeouts", "errors", "last_seq", "gap_count", "last_frame_pts_ns"):
        assert getattr(subscriber, name) == stats[name]
    subscriber.close()
    assert subscriber.stats()["frames_received"] == 2


def test_properties(publish, subscribe, key, directory):
    """What it was made with can be asked for."""
    publish()
    subscriber = subscribe(consumer_name="tester", max_held=3)
    assert (subscriber.key, subscriber.consumer_name, subscriber.mode) == (key, "tester", STRICT)
    assert (subscriber.cuda_device, subscriber.consumer_stream, subscriber.max_held) == (0, 0, 3)
    assert not subscriber.closed and str(subscriber.directory) == str(directory)
    with cuframes.Subscriber(key, directory=None) as unnamed:
        assert isinstance(unnamed.consumer_name, str) and unnamed.consumer_name


def test_the_publisher_sees_the_name(publish, subscribe):
    """consumer_name is how the publisher lists the subscriber."""
    publisher = publish()
    subscribe(consumer_name="yolo-world", mode=NEWEST)
    (who,) = publisher.subscribers()
    assert (who["name"], who["pid"], who["held"]) == ("yolo-world", os.getpid(), 0)


def test_another_directory(tmp_path, cleanup):
    """directory= names the socket directory, for this subscriber and publisher alone."""
    with cuframes.publish("elsewhere", format="GRAY8", width=8, height=8, directory=str(tmp_path)) as publisher:
        assert publisher.socket_path.startswith(str(tmp_path))
        cleanup.append(cuframes.subscribe("elsewhere", directory=str(tmp_path), connect_timeout_ms=10000))
        with pytest.raises(cuframes.PublisherGone):
            cuframes.subscribe("elsewhere", connect_timeout_ms=1)


def test_fileno_wakes_select(publish, subscribe):
    """fileno() becomes readable when there is something to take: a frame, and the end."""
    publisher, subscriber = publish(), subscribe()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_frame(timeout_ms=0)
    assert select.select([subscriber], [], [], 0)[0] == []
    publish_numbers(publisher, 1, 1)
    assert select.select([subscriber], [], [], SECONDS)[0] == [subscriber]
    subscriber.next_frame(timeout_ms=0).release()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_frame(timeout_ms=0)
    publisher.eos()
    assert select.select([subscriber.fileno()], [], [], SECONDS)[0]
    with pytest.raises(cuframes.EndOfStream):
        subscriber.next_frame(timeout_ms=0)


def readable(subscriber, seconds=SECONDS):
    return select.select([subscriber], [], [], seconds)[0] == [subscriber]


@pytest.mark.parametrize("before", ["unconnected", "connected", "one taken", "drained", "exhausted"])
def test_fileno_is_readable_from_the_first_wait_on(publish, key, cleanup, before):
    """A loop that begins by waiting on fileno(), and takes one frame each time, gets all frames and the end: whatever
    was done with the subscriber before."""
    publisher = publish(slots=16)
    subscriber = cuframes.Subscriber(key, mode=STRICT, max_held=2)
    cleanup.append(subscriber)
    if before != "unconnected":
        subscriber.connect(timeout_ms=10000)
        publish_numbers(publisher, 1, 5)
    if before == "one taken":
        subscriber.next_frame().release()
    if before == "drained":
        for _ in range(5):
            subscriber.next_frame().release()
        with pytest.raises(cuframes.FrameTimeout):
            subscriber.next_frame(0)
        publish_numbers(publisher, 6, 7)
    if before == "exhausted":
        held = [subscriber.next_frame(), subscriber.next_frame()]
        with pytest.raises(cuframes.LeasesExhausted):
            subscriber.next_frame(0)
        assert readable(subscriber), "the first wait finds out that there is nothing"
        with pytest.raises(cuframes.LeasesExhausted):
            subscriber.next_frame(0)
        assert not readable(subscriber, 0)
        held.pop().release()
    seen = subscriber.last_seq
    while True:
        assert readable(subscriber), f"after frame {seen}"
        try:
            with subscriber.next_frame(0) as frame:
                seen = frame.seq
            if seen >= 5:
                publisher.eos()
        except cuframes.FrameTimeout:
            if before == "unconnected" and seen == 0 and publisher.stats()["subscribers"]:
                publish_numbers(publisher, 1, 5)
                before = "connected"
        except cuframes.EndOfStream:
            break
    assert seen == (7 if before == "drained" else 5) and subscriber.gap_count == 0


def test_close_is_idempotent_and_final(publish, subscribe):
    """close() may be called again, by `with` too; afterwards calls say that it is closed. Frames stay."""
    publisher, subscriber = publish(), subscribe()
    publish_numbers(publisher, 1, 1)
    with subscriber:
        frame = subscriber.next_frame(timeout_ms=10000)
        subscriber.close()
    subscriber.close()
    assert subscriber.closed
    with pytest.raises(cuframes.Closed, match="closed"):
        subscriber.next_frame(timeout_ms=0)
    with pytest.raises(cuframes.Closed):
        subscriber.fileno()
    assert pictures.difference(frame, 1) == ""


def test_unclosed_subscriber_warns(publish, key):
    """A subscriber that is forgotten unclosed is closed by the collector, with a ResourceWarning naming its
    key."""
    publisher = publish()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cuframes.subscribe(key, connect_timeout_ms=10000)
        gc.collect()
        assert any(w.category is ResourceWarning and key in str(w.message) for w in caught)
    assert eventually(lambda: publisher.stats()["subscribers"] == 0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cuframes.subscribe(key, connect_timeout_ms=10000).close()
        gc.collect()
        assert not caught


def test_reprs(publish, subscribe, key):
    """Every object says what it is in one line, before and after it was closed."""
    publisher, subscriber = publish(), subscribe()
    slot = publisher.acquire()
    with slot:
        pictures.draw(slot, 1)
    frame = subscriber.next_frame(timeout_ms=10000)
    things = [publisher, subscriber, slot, frame, frame.planes[0], frame.dlpack_uv(), frame.planes[0].bytes]
    for thing in things:
        assert re.fullmatch(r"<cuframes\.\w+ [^\n]+>", repr(thing)), repr(thing)
    assert key in repr(subscriber) and key in repr(publisher)
    assert "NV12" in repr(frame) and "64x48" in repr(frame) and "seq=1" in repr(frame)
    frame.close()
    subscriber.close()
    publisher.close()
    for thing in things:
        assert re.fullmatch(r"<cuframes\.\w+ [^\n]+>", repr(thing)), repr(thing)
    assert "closed" in repr(subscriber) and "closed" in repr(publisher) and "released" in repr(frame)


def test_many_threads_share_a_subscriber(publish, subscribe):
    """Threads may call next_frame() on one subscriber: each frame goes to exactly one of them."""
    publisher = publish(slots=16, policy="wait", wait_timeout_ms=20000)
    subscriber = subscribe(max_held=8)
    seen, lock, wrong = [], threading.Lock(), []

    def take():
        while True:
            try:
                with subscriber.next_frame(timeout_ms=20000) as frame:
                    number, difference = frame.seq, pictures.difference(frame, frame.seq)
            except (cuframes.EndOfStream, cuframes.Closed):
                return
            with lock:
                seen.append(number)
                if difference:
                    wrong.append(difference)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    publish_numbers(publisher, 1, 200)
    publisher.eos()
    assert eventually(lambda: len(seen) == 200)
    subscriber.close()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 201)) and not wrong
