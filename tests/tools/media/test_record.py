# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cuframes record` and `cuframes clip`: every picture is in the file, at its time, from the moment on that was asked for;
the file plays however it was ended."""

import os
import resource
import signal
import subprocess
import time

import av
import pytest
from cameras import COMMAND, LONG_GOP, SHORT_GOP, SIZE, TEST, number_in, pictures_of, until, with_driver

FRAME = 1 / 30
SOUND = "audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=1"
REORDERED = "x264enc speed-preset=ultrafast bframes=2 b-adapt=false rc-lookahead=0 key-int-max=30 ! h264parse"


def numbers_of(path, frames=False):
    """Those of all pictures, which have to be all there are and at their times. Of frames the first one is from before the
    recording began, and is at its beginning."""
    pictures = [(seconds, number_in(picture)) for seconds, picture in pictures_of(path)]
    numbers = [number for _, number in pictures]
    assert numbers == list(range(numbers[0], numbers[0] + len(pictures)))
    start, first = pictures[frames]
    for seconds, number in pictures[frames:]:
        assert seconds - start == pytest.approx((number - first) * FRAME, abs=0.015)
    return numbers


def has_grown(path, size=8000):
    return path.exists() and path.stat().st_size > size


def finished(record):
    code = record.exit_code()
    assert code == 0, record.said()
    return record.said()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_packets_as_they_are_until_it_is_ended(camera, running, tmp_path, number):
    cam = camera(f"{TEST} ! {SHORT_GOP} ! cuframessink key=cam.h264")
    files = [tmp_path / f"a.{ending}" for ending in ("mkv", "mp4", "mov", "ts")]
    began = time.monotonic()
    records = [running("record", "cam.h264", file) for file in files]
    for file, record in zip(files, records):
        until(lambda file=file: has_grown(file), "nothing is recorded", record.process)
    for record in records:
        record.interrupt(number)
    said = [finished(record) for record in records]
    sent = {number: when for when, number, _, _ in cam.finish() if number is not None}
    assert not sent, "packets have no readable number"
    for file, record in zip(files, said):
        numbers = numbers_of(file)
        # From the keyframe on.
        assert numbers[0] % 30 == 0
        assert f"{len(numbers)} pictures" in record
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("chain", ["", f"! {SHORT_GOP}", f"! {REORDERED}"], ids=["frames", "packets", "reordered"])
@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_it_is_as_long_as_asked(camera, command, tmp_path, chain, ending):
    camera(f"{TEST} {chain} ! cuframessink key=cam")
    done = command("record", "cam", tmp_path / f"a.{ending}", "--duration", "1500ms")
    assert done.returncode == 0, done.stderr
    # What is decoded before and shown after is in it as well.
    assert 44 <= len(numbers_of(tmp_path / f"a.{ending}", chain == "")) <= 46 + (4 if chain.endswith(REORDERED) else 0)


def test_sound_begins_with_the_picture(camera, running, tmp_path):
    camera(
        f"{TEST} ! tee name=t t. ! queue ! cuframessink key=cam t. ! queue ! {SHORT_GOP} ! cuframessink key=cam.h264 "
        f"{SOUND} ! tee name=s s. ! queue ! audioconvert ! avenc_aac ! aacparse ! cuframessink key=cam.aac "
        "s. ! queue ! audioconvert ! audioresample ! mulawenc ! cuframessink key=cam.mulaw"
    )
    records = {}
    for key in "cam", "cam.h264":
        for sound in "cam.aac", "cam.mulaw":
            file = tmp_path / f"{key}-{sound}.mp4"
            records[file] = running("record", key, file, "--audio", sound, "--duration", "2s")
    for file, record in records.items():
        finished(record)
        numbers_of(file, frames=".h264" not in file.name)
        with av.open(str(file)) as opened:
            assert opened.streams.audio[0].codec.name == "aac"
            times = [frame.time for frame in opened.decode(audio=0)]
        # Packets of sound are of 21 ms, and the encoder's first is not heard.
        assert abs(times[0]) < 0.1, file
        assert 1.8 < times[-1] < 2.2, file


def test_frames_in_gpu_memory(camera, command, tmp_path):
    """An encoder that takes frames from host memory gets them there."""
    driver = os.environ.get("CUFRAMES_TEST_DRIVER")
    if not driver:
        pytest.skip("no stand-in driver in this build")
    env = with_driver(driver, tmp_path)
    camera(f"{TEST} ! cuframessink key=cam memory=cuda", env)
    done = command("record", "cam", tmp_path / "a.mkv", "--duration", "1s", env=env)
    assert done.returncode == 0, done.stderr
    assert 28 <= len(numbers_of(tmp_path / "a.mkv", True)) <= 32


def test_a_file_that_is_there_is_kept(camera, command, tmp_path):
    camera(f"{TEST} ! cuframessink key=cam")
    file = tmp_path / "a.mkv"
    file.write_text("precious")
    done = command("record", "cam", file, "--duration", "500ms")
    assert done.returncode == 1 and "--force" in done.stderr
    assert file.read_text() == "precious"
    assert command("record", "cam", file, "--duration", "500ms", "--force").returncode == 0
    assert numbers_of(file, frames=True)


SNOW = f"videotestsrc is-live=true pattern=snow ! video/x-raw,{SIZE},framerate=30/1 ! {SHORT_GOP}"
LIMIT = 400_000


@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts"])
def test_when_the_file_can_not_grow_it_plays_and_the_camera_goes_on(camera, running, tmp_path, ending):
    """As on a full disk, but for the error's name."""
    cam = camera(f"{SNOW} ! cuframessink key=cam.h264")
    file = tmp_path / f"a.{ending}"
    limit = (LIMIT, resource.RLIM_INFINITY)
    record = running("record", "cam.h264", file, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert record.exit_code() == 1
    ended = time.monotonic()
    assert "File too large" in record.said() and "what was written" in record.said()
    assert file.stat().st_size <= LIMIT
    with av.open(str(file)) as opened:
        times = []
        try:
            times.extend(frame.time for frame in opened.decode(video=0))
        except av.error.FFmpegError:
            pass  # the packet that is cut off
    assert len(times) > 20
    until(lambda: time.monotonic() > ended + 1, "time stands still")
    sent = [when for when, _, _, _ in cam.finish()]
    assert sum(when > ended for when in sent) >= 20


def test_a_full_disk_is_named(camera, command, tmp_path):
    camera(f"{SNOW} ! cuframessink key=cam.h264")
    (tmp_path / "full.mkv").symlink_to("/dev/full")
    done = command("record", "cam.h264", tmp_path / "full.mkv")
    assert done.returncode == 1
    assert "full.mkv: the disk is full" in done.stderr


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_recorder_that_is_killed_leaves_what_plays(camera, running, tmp_path, ending):
    camera(f"{SNOW} ! cuframessink key=cam.h264")
    file = tmp_path / f"a.{ending}"
    record = running("record", "cam.h264", file)
    until(lambda: has_grown(file, 400_000), "nothing is recorded", record.process)
    record.process.kill()
    record.process.wait()
    with av.open(str(file)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) > 20


def test_without_a_camera_there_is_no_file(running, command, tmp_path):
    record = running("record", "cam", tmp_path / "a.mkv")
    record.expect("waiting for cam: it has no publisher")
    record.interrupt()
    assert record.exit_code() == 130
    done = command("record", "cam", tmp_path / "a.mkv", "--timeout", "200ms")
    assert done.returncode == 1 and "it has no publisher" in done.stderr
    assert not (tmp_path / "a.mkv").exists()


def test_a_clip_begins_before_now_and_ends_after(camera, running, tmp_path):
    cam = camera(
        f"{TEST} ! tee name=t t. ! queue ! cuframessink key=cam t. ! queue ! {SHORT_GOP} ! cuframessink key=cam.h264"
    )
    began = time.monotonic()
    until(lambda: time.monotonic() > began + 3.5, "time stands still")
    asked = time.monotonic()
    clip = running("clip", "cam.h264", tmp_path / "a.mp4", "--before", "2s", "--after", "1s")
    said = finished(clip)
    ended = time.monotonic()
    numbers = numbers_of(tmp_path / "a.mp4")
    when = {number: at for at, number, _, _ in cam.finish()}
    # With a keyframe a second, and started by a machine that is busy.
    assert asked - 3.1 <= when[numbers[0]] <= ended - 1 - 2 + 0.1
    assert when[numbers[-1]] == pytest.approx(when[numbers[0]] + len(numbers) * FRAME, abs=0.5)
    assert asked + 0.9 <= when[numbers[-1]] <= ended + 0.1
    assert "goes back" not in said


def test_a_window_that_is_shorter_is_said(camera, running, command, tmp_path):
    camera(f"{TEST} ! {SHORT_GOP} ! cuframessink key=cam.h264")
    done = command("clip", "cam.h264", tmp_path / "a.mp4", "--before", "1h", "--after", "0s")
    assert done.returncode == 0
    assert "the past of cam.h264 goes back" in done.stderr and "not 3600.0 s" in done.stderr
    assert numbers_of(tmp_path / "a.mp4")[0] == 0


def test_frames_have_no_past(camera, command, tmp_path):
    camera(f"{TEST} ! tee name=t t. ! queue ! cuframessink key=cam t. ! queue ! {LONG_GOP} ! cuframessink key=cam.h264")
    for arguments in (("clip",), ("record", "--preroll", "2s")):
        done = command(*arguments, "cam", tmp_path / "a.mp4")
        assert done.returncode == 1
        assert "its past is in cam.h264" in done.stderr
    assert not (tmp_path / "a.mp4").exists()


def test_what_a_file_cannot_hold_is_said(camera, command, tmp_path):
    camera(f"{TEST} ! {SHORT_GOP} ! cuframessink key=cam.h264")
    done = command("record", "cam.h264", tmp_path / "a.webm")
    assert done.returncode == 1 and "cannot hold video/x-h264" in done.stderr


def test_progress_is_shown_on_a_terminal_only(camera, tmp_path):
    camera(f"{TEST} ! {SHORT_GOP} ! cuframessink key=cam.h264")
    record = f"{COMMAND} record cam.h264 {tmp_path}/a.mkv --duration 1500ms"
    shown = subprocess.run(["script", "-qec", record, "/dev/null"], capture_output=True, check=True, timeout=60).stdout
    assert b"\r0." in shown and b" kB, " in shown and b"\x1b[K" in shown
    quiet = subprocess.run([*record.split(), "--force", "-q"], capture_output=True, text=True, check=True, timeout=60)
    assert quiet.stdout + quiet.stderr == ""
