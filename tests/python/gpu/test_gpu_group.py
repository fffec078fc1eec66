# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches of eight cameras, converted on the GPU into the input of a CUDA graph: each is what the host makes of the same
frames, and no capture breaks beside a reader."""

import pytest

KEYS = [f"cam-{number}" for number in range(8)]
RATE = 120
#: About a millisecond, in which cameras at this rate publish nothing; the second is several of their intervals.
SLEEP_CYCLES = 2_000_000
LONG_SLEEP_CYCLES = 60_000_000


@pytest.fixture
def cameras(roles, torch):
    def start(**options):
        started = roles("pattern_cameras", keys=KEYS, memory="cuda", rate=RATE, by_torch=True, **options)
        started.ask("run")
        return started

    return start


def test_a_thousand_batches_are_right(cameras, roles, figures):
    cameras()
    reader = roles("batch_reader", keys=KEYS, device="cuda")
    reader.send("read", batches=1000, sleep_cycles=SLEEP_CYCLES)
    found = reader.answer()
    figures(**found, **reader.ask("measure", batches=200))
    assert found["batches"] == 1000 and sum(found["wrong_values"]) == 0
    assert found["captures"] >= 20 and found["broken_captures"] == 0 and found["frames_beside"] > 100
    assert found["wrong_replays"] == 0


@pytest.mark.parametrize("unsafe", [False, True])
def test_frames_are_kept_until_the_gpu_has_read_them(cameras, roles, figures, unsafe):
    """Behind slow work, over small rings. Released as soon as the host says so, the same work reads other pictures, which
    shows that the test can fail."""
    cameras(slots=5)
    env = {"CUFRAMES_UNSAFE_RELEASE": "host"} if unsafe else {}
    reader = roles("batch_reader", env, keys=KEYS, device="cuda", max_held=2)
    found = reader.ask("read", batches=60, sleep_cycles=LONG_SLEEP_CYCLES, beside=False)
    figures(unsafe=unsafe, **found)
    assert (sum(found["wrong_values"]) > 0) == unsafe
