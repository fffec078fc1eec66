# SPDX-License-Identifier: LGPL-2.1-or-later
"""64 rings with 4 readers each: asking about them takes no time and changes nothing."""

import json
import time

import pytest

KEYS = [f"cam-{i:02}" for i in range(64)]
NAMES = ["detector", "recorder", "viewer", "other"]


@pytest.fixture
def many(studio):
    studio.publish(keys=KEYS)
    studio.send()
    studio.read(keys=KEYS, names=NAMES)
    return studio


def who_is_there(studio):
    """What would be another one if somebody had attached, or had taken a frame."""
    return (
        {key: (stats["subscribers"], stats["refused"], stats["slots"]) for key, stats in studio.stats().items()},
        {key: [(who["id"], who["held"], who["max_held"]) for who in studio.subscribers(key=key)] for key in KEYS},
    )


def published(studio):
    return sum(stats["published"] for stats in studio.stats().values())


def rate(studio, ask):
    """Frames per second that are published while `ask` is called for a second."""
    first, began = published(studio), time.monotonic()
    while time.monotonic() - began < 1:
        ask()
    return (published(studio) - first) / (time.monotonic() - began)


def test_quick_answers_that_change_nothing(many, command):
    before = who_is_there(many)
    times = {}
    for verb in (
        ["ls", "--json"],
        ["ls"],
        ["ls", "--keys"],
        ["info", "cam-63"],
        ["export", "--once"],
        ["top", "-n", "1"],
    ):
        took = []
        for _ in range(5):
            began = time.monotonic()
            done = command(*verb)
            took.append(time.monotonic() - began)
            assert done.returncode == 0, done.stderr
        times[" ".join(verb)] = min(took)
    # Milliseconds each, where the machine is not busy.
    assert max(times.values()) < 1, times
    rings = json.loads(command("ls", "--json").stdout)["rings"]
    assert [ring["key"] for ring in rings] == KEYS
    assert all(sorted(reader["name"] for reader in ring["readers"]) == sorted(NAMES) for ring in rings)
    assert who_is_there(many) == before


def test_publishing_goes_on_as_before(many, command):
    many.run(every=0.02)
    alone = rate(many, lambda: time.sleep(0.02))
    asked = rate(many, lambda: command("ls", "--json"))
    many.stop()
    # The command takes a share of the machine, and the publishers answer; nobody waits for anybody.
    assert asked > alone / 2, (asked, alone)
