# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cuframes snap`: the picture is the newest, and has its colours; where there is none, that is said in time."""

import os
import time

import pytest
from cameras import LONG_GOP, TEST, number_in, pictures_of, until, with_driver

BARS = "videotestsrc is-live=true pattern=smpte ! video/x-raw,format=I420,width=320,height=240,framerate=30/1"
# Of the upper bars, at 40 pixels' distance.
COLOURS = [(255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), None, (255, 0, 255), (255, 0, 0), (0, 0, 255)]
# What chroma of half the size and encoders do; a wrong range or matrix makes more.
CLOSE = 8
# How late a picture may be on a busy machine. It is much less than a camera's distance of keyframes.
SLACK = 1.5


@pytest.mark.parametrize("key", ["cam", "cam.h264"])
def test_it_is_the_newest_picture(camera, command, tmp_path, key):
    cam = camera(
        f"{TEST} ! tee name=t t. ! queue ! cuframessink key=cam t. ! queue ! {LONG_GOP} ! cuframessink key=cam.h264"
    )
    began = time.monotonic()
    # Well behind the keyframe.
    until(lambda: time.monotonic() > began + 3, "time stands still")
    asked = time.monotonic()
    done = command("snap", key, tmp_path / "a.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    number = number_in(pictures_of(tmp_path / "a.png")[0][1])
    seen = {picture: when for when, picture, _, _ in cam.finish()}
    assert seen[number] > asked - SLACK


@pytest.mark.parametrize("colorimetry", ["bt601", "bt709"])
@pytest.mark.parametrize("memory", ["system", "cuda"])
def test_colours_are_right(camera, command, tmp_path, colorimetry, memory):
    driver = os.environ.get("CUFRAMES_TEST_DRIVER")
    if memory == "cuda" and not driver:
        pytest.skip("no stand-in driver in this build")
    env = with_driver(driver, tmp_path) if memory == "cuda" else {}
    camera(
        f"{BARS},colorimetry={colorimetry} ! tee name=t t. ! queue ! cuframessink key=cam memory={memory} "
        f"t. ! queue ! {LONG_GOP} ! cuframessink key=cam.h264",
        env,
    )
    for key in "cam", "cam.h264":
        for name in f"{key}.png", f"{key}.jpg":
            done = command("snap", key, tmp_path / name, env=env)
            assert (done.returncode, done.stderr) == (0, "")
            picture = pictures_of(tmp_path / name, "rgb24")[0][1]
            assert picture.shape == (240, 320, 3)
            for colour, got in zip(COLOURS, picture[20, 20::40].astype(int)):
                assert colour is None or abs(got - colour).max() <= CLOSE, (name, got, colour)


# With pictures that the decoder holds back for those before them.
REORDERED = "x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=300 ! h264parse"


@pytest.mark.parametrize("chain", ["", f"! {REORDERED}"], ids=["frames", "packets"])
@pytest.mark.parametrize("end", [(), ("--end",)], ids=["still", "ended"])
def test_of_a_camera_that_stands_still(camera, command, tmp_path, chain, end):
    line = f"{TEST.replace('is-live=true', 'num-buffers=40')} {chain} ! cuframessink sync=false key=cam"
    assert camera.still(line, *end).pictures == 40
    done = command("snap", "cam", tmp_path / "last.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert number_in(pictures_of(tmp_path / "last.png")[0][1]) == 39


def test_on_standard_output(camera, command, tmp_path):
    camera(f"{TEST} ! cuframessink key=cam")
    with open(tmp_path / "out", "wb") as out:
        assert command("snap", "cam", "-", "--format", "jpg", stdout=out).returncode == 0
    assert (tmp_path / "out").read_bytes()[:3] == b"\xff\xd8\xff"
    assert len(pictures_of(tmp_path / "out")) == 1


def test_where_there_is_no_picture_that_is_said_in_time(camera, command, tmp_path):
    camera("audiotestsrc is-live=true ! avenc_aac ! aacparse ! cuframessink key=sound.aac")
    for key, why, seconds in (("nothing", "it has no publisher", 0.5), ("sound.aac", "audio/mpeg", 0)):
        began = time.monotonic()
        done = command("snap", key, tmp_path / "none.png", "--timeout", "500ms")
        assert done.returncode == 1
        assert done.stderr.startswith("cuframes snap: ") and why in done.stderr
        assert seconds <= time.monotonic() - began < seconds + 10
    assert not list(tmp_path.glob("*.png*"))


@pytest.mark.parametrize("file", ["a.gif", "-", "png"])
def test_bad_usage(command, file):
    done = command("snap", "cam", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--format" in done.stderr


def test_where_the_file_cannot_be_written(camera, command):
    camera(f"{TEST} ! cuframessink key=cam")
    done = command("snap", "cam", "/nowhere/a.png")
    assert done.returncode == 1
    assert "/nowhere" in done.stderr and "No such file" in done.stderr
