# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whom a set waits for, and how long: by a clock of the test's own."""

import math

import cuframes
import pytest
from cuframes._alignment import Alignment
from cuframes._camera import Camera

MS = 1_000_000
STEP = 33 * MS


class Frame:
    caps = "video/x-raw, framerate=(fraction)1000/33"

    def __init__(self, number, pts, published):
        self.sequence, self.pts_ns, self.publish_time_ns = number, pts, published

    def release(self):
        pass


class Subscriber:
    """Has the frames that the test gives it."""

    key = "cam"

    def __init__(self):
        self.frames = []

    def fileno(self):
        return -1

    def _take(self, timeout_ms):
        if not self.frames:
            raise cuframes.FrameTimeout("none")
        return self.frames.pop(0)


class Scene:
    def __init__(self, cameras, within=20 * MS, wait=None, most=8):
        self.cameras = [Camera(Subscriber(), most) for _ in range(cameras)]
        self.alignment = Alignment(self.cameras, within, wait, False)
        self.numbers = [0] * cameras

    def bring(self, now, *cameras, delay=0):
        """A frame of each, published now and captured so long before."""
        for number in cameras:
            self.numbers[number] += 1
            camera = self.cameras[number]
            camera.subscriber.frames.append(Frame(self.numbers[number], now - delay, now))
            camera.take()

    def mask(self, now):
        """Of the set that there is now; None: none."""
        found = self.alignment.choose(now)
        return found and tuple(frame is not None for frame in found)


@pytest.fixture
def running():
    """Two cameras that have brought ten frames each."""
    scene = Scene(2)
    for step in range(10):
        scene.bring(step * STEP, 0, 1)
        assert scene.mask(step * STEP) == (True, True)
    return scene, 10 * STEP


def test_a_camera_that_fails_delays_two_sets_and_no_more(running):
    scene, now = running
    delays = []
    for step in range(12):
        scene.bring(now + step * STEP, 0)
        came = now + step * STEP
        if scene.mask(came):
            delays.append(0)
        elif scene.alignment.deadline <= came + STEP:
            assert scene.mask(scene.alignment.deadline) == (True, False)
            delays.append(scene.alignment.deadline - came)
    late = [delay for delay in delays if delay]
    assert len(late) <= 2 and max(late, default=0) <= STEP + 20 * MS, delays
    assert delays[-3:] == [0, 0, 0]
    came = now + 12 * STEP
    scene.bring(came, 1)
    assert scene.mask(came) is None, "it is back, and the other one is waited for"
    scene.bring(came + MS, 0)
    assert scene.mask(came + MS) == (True, True)


def test_where_all_were_silent_none_has_failed(running):
    """As when it is the reader's own GPU that held all frames: the first that comes waits for the others."""
    scene, now = running
    now += 2000 * MS
    scene.bring(now, 0)
    assert scene.mask(now) is None
    scene.bring(now + 10 * MS, 1)
    assert scene.mask(now + 10 * MS) == (True, True)


def test_a_delay_is_waited_for_and_one_that_is_too_long_is_not():
    for delay, expected in ((150 * MS, (True, True)), (400 * MS, (True, False))):
        scene = Scene(2)
        found = []
        for step in range(40):
            scene.bring(step * STEP, 0)
            if step * STEP >= delay:
                scene.bring(step * STEP + MS, 1, delay=delay + MS)
            found.append(scene.mask(step * STEP + MS))
        last = [mask for mask in found[-10:] if mask]
        assert len(last) >= 9 and set(last) == {expected}, found


def test_as_long_as_it_takes():
    scene = Scene(2, wait=math.inf)
    for step in range(20):
        scene.bring(step * STEP, 0)
        assert scene.mask(step * STEP) is None and scene.alignment.deadline == math.inf
    scene.bring(19 * STEP + MS, 1)
    assert scene.mask(19 * STEP + MS) == (True, True)


def test_a_camera_of_one_frame_a_second_is_waited_for_when_it_is_due():
    scene = Scene(2)
    found = []
    for step in range(91):
        scene.bring(step * STEP, 0)
        if step % 30 == 0:
            scene.bring(step * STEP, 1)
            scene.cameras[1].interval = 30 * STEP
        found.append(scene.mask(step * STEP))
    assert [step for step, mask in enumerate(found) if mask == (True, True)] == [0, 30, 60, 90]
    assert found.count(None) <= 3 * 2, "sets between do not wait"
