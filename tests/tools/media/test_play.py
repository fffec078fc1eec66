# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cuframes play`: what a window gets is every picture, from now on; where there is no window that is said."""

import re

import pytest
from cameras import LONG_GOP, TEST, number_in, pictures_of

# What a window would show goes to a key of its own.
MIRROR = "cuframessink key=shown"
NO_DESKTOP = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "XDG_RUNTIME_DIR": "/nowhere", "PULSE_SERVER": "/nowhere"}


@pytest.mark.parametrize("key", ["cam", "cam.h264"])
def test_every_picture_is_shown_at_its_rate(camera, running, command, tmp_path, key):
    cam = camera(
        f"{TEST} ! tee name=t t. ! queue ! cuframessink key=cam t. ! queue ! {LONG_GOP} ! cuframessink key=cam.h264"
    )
    play = running("play", key, "--sink", MIRROR)
    play.expect(rf"{re.escape(key)}: (2[5-9]|3[0-5])/s\n")
    assert command("record", "shown", tmp_path / "a.mkv", "--duration", "1s").returncode == 0
    play.interrupt()
    assert play.exit_code() == 0
    numbers = [number_in(picture) for _, picture in pictures_of(tmp_path / "a.mkv")]
    assert len(numbers) >= 25 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[-1] in {number for _, number, _, _ in cam.finish()}


def test_sound_is_heard(camera, running):
    camera(
        "audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=1 ! avenc_aac ! aacparse ! cuframessink key=cam.aac"
    )
    play = running("play", "cam.aac", "--sink", "fakesink sync=true")
    play.expect(r"cam.aac: (4[0-9]|5[0-5])/s\n")
    play.interrupt()
    assert play.exit_code() == 0


def test_it_ends_with_the_camera_and_can_be_quiet(camera, running):
    camera.still(f"{TEST.replace('is-live=true', 'num-buffers=10')} ! cuframessink key=cam", "--end")
    play = running("play", "cam", "--quiet", "--sink", "fakesink")
    assert play.exit_code() == 0
    assert play.said() == ""


def test_without_a_display_that_is_said(camera, command):
    camera(f"{TEST} ! cuframessink key=cam audiotestsrc is-live=true ! cuframessink key=cam.sound")
    for key, why in (("cam", "there is no display here"), ("cam.sound", "nothing to hear it with")):
        done = command("play", key, env=NO_DESKTOP)
        assert done.returncode == 1 and why in done.stderr, done.stderr
        # Libraries for sound have said more before.
        assert done.stderr.splitlines()[-1].startswith("cuframes play: ")


def test_what_is_wrong_is_said(camera, command):
    camera(f"{TEST} ! cuframessink key=cam")
    for arguments, why in (
        (("cam", "--sink", "nosuchsink"), "nosuchsink"),
        (("none", "--timeout", "100ms"), "no publisher"),
    ):
        done = command("play", *arguments)
        assert done.returncode == 1 and why in done.stderr
    assert command("play", "cam", "--mode", "slow").returncode == 2
