# SPDX-License-Identifier: LGPL-2.1-or-later
"""`hz` measures what was published, as one reader that holds nothing."""

import re
import signal
import subprocess
import time

from conftest import COMMAND, SECONDS


def test_frames(studio, facts):
    studio.publish(keys=["cam"])
    studio.run(every=0.02)
    told = facts("hz", "cam", "-n", 25)
    assert (told["key"], told["content"], told["count"]) == ("cam", "frames", 25)
    # At most one in 20 ms.
    steps = told["count"] + told["skipped"] - 1
    assert told["seconds"] >= steps * 0.019
    assert abs(told["rate"] * told["seconds"] - steps) < 0.001
    assert 0.01 < told["interval_seconds"]["min"] <= told["interval_seconds"]["mean"] <= told["interval_seconds"]["max"]
    for latency in (told["push_latency_seconds"], told["capture_latency_seconds"]):
        assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"] < 10
    # It was captured before it was pushed.
    assert told["push_latency_seconds"]["p50"] < told["capture_latency_seconds"]["p50"]


def test_frames_on_a_gpu(studios, facts, driver):
    studio = studios()
    studio.publish(keys=["cam"], memory="cuda")
    studio.run(every=0.02)
    told = facts("hz", "cam", "-n", 10)
    assert (told["content"], told["count"]) == ("frames", 10)
    assert facts("ls")["rings"][0]["gpu"].startswith("GPU-")


def test_what_was_there_before_is_no_latency(studio, facts):
    studio.publish(keys=["cam"])
    studio.send()
    told = facts("hz", "cam", "-n", 1)
    assert (told["count"], told["rate"], told["interval_seconds"], told["push_latency_seconds"]) == (
        1,
        None,
        None,
        None,
    )


def test_packets_of_the_past_are_no_latency(studio, facts):
    studio.publish_packets(keys=["cam"])
    studio.send()
    studio.send(count=50, delta=True)
    studio.run(every=0.02)
    told = facts("hz", "cam", "-n", 10)
    assert (told["content"], told["count"], told["skipped"]) == ("packets", 10, 0)
    assert told["seconds"] >= 9 * 0.019
    assert studio.stats()["cam"]["refused"] == 0


def test_it_is_one_reader_with_one_frame(studio):
    studio.publish(keys=["cam"])
    studio.send()
    process = subprocess.Popen([COMMAND, "hz", "cam"], stdout=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + SECONDS
        while not studio.subscribers(key="cam"):
            assert time.monotonic() < end
        (reader,) = studio.subscribers(key="cam")
        assert (reader["name"], reader["max_held"]) == ("cuframes hz", 1)
        studio.run(every=0.02)
        line = process.stdout.readline()
        assert re.search(r"\d/s .* skipped \d", line)
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=SECONDS)[0]
        assert process.returncode == 0
        assert re.search(r"\d+ frames in [\d.]+ s: ", rest) and "latency, ms" in rest
    finally:
        process.kill()
        process.communicate()
    assert studio.stats()["cam"]["slots"] == 8


def test_it_waits_for_a_publisher(studio):
    process = subprocess.Popen(
        [COMMAND, "hz", "cam", "-n", "2", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert "waiting for a publisher" in process.stderr.readline()
        studio.publish_packets(keys=["cam"])
        studio.run(every=0.02)
        assert '"packets"' in process.communicate(timeout=SECONDS)[0]
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_nothing_comes(command, studio):
    began = time.monotonic()
    done = command("hz", "cam", "--for", "200ms")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'nothing came from "cam"' in done.stderr
    assert time.monotonic() - began >= 0.2
    studio.publish(keys=["cam"])
    assert command("hz", "cam", "--for", "200ms").returncode == 1


def test_who_may_not_read_is_told(command, studio):
    studio.publish(keys=["cam"], max_subscribers=1)
    studio.send()
    studio.read(keys=["cam"], names=["viewer"])
    done = command("hz", "cam", "--for", "10s")
    assert done.returncode == 1
    assert done.stderr.startswith("cuframes hz: ") and "subscribers" in done.stderr
