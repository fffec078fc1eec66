# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program says of itself where nothing comes, and what the package says from a shell."""

import asyncio
import logging
import re
import subprocess
import sys
import time

import cuframes
import numpy
import pytest
from cuframes._reader import Patience
from processes import SECONDS, Program

WAITING = 'waiting for "{}" in {}: no publisher has come yet'


@pytest.fixture
def lines(monkeypatch, caplog):
    """The log's lines of a program whose patience ends soon."""
    monkeypatch.setattr(Patience, "milliseconds", 30)
    caplog.set_level(logging.WARNING, "cuframes")
    return lambda: [record.getMessage() for record in caplog.records]


def connect_async(subscriber):
    asyncio.run(subscriber.connect_async(timeout=0.2))


def next_frame_async(subscriber):
    asyncio.run(subscriber.next_frame_async(timeout=0.2))


WAITS = {
    "connect": lambda subscriber: subscriber.connect(timeout=0.2),
    "next_frame": lambda subscriber: subscriber.next_frame(timeout=0.2),
    "connect_async": connect_async,
    "next_frame_async": next_frame_async,
}


@pytest.mark.parametrize("call", WAITS)
def test_who_waits_in_vain_is_told_for_what(key, directory, cleanup, lines, call):
    """A wait for a publisher that does not come is told of once, with key and directory, and ends when it is to end."""
    subscriber = cuframes.Subscriber(key)
    cleanup.append(subscriber)
    before = time.monotonic()
    for _ in range(2):
        with pytest.raises((cuframes.FrameTimeout, cuframes.PublisherGone), match="within 200 ms"):
            WAITS[call](subscriber)
    assert time.monotonic() - before >= 0.4
    assert lines() == [WAITING.format(key, directory)]


def test_packets_are_waited_for_likewise(key, directory, lines):
    """So is a wait for a publisher of packets."""
    with pytest.raises(cuframes.PublisherGone):
        cuframes.subscribe_packets(key, connect_timeout=0.2)
    assert lines() == [WAITING.format(key, directory)]


def test_frames_that_do_not_come_are_no_news(publish, subscribe, lines):
    """Nothing is told where a publisher is there and has no frames, nor of waits that are shorter than patience."""
    publish()
    subscriber = subscribe()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_frame(timeout=0.2)
    with pytest.raises(cuframes.PublisherGone):
        cuframes.subscribe("nobody", connect_timeout=0.02)
    assert lines() == []


def test_each_time_that_nobody_is_there_is_told_of(key, memory, directory, cleanup, lines):
    """After a publisher has come and gone the next wait is told of again."""
    subscriber = cuframes.Subscriber(key, on_gone="wait")
    cleanup.append(subscriber)
    for _ in range(2):
        with pytest.raises(cuframes.FrameTimeout):
            subscriber.next_frame(timeout=0.1)
        with cuframes.publish(key, format="GRAY8", width=8, height=8, memory=memory) as publisher:
            subscriber.connect(timeout=SECONDS)
            with publisher.acquire():
                pass
            subscriber.next_frame(timeout=SECONDS).release()
        with pytest.raises(cuframes.EndOfStream):
            subscriber.next_frame(timeout=SECONDS)
    assert lines() == [WAITING.format(key, directory)] * 2


def test_a_program_that_chose_nothing_says_so_after_two_seconds(key, directory):
    """On stderr, once, and not before two seconds of waiting."""
    text = (
        "import sys, time, cuframes\n"
        "before = time.monotonic()\n"
        "try: cuframes.subscribe(sys.argv[1], connect_timeout=2.5)\n"
        "except cuframes.PublisherGone: pass\n"
        "before = time.monotonic()\n"
        "try: cuframes.subscribe(sys.argv[1], connect_timeout=2)\n"
        "except cuframes.PublisherGone: print('gone', flush=True)\n"
    )
    assert Program(text, key).finish() == (0, "gone\n", "cuframes: warning: " + WAITING.format(key, directory) + "\n")


# ------------------------------------------------------------------------------------------------------ from a shell


def shell(*arguments):
    run = subprocess.run(
        [sys.executable, "-m", "cuframes", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return run.returncode, run.stdout, run.stderr


@pytest.fixture
def camera(key, memory, cleanup):
    """A publisher with one frame, and one reader."""
    publisher = cuframes.publish(key, memory=memory)
    reader = cuframes.Subscriber(key, "viewer")
    cleanup += [publisher, reader]
    publisher.send(numpy.full((48, 64, 3), 77, numpy.uint8))
    reader.next_frame(timeout=SECONDS).release()
    return publisher


@pytest.mark.parametrize("verb", ["list", "ls"])
def test_list_has_a_line_for_each_key(camera, key, memory, verb):
    """Key, state, what it is, how often, who reads and who publishes."""
    code, out, err = shell(verb)
    head, *lines = out.splitlines()
    assert (code, err) == (0, "") and head.split() == ["KEY", "STATE", "CONTENT", "RATE", "READERS", "PUBLISHER"]
    mine = [line for line in lines if line.startswith(key + " ")]
    assert len(mine) == 1
    assert re.search(rf"live +RGB 64x48 {memory} +[\d.]+/s +1 +\S+ \(pid \d+\)$", mine[0])


def test_an_empty_directory_is_said_to_be_empty(tmp_path):
    """Nothing on standard output, and the directory on standard error."""
    assert shell("list", "--dir", str(tmp_path)) == (0, "", f"nothing is shared in {tmp_path}\n")


def test_info_tells_of_one_key(camera, key, memory):
    """What its publisher says of itself, what it counts, and who reads it."""
    code, out, err = shell("info", key)
    facts = {line[:18].strip(): line[19:] for line in out.splitlines()}
    assert (code, err) == (0, "")
    assert facts["state"] == "live" and facts["content"] == f"RGB 64x48 {memory}" and facts["published"] == "1"
    assert facts["caps"].startswith("video/x-raw") and facts["memory"].startswith(memory)
    assert re.fullmatch(r"viewer \(pid \d+\), newest: held 0, lag 0, received 1, skipped 0, lost 0", facts["reader"])


def test_failures_are_one_line(key, directory):
    """No publisher: 1, and why. Bad usage: 2."""
    for arguments in (("info", key), ("snap", key, "x.png", "--timeout", "0")):
        code, out, err = shell(*arguments)
        assert (code, out) == (1, "") and re.fullmatch(
            f'python -m cuframes {arguments[0]}: .*"{key}".*{directory}.*\n', err
        )
    for arguments in (
        (),
        ("look",),
        ("info",),
        ("info", "no key"),
        ("snap", key),
        ("snap", key, "x.png", "--timeout", "x"),
    ):
        code, out, err = shell(*arguments)
        assert (code, out) == (2, "") and "Traceback" not in err and err


def test_a_reader_that_has_seen_enough(camera):
    """`python -m cuframes list | head` ends without a word."""
    reading = subprocess.Popen(
        [sys.executable, "-m", "cuframes", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    reading.stdout.close()
    assert reading.stderr.read() == "" and reading.wait(SECONDS) == 1
    reading.stderr.close()


def test_snap_writes_the_newest_picture(camera, key, need, tmp_path):
    """The picture as a file of the kind that its name says."""
    need("PIL")
    import PIL.Image

    file = tmp_path / "a.png"
    assert shell("snap", key, str(file)) == (0, "", "")
    assert (numpy.asarray(PIL.Image.open(file)) == numpy.full((48, 64, 3), 77)).all()
