# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packets: the bytes and what is said of them arrive as they were sent, from where in the past a reader begins, and a
reader that cannot keep up is told exactly what it lost."""

import asyncio
import copy
import ctypes
import gc
import hashlib
import os
import pickle
import select
import threading
import time
import warnings
import weakref

import cuframes
import pytest
from probes import monotonic_ns
from processes import SECONDS, eventually

STRICT = cuframes.SubscriberMode.STRICT_ORDER
CAPS = "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au"
MS = 1_000_000
LONG = int(SECONDS * 1000)


def content(number, size=1000):
    """Bytes that no other packet has."""
    return hashlib.sha256(str(number).encode()).digest() * (size // 32) + bytes(size % 32)


@pytest.fixture
def publisher(key, cleanup):
    made = cuframes.publish_packets(key, CAPS)
    cleanup.append(made)
    return made


@pytest.fixture
def read(key, cleanup):
    """Makes an attached subscriber of packets."""

    def make(**options):
        subscriber = cuframes.subscribe_packets(options.pop("key", key), connect_timeout_ms=LONG, **options)
        cleanup.append(subscriber)
        return subscriber

    return make


def send(publisher, first, last, gop=5, step=40 * MS, start=None):
    """Packets of these numbers, a keyframe each `gop`, with times that end now."""
    start = time.monotonic_ns() - (last - first) * step if start is None else start
    for number in range(first, last + 1):
        publisher.send(content(number), pts=start + (number - first) * step, keyframe=(number - 1) % gop == 0)
    return start


def take(subscriber, count):
    return [subscriber.next_packet(LONG) for _ in range(count)]


def test_what_was_sent_arrives(publisher, read):
    """Bytes, times, and all that is said of a packet, are those that were sent."""
    subscriber = read(start="live")
    for number, size in enumerate((1, 31, 1000, 0, 70_000, 3_000_000), 1):
        publisher.send(
            content(number, size),
            pts=number * 1000 + 7,
            dts=number * 1000,
            duration=1000,
            keyframe=number in (1, 4),
            flags=1 << number,
            metadata=b"about %d" % number,
        )
    for number, size in enumerate((1, 31, 1000, 0, 70_000, 3_000_000), 1):
        packet = subscriber.next_packet(LONG)
        assert bytes(packet) == content(number, size)
        assert (packet.pts, packet.pts_ns, packet.dts, packet.duration) == (
            number * 1000 + 7,
            number * 1000 + 7,
            number * 1000,
            1000,
        )
        assert (packet.sequence, packet.seq, packet.missed, packet.discontinuity) == (number, number, 0, number == 1)
        assert (packet.is_keyframe, packet.flags, packet.metadata) == (
            number in (1, 4),
            1 << number,
            b"about %d" % number,
        )
        assert packet.caps == CAPS and packet.epoch and packet.behind == 6 - number
        assert 0 < packet.publish_time_ns <= monotonic_ns()
    assert subscriber.last_seq == 6 and subscriber.gap_count == 0


def test_a_packet_is_bytes(publisher, read):
    """It is bytes to whatever takes bytes, without a copy, and nobody can write to it."""
    subscriber = read()
    publisher.send(content(1))
    packet = subscriber.next_packet(LONG)
    view = memoryview(packet)
    assert (len(packet), view.nbytes, view.readonly, view.format, view.ndim) == (1000, 1000, True, "B", 1)
    assert view == content(1) and bytes(packet) == content(1) and bytearray(packet) == content(1)
    assert (
        b"".join([packet, packet]) == content(1) * 2
        and hashlib.md5(packet).digest() == hashlib.md5(content(1)).digest()
    )
    other = memoryview(packet)
    numpy = pytest.importorskip("numpy")
    first, second = (numpy.frombuffer(one, "u1").__array_interface__["data"][0] for one in (view, other))
    assert first == second
    with pytest.raises(TypeError):
        view[0] = 1
    with pytest.raises(TypeError, match="not writable"):
        (ctypes.c_char * len(packet)).from_buffer(packet)


def test_a_packet_stays(publisher, read):
    """It outlives its subscriber, its publisher, and what views of it there were before; it can be referred to weakly."""
    subscriber = read()
    send(publisher, 1, 3)
    packets = take(subscriber, 3)
    publisher.close(), subscriber.close()
    view = memoryview(packets[1])
    last = weakref.ref(packets[2])
    del packets[1:]
    gc.collect()
    assert last() is None
    assert bytes(packets[0]) == content(1) and view == content(2) and packets[0].caps == CAPS


def test_memory_comes_back(publisher, read):
    """What was read and let go of is given back."""
    subscriber = read()

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def go(count):
        for number in range(count):
            publisher.send(content(1, 1_000_000), keyframe=True)
            assert len(subscriber.next_packet(LONG)) == 1_000_000, number

    go(100)
    before = resident()
    go(200)
    assert resident() - before < 50_000_000


def test_nobody_makes_packets_but_subscribers():
    """A packet of nothing is refused in words."""
    with pytest.raises(TypeError, match="subscriber"):
        cuframes.Packet(b"bytes")


def test_iteration_ends_with_the_stream(publisher, read):
    """`for packet in subscriber` ends at the end of the stream, and next_packet() says so."""
    subscriber = read()
    send(publisher, 1, 7)
    publisher.eos()
    assert [packet.seq for packet in subscriber] == list(range(1, 8))
    send(publisher, 8, 11)
    assert [packet.seq for packet in take(subscriber, 4)] == [8, 9, 10, 11]
    publisher.eos()
    with pytest.raises(cuframes.EndOfStream):
        subscriber.next_packet(LONG)


def test_with_ends_the_stream(key, read):
    """Leaving the publisher's block ends the stream; an exception does not."""
    with cuframes.publish_packets(key) as publisher:
        subscriber = read()
        publisher.send(b"one")
    assert [bytes(packet) for packet in subscriber] == [b"one"]
    subscriber.close()
    with pytest.raises(ZeroDivisionError), cuframes.publish_packets(key) as publisher:
        subscriber = read()
        publisher.send(b"two")
        raise ZeroDivisionError
    assert bytes(subscriber.next_packet(LONG)) == b"two"
    with pytest.raises(cuframes.PublisherGone):
        subscriber.next_packet(LONG)


def test_live_begins_with_the_next_keyframe(publisher, read):
    """By default a reader begins with the next keyframe that comes, and gets nothing that cannot be decoded."""
    send(publisher, 1, 7)
    for options in ({}, {"start": "live"}, {"preroll": 0}):
        subscriber = read(**options)
        with pytest.raises(cuframes.FrameTimeout):
            subscriber.next_packet(1)
        first = publisher.stats()["last_sequence"] + 1
        send(publisher, first, first + 9)
        packet = subscriber.next_packet(LONG)
        assert packet.is_keyframe and packet.seq == first + -(first - 1) % 5


def test_keyframe_begins_with_the_newest_one(publisher, read):
    """start="keyframe" gives something to decode at once, and then everything."""
    send(publisher, 1, 13)
    packets = take(read(start="keyframe"), 3)
    assert [packet.seq for packet in packets] == [11, 12, 13]
    assert [packet.is_keyframe for packet in packets] == [True, False, False]
    assert [packet.behind for packet in packets] == [2, 1, 0]


def test_preroll_begins_in_the_past(publisher, read):
    """preroll=SECONDS begins with the newest keyframe at or before that time, or with the oldest there is."""
    send(publisher, 1, 100)  # the last is from now: four seconds, keyframes 200 ms apart
    now = monotonic_ns()
    for seconds in (0.5, 1, 2.3):
        packet = read(preroll=seconds).next_packet(LONG)
        assert packet.is_keyframe
        late = (packet.pts - (now - seconds * 1e9)) / 1e9
        assert -0.2 - 0.02 <= late <= (monotonic_ns() - now) / 1e9, "the newest keyframe that is old enough"
    assert read(preroll=60).next_packet(LONG).seq == 1


def test_since_begins_at_a_time_of_capture(publisher, read):
    """since= begins with the newest keyframe at or before a time, as frames have it."""
    start = send(publisher, 1, 100)
    for number, first in ((48, 46), (46, 46), (45, 41), (100, 96)):
        assert read(since=start + (number - 1) * 40 * MS).next_packet(LONG).seq == first
    assert read(since=start - 1).next_packet(LONG).seq == 1


def test_frames_and_packets_of_one_camera(key, publisher, read, memory, cleanup):
    """A frame's time is where to begin among the packets that it was made of."""
    frames = cuframes.publish(key + "-frames", format="GRAY8", width=8, height=8, memory=memory)
    cleanup.append(frames)
    camera = cuframes.subscribe(key + "-frames", mode=STRICT, connect_timeout_ms=LONG)
    cleanup.append(camera)
    start = time.monotonic_ns()
    for number in range(20):
        publisher.send(content(number), pts=start + number * 40 * MS, keyframe=number % 5 == 0)
        with frames.acquire() as slot:
            slot.pts = start + number * 40 * MS
        with camera.next_frame(LONG) as frame:
            if number == 12:
                when = frame.pts_ns
    packet = read(since=when).next_packet(LONG)
    assert packet.pts == start + 10 * 40 * MS and bytes(packet) == content(10)


WRONG = [
    ({"start": "begin"}, cuframes.InvalidArgument, '"live" or "keyframe"'),
    ({"start": "preroll"}, cuframes.InvalidArgument, "preroll="),
    ({"start": 1}, cuframes.InvalidArgument, "start"),
    ({"preroll": -1}, cuframes.InvalidArgument, "preroll"),
    ({"preroll": float("nan")}, cuframes.InvalidArgument, "preroll"),
    ({"preroll": "10"}, TypeError, "preroll"),
    ({"preroll": [10]}, TypeError, "preroll"),
    ({"since": 1.5}, TypeError, "since"),
    ({"since": -1}, cuframes.InvalidArgument, "since"),
    ({"start": "keyframe", "preroll": 10}, cuframes.InvalidArgument, "start and preroll"),
    ({"since": 1, "preroll": 10}, cuframes.InvalidArgument, "preroll and since"),
    ({"mode": "strict"}, cuframes.InvalidArgument, "mode"),
    ({"on_gone": "panic"}, cuframes.InvalidArgument, "on_gone"),
]


@pytest.mark.parametrize("options, error, said", WRONG)
def test_wrong_places_to_begin(key, options, error, said):
    """What cannot be meant is refused at once, by name."""
    with pytest.raises(error, match=said):
        cuframes.subscribe_packets(key, connect_timeout_ms=0, **options)


def test_wrong_arguments_of_a_publisher(key):
    """So it is for publishers, which hold no key then."""
    for options, error in (
        ({"max_time": 0}, cuframes.InvalidArgument),
        ({"max_time": -1}, cuframes.InvalidArgument),
        ({"max_time": "long"}, TypeError),
        ({"max_bytes": 0}, cuframes.InvalidArgument),
        ({"max_bytes": 10}, cuframes.InvalidArgument),
        ({"max_bytes": 10**15}, cuframes.InvalidArgument),
        ({"max_bytes": 1e9}, TypeError),
        ({"policy": "hope"}, cuframes.InvalidArgument),
        ({"caps": 5}, TypeError),
        ({"caps": "x" * 20_000}, cuframes.InvalidArgument),
    ):
        with pytest.raises(error):
            cuframes.publish_packets(key, **options)
    cuframes.publish_packets(key).close()


def test_wrong_packets(publisher):
    """What is no packet, or no time, is refused in words, and changes nothing."""
    before = publisher.stats()["last_sequence"]
    for call, error in (
        (lambda: publisher.send("text"), TypeError),
        (lambda: publisher.send(5), TypeError),
        (lambda: publisher.send(b"", pts=1.5), TypeError),
        (lambda: publisher.send(b"", dts=-1), cuframes.InvalidArgument),
        (lambda: publisher.send(b"", flags=-1), cuframes.InvalidArgument),
        (lambda: publisher.send(memoryview(b"abcd")[::2]), BufferError),
        (lambda: setattr(publisher, "caps", None), TypeError),
    ):
        with pytest.raises(error) as caught:
            call()
        assert "_native" not in str(caught.value) and "incompatible function" not in str(caught.value)
    assert publisher.stats()["last_sequence"] == before


def test_another_content_is_refused(key, publisher, cleanup, memory):
    """Who asks for frames where packets are, or the other way round, is told which there are."""
    with pytest.raises(cuframes.OtherContent, match="packets"):
        cuframes.subscribe(key, connect_timeout_ms=LONG)
    cleanup.append(cuframes.publish(key + "-frames", format="GRAY8", width=8, height=8, memory=memory))
    with pytest.raises(cuframes.OtherContent, match="frames"):
        cuframes.subscribe_packets(key + "-frames", connect_timeout_ms=LONG)


def test_caps_go_with_their_packets(publisher, read):
    """Each packet has the caps that it was sent with, also for a reader that begins before a change of them."""
    send(publisher, 1, 3)
    publisher.caps = "audio/x-opus"
    send(publisher, 4, 6)
    publisher.caps = ""
    send(publisher, 7, 7)
    packets = take(read(preroll=10), 7)
    assert [packet.caps for packet in packets] == [CAPS] * 3 + ["audio/x-opus"] * 3 + [""]
    assert publisher.caps == ""


def test_what_is_passed_on(publisher, read, key, cleanup):
    """A packet that is sent on brings its bytes, times, flags, metadata and caps."""
    onward = cuframes.publish_packets(key + "-onward")
    cleanup.append(onward)
    source, subscriber = read(), read(key=key + "-onward")
    publisher.send(content(1), pts=11, dts=10, duration=5, keyframe=True, flags=64, metadata=b"meta")
    publisher.send(content(2), pts=16, keyframe=False)
    for packet in take(source, 2):
        onward.send(packet)
    first, second = take(subscriber, 2)
    assert (first.pts, first.dts, first.duration, first.flags, first.metadata) == (11, 10, 5, 64, b"meta")
    assert (bytes(first), first.is_keyframe, first.caps) == (content(1), True, CAPS)
    assert (second.pts, second.dts, second.is_keyframe, second.metadata) == (16, None, False, b"")
    assert onward.caps == CAPS


def test_a_packet_without_times_is_from_now(publisher, read):
    """Without a time a packet is of now."""
    subscriber = read()
    before = monotonic_ns()
    publisher.send(b"now")
    packet = subscriber.next_packet(LONG)
    assert before <= packet.pts <= packet.publish_time_ns and packet.dts is None and packet.duration is None


def test_too_large_for_the_log(key, read, cleanup):
    """A packet that does not fit is an error that counts it; readers learn of the gap, and the stream goes on."""
    publisher = cuframes.publish_packets(key, max_bytes=1 << 20)
    cleanup.append(publisher)
    subscriber = read()
    publisher.send(b"before")
    with pytest.raises(cuframes.OutOfMemory):
        publisher.send(bytes(2 << 20))
    publisher.send(b"after")
    before, after = take(subscriber, 2)
    assert (bytes(after), after.missed, after.discontinuity) == (b"after", 1, True) and before.missed == 0
    assert publisher.stats()["dropped"] == 1 and subscriber.gap_count == 1


def test_a_slow_reader_is_told_what_it_lost(key, read, cleanup):
    """Who sleeps while the log goes on gets the oldest packet there is, a keyframe, and exactly how many it missed."""
    publisher = cuframes.publish_packets(key, max_bytes=1 << 20)
    cleanup.append(publisher)
    subscriber = read()
    for number in range(1, 501):
        publisher.send(content(number, 10_000), keyframe=(number - 1) % 10 == 0)
        if number == 1:
            assert subscriber.next_packet(LONG).seq == 1
    packets = []
    while not packets or packets[-1].seq < 500:
        packets.append(subscriber.next_packet(LONG))
    assert packets[0].is_keyframe and packets[0].discontinuity and packets[0].missed == packets[0].seq - 2 > 0
    assert [packet.seq for packet in packets] == list(range(packets[0].seq, 501))
    assert all(bytes(packet) == content(packet.seq, 10_000) for packet in packets)
    assert subscriber.gap_count == subscriber.stats()["lost"] == packets[0].missed


def test_lossless_to_strict_readers(key, read, cleanup):
    """Under policy "wait" a reader in STRICT_ORDER gets every packet, byte for byte, however small the log is."""
    publisher = cuframes.publish_packets(key, policy="wait", max_bytes=1 << 20, wait_timeout_ms=LONG)
    cleanup.append(publisher)
    readers = [read(mode=STRICT) for _ in range(2)]
    sent, count = hashlib.sha256(), 2000
    seen = [hashlib.sha256() for _ in readers]
    missed = []

    def run(reader, digest):
        for packet in reader:
            digest.update(packet)
            missed.append(packet.missed)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(readers, seen)]
    for thread in threads:
        thread.start()
    for number in range(count):
        data = content(number, 5000 + number)
        sent.update(data)
        publisher.send(data, keyframe=number % 25 == 0)
    publisher.eos()
    for thread in threads:
        thread.join(SECONDS)
    assert [digest.hexdigest() for digest in seen] == [sent.hexdigest()] * 2
    assert sum(missed) == 0 and len(missed) == 2 * count and publisher.stats()["lapped"] == 0


def test_window(publisher, read):
    """Both sides say what the log holds, the reader as soon as it is attached."""
    subscriber = read()
    empty = publisher.window()
    assert subscriber.window() == empty
    assert (empty["packets"], empty["keyframes"], empty["oldest_time"], empty["keyframe_time"]) == (0, 0, None, None)
    start = send(publisher, 1, 51)
    expected = {
        "packets": 51,
        "keyframes": 11,
        "oldest_time": start,
        "newest_time": start + 2_000 * MS,
        "keyframe_time": start + 2_000 * MS,
    }
    late = read()
    for side in (publisher, subscriber, late):
        window = side.window()
        assert {name: window[name] for name in expected} == expected
        assert window["bytes"] >= 51_000 and 150_000 < window["bit_rate"] < 250_000, window


def test_window_without_a_publisher(key, cleanup):
    """A reader that was not admitted yet says so."""
    subscriber = cuframes.PacketSubscriber(key)
    cleanup.append(subscriber)
    with pytest.raises(cuframes.InvalidArgument):
        subscriber.window()


def test_the_log_keeps_its_time(key, cleanup):
    """What is older than max_time leaves, by whole groups of pictures; what is younger stays."""
    publisher = cuframes.publish_packets(key, max_time=1)
    cleanup.append(publisher)
    start = send(publisher, 1, 200)
    window = publisher.window()
    covered = (window["newest_time"] - window["oldest_time"]) / 1e9
    assert 1 <= covered < 1.3, window
    assert (window["oldest_time"] - start) // (40 * MS) % 5 == 0, "a keyframe"


PUBLISHER_STATS = {
    "published",
    "dropped",
    "lapped",
    "bytes",
    "waited_ns",
    "subscribers",
    "epoch",
    "last_sequence",
    "metadata_dropped",
    "refused",
}
SUBSCRIBER_STATS = {
    "packets_received",
    "timeouts",
    "errors",
    "last_seq",
    "gap_count",
    "last_packet_pts_ns",
    "lost",
    "reconnects",
    "publisher_pid",
    "epoch",
    "state",
}


def test_stats(publisher, read):
    """Both sides count, and what they are made with can be asked for."""
    subscriber = read(consumer_name="recorder")
    publisher.wait_subscribers(1, timeout_ms=LONG)
    send(publisher, 1, 2, start=1000, step=1000)
    take(subscriber, 2)
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_packet(timeout_ms=1)
    stats = subscriber.stats()
    assert set(stats) == SUBSCRIBER_STATS and set(publisher.stats()) == PUBLISHER_STATS
    assert (stats["packets_received"], stats["timeouts"], stats["last_seq"], stats["last_packet_pts_ns"]) == (
        2,
        1,
        2,
        2000,
    )
    assert (stats["state"], stats["publisher_pid"], stats["lost"]) == ("attached", os.getpid(), 0)
    for name in ("packets_received", "timeouts", "errors", "last_seq", "gap_count", "last_packet_pts_ns"):
        assert getattr(subscriber, name) == stats[name]
    assert (publisher.stats()["published"], publisher.stats()["bytes"], publisher.stats()["subscribers"]) == (
        2,
        2000,
        1,
    )
    (who,) = publisher.subscribers()
    assert (who["name"], who["pid"], who["received"]) == ("recorder", os.getpid(), 2)
    subscriber.close()
    assert subscriber.stats()["packets_received"] == 2


def test_reprs_say_what_it_is(publisher, read, key):
    """What is printed names the key, the state, and what a packet is."""
    subscriber = read()
    send(publisher, 1, 2)
    first, second = take(subscriber, 2)
    assert key in repr(subscriber) and "2 packets" in repr(subscriber) and "video/x-h264" in repr(publisher)
    assert "seq=1 keyframe 1000 bytes" in repr(first) and "seq=2 delta" in repr(second)
    publisher.close(), subscriber.close()
    assert "closed" in repr(subscriber) and "closed" in repr(publisher)


def test_copies_and_pickles_are_refused(publisher, read):
    """copy and pickle refuse what belongs to its process, and say what to do instead."""
    subscriber = read()
    publisher.send(b"one")
    for thing in (publisher, subscriber, subscriber.next_packet(LONG)):
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match=f"{type(thing).__name__} of cuframes"):
                attempt(thing)


def test_unclosed_is_told(key):
    """What is forgotten unclosed is closed by the collector, with a ResourceWarning that names its key."""
    for make in (cuframes.publish_packets, cuframes.PacketSubscriber):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            make(key)
            gc.collect()
            assert any(w.category is ResourceWarning and key in str(w.message) for w in caught)
    cuframes.publish_packets(key).close()


def test_fileno_wakes_select(publisher, read):
    """fileno() becomes readable when there is something to take: a packet, and the end."""
    subscriber = read()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_packet(0)
    assert select.select([subscriber], [], [], 0)[0] == []
    publisher.send(b"one")
    assert select.select([subscriber], [], [], SECONDS)[0] == [subscriber]
    assert bytes(subscriber.next_packet(0)) == b"one"
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_packet(0)
    publisher.eos()
    assert select.select([subscriber], [], [], SECONDS)[0]
    with pytest.raises(cuframes.EndOfStream):
        subscriber.next_packet(0)


def test_two_threads_share_the_packets(publisher, read):
    """Threads that wait for packets of one subscriber get each one once, and both get some."""
    subscriber = read()
    taken = {"first": [], "second": []}

    def run(mine):
        try:
            for packet in subscriber:
                mine.append((packet.seq, bytes(packet) == content(packet.seq)))
        except cuframes.Closed:
            pass

    threads = [threading.Thread(target=run, args=(mine,)) for mine in taken.values()]
    for thread in threads:
        thread.start()
    number = 0

    def some_for_both():
        nonlocal number
        number += 1
        send(publisher, number, number)
        return number >= 50 and all(len(mine) >= 10 for mine in taken.values())

    assert eventually(some_for_both)
    publisher.eos()
    assert eventually(lambda: not all(thread.is_alive() for thread in threads))
    subscriber.close()
    for thread in threads:
        thread.join(SECONDS)
    seen = sorted(one for mine in taken.values() for one in mine)
    assert seen == [(one, True) for one in range(1, number + 1)]


def test_asyncio(publisher, key):
    """`async for` gives the packets and ends with the stream; a wait times out, and can be cancelled."""

    async def main():
        async with cuframes.PacketSubscriber(key) as subscriber:
            await subscriber.connect_async(LONG)
            with pytest.raises(cuframes.FrameTimeout):
                await subscriber.next_packet_async(5)
            waiting = asyncio.ensure_future(subscriber.next_packet_async())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, lambda: (send(publisher, 1, 9), publisher.eos()))
            return [(packet.seq, bytes(packet) == content(packet.seq)) async for packet in subscriber]

    assert asyncio.run(main()) == [(number, True) for number in range(1, 10)]


def test_two_keys_in_one_loop(key, cleanup):
    """Tasks wait for sound and picture in one loop, each for its own key."""
    publishers = [cuframes.publish_packets(f"{key}-{name}") for name in ("video", "audio")]
    cleanup.extend(publishers)

    async def read(name):
        async with cuframes.PacketSubscriber(f"{key}-{name}", preroll=60) as subscriber:
            return [bytes(packet) async for packet in subscriber]

    for number in range(5):
        for publisher in publishers:
            publisher.send(b"%s %d" % (publisher.key.encode(), number))

    async def both():
        tasks = asyncio.gather(read("video"), read("audio"))
        while not all(publisher.stats()["subscribers"] for publisher in publishers):
            await asyncio.sleep(0.001)
        for publisher in publishers:
            publisher.eos()
        return await tasks

    assert asyncio.run(both()) == [
        [b"%s-%s %d" % (key.encode(), name, i) for i in range(5)] for name in (b"video", b"audio")
    ]


def test_the_next_publisher_goes_on(roles, key, read):
    """A publisher that is killed: what it had is delivered, the death is told, and the next one's packets follow from
    the first that it has."""
    first = roles("packet_publisher", key=key)
    subscriber = read()
    first.ask("send", count=6)
    assert take(subscriber, 2)[1].seq == 2
    first.kill()
    assert [packet.seq for packet in take(subscriber, 4)] == [3, 4, 5, 6]
    with pytest.raises(cuframes.PublisherGone) as caught:
        subscriber.next_packet(LONG)
    assert not isinstance(caught.value, cuframes.EndOfStream)
    second = roles("packet_publisher", key=key)
    second.ask("send", count=3)
    packets = take(subscriber, 3)
    assert [packet.seq for packet in packets] == [1, 2, 3] and packets[0].discontinuity
    assert subscriber.stats()["reconnects"] == 1


def test_on_gone_wait(roles, key, read):
    """With on_gone="wait" a death is only a pause."""
    first = roles("packet_publisher", key=key)
    subscriber = read(on_gone="wait")
    first.ask("send", count=1)
    old = subscriber.next_packet(LONG)
    first.kill()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_packet(10)
    second = roles("packet_publisher", key=key)
    second.ask("send", count=1)
    packet = subscriber.next_packet(LONG)
    assert packet.discontinuity and packet.epoch != old.epoch and bytes(packet) == bytes(old)


def test_close_wakes_who_waits(publisher, read):
    """close() from another thread ends a wait for packets, and one for readers."""
    subscriber = read()
    publisher.send(b"first")
    subscriber.next_packet(LONG)
    ended = []

    def wait(call):
        try:
            call()
        except cuframes.Closed as error:
            ended.append(error)

    threads = [
        threading.Thread(target=wait, args=(call,))
        for call in (subscriber.next_packet, lambda: publisher.wait_subscribers(9))
    ]
    for thread in threads:
        thread.start()
    subscriber.close(), publisher.close()
    for thread in threads:
        thread.join(SECONDS)
    assert len(ended) == 2
    for call in (lambda: subscriber.next_packet(0), lambda: publisher.send(b""), publisher.window, subscriber.window):
        with pytest.raises(cuframes.Closed):
            call()


def test_close_wakes_a_sender_that_waits(key, read, cleanup):
    """A sender that waits for a reader under policy "wait" goes home when another thread closes the publisher."""
    publisher = cuframes.publish_packets(key, policy="wait", max_bytes=1 << 16, wait_timeout_ms=10 * LONG)
    cleanup.append(publisher)
    read(mode=STRICT)
    ended = []

    def run():
        try:
            while True:
                publisher.send(bytes(10_000))
        except cuframes.Closed as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert eventually(lambda: publisher.stats()["waited_ns"] > 0 or _stands(publisher))
    publisher.close()
    thread.join(SECONDS)
    assert len(ended) == 1


def _stands(publisher):
    before = publisher.stats()["published"]
    time.sleep(0.05)
    return before > 0 and publisher.stats()["published"] == before


SENDING = """
import sys, threading, time, cuframes
publisher = cuframes.publish_packets(sys.argv[1], policy="wait", max_bytes=1 << 16, wait_timeout_ms=600_000)
strict = cuframes.subscribe_packets(sys.argv[1], mode=cuframes.SubscriberMode.STRICT_ORDER)

def tell():
    while publisher.stats()["published"] < 3:
        time.sleep(0.001)
    print("waiting", flush=True)

threading.Thread(target=tell).start()
sent = 0
try:
    while True:
        publisher.send(b"%d " % sent + bytes(16_000))
        sent += 1
except KeyboardInterrupt:
    print("interrupted", flush=True)
publisher.eos()
read = [int(bytes(packet).split()[0]) for packet in strict]
assert sent < 5 and read in (list(range(sent)), list(range(sent + 1))), (sent, read)
publisher.send(b"after")
assert bytes(strict.next_packet()) == b"after"
strict.close(); publisher.close()
"""


def test_ctrl_c_in_send(program, key):
    """Ctrl-C ends a lossless sender that waits for a reader, however long it was told to wait; it can go on after that."""
    child = program(SENDING, key)
    assert child.read_line() == "waiting"
    child.await_sleep()
    child.interrupt()
    assert child.read_line() == "interrupted"
    assert child.finish() == (0, "", "")


FORKED = """
import os, sys, cuframes
publisher = cuframes.publish_packets(sys.argv[1])
subscriber = cuframes.subscribe_packets(sys.argv[1])
publisher.send(b"before")
packet = subscriber.next_packet()
pid = os.fork()
if pid == 0:
    for number, call in enumerate((lambda: subscriber.next_packet(0), lambda: publisher.send(b""), publisher.window,
                                   subscriber.window, subscriber.stats, publisher.stats)):
        try:
            call()
        except cuframes.Forked as error:
            assert "fork" in str(error), error
        else:
            print("call", number, "worked", flush=True)
            os._exit(1)
    assert bytes(packet) == b"before", "a packet is memory of one's own"
    repr(publisher), repr(subscriber), repr(packet)
    del packet
    subscriber.close(); publisher.close()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
publisher.send(b"after")
assert bytes(subscriber.next_packet()) == b"after"
subscriber.close(); publisher.close()
"""


def test_fork(program, key):
    """In a forked child every call on an inherited object says Forked and harms nothing; packets stay readable."""
    code, out, err = program(FORKED, key).finish()
    assert (code, out) == (0, ""), err
