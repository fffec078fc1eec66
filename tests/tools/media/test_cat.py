# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cuframes cat`: what other programs read from a pipe is what was shared, whole and in order; and it ends with them."""

import os
import signal
import subprocess
import time

import av
import pytest
from cameras import COMMAND, LONG_GOP, SHORT_GOP, TEST, number_in, numbers, pictures_of, until

SOUND = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1"


def some_of(running, arguments, path, size):
    """Its output, of so many bytes at least; ended by Ctrl-C."""
    with open(path, "wb") as out:
        cat = running("cat", *arguments, stdout=out)
    until(lambda: path.stat().st_size > size, lambda: cat.said(), cat.process)
    cat.interrupt()
    assert cat.exit_code() == 0
    return cat.said()


@pytest.mark.parametrize("encoder", ["x264enc", "x265enc"])
@pytest.mark.parametrize("ts", [False, True], ids=["plain", "ts"])
def test_packets(camera, running, tmp_path, encoder, ts):
    codec = encoder[1:4]
    chain = SHORT_GOP.replace("x264enc", encoder).replace("h264parse", f"h{codec}parse")
    camera(f"{TEST} ! {chain} ! cuframessink key=cam")
    path = tmp_path / ("cam.ts" if ts else f"cam.h{codec}")
    said = some_of(running, ["cam"] + ["--ts"] * ts, path, 90000)
    assert said.startswith("cam: video/mpegts" if ts else f"cam: video/x-h{codec}, stream-format=(string)byte-stream")
    pictures = pictures_of(path)
    got = [number_in(picture) for _, picture in pictures]
    assert len(got) > 10 and got == list(range(got[0], got[0] + len(got)))
    assert got[0] % 30 == 0
    if ts:
        start = pictures[0][0]
        assert all(seconds - start == pytest.approx(at / 30, abs=0.015) for at, (seconds, _) in enumerate(pictures))


def test_sound(camera, running, tmp_path):
    camera(
        f"{SOUND} ! tee name=s s. ! queue ! audioconvert ! avenc_aac ! aacparse ! cuframessink key=cam.aac "
        "s. ! queue ! audioconvert ! mulawenc ! cuframessink key=cam.mulaw"
    )
    assert "adts" in some_of(running, ["cam.aac"], tmp_path / "cam.aac", 4000)
    with av.open(str(tmp_path / "cam.aac"), format="aac") as opened:
        assert sum(frame.samples for frame in opened.decode(audio=0)) > 2048
    assert "audio/x-mulaw" in some_of(running, ["cam.mulaw"], tmp_path / "cam.mulaw", 4000)
    with av.open(str(tmp_path / "cam.mulaw"), format="mulaw") as opened:
        assert sum(frame.samples for frame in opened.decode(audio=0)) > 2048


@pytest.mark.parametrize("form", ["I420", "NV12"])
def test_frames_have_no_gaps_between_rows(camera, running, tmp_path, form):
    # Rows of such a picture are padded in memory.
    camera(f"{TEST.replace('160', '158')} ! videoconvert ! video/x-raw,format={form} ! cuframessink key=cam")
    said = some_of(running, ["cam"], tmp_path / "raw", 500_000)
    assert f"format=(string){form}" in said and "width=(int)158" in said
    size = 158 * 120 + 2 * 79 * 60
    raw = (tmp_path / "raw").read_bytes()
    got = [numbers.read_luma(raw[at : at + size]) for at in range(0, len(raw) - size + 1, size)]
    assert len(got) > 10 and got == sorted(got) and got[-1] - got[0] == pytest.approx(len(got), abs=5)


def test_frames_as_y4m(camera, running, tmp_path):
    camera(f"{TEST} ! cuframessink key=cam")
    some_of(running, ["cam", "--y4m"], tmp_path / "cam.y4m", 500_000)
    assert (tmp_path / "cam.y4m").read_bytes().startswith(b"YUV4MPEG2 C420 W160 H120 ")
    got = [number_in(picture) for _, picture in pictures_of(tmp_path / "cam.y4m")]
    assert len(got) > 10 and got == sorted(got)


@pytest.mark.parametrize("key", ["cam", "cam.h264"])
def test_it_ends_with_its_reader(camera, running, key):
    camera(f"{TEST} ! tee name=t t. ! queue ! cuframessink key=cam t. ! queue ! {LONG_GOP} ! cuframessink key=cam.h264")
    reader = subprocess.Popen(["head", "-c", "20000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    cat = running("cat", key, stdout=reader.stdin)
    reader.stdin.close()
    assert len(reader.stdout.read()) == 20000
    assert reader.wait(60) == 0
    assert cat.exit_code() == 0
    assert len(cat.said().splitlines()) == 1


def test_a_reader_that_does_not_read_holds_nothing_up(camera, running):
    cam = camera(f"{TEST} ! cuframessink key=cam")
    idle, full = os.pipe()
    cat = running("cat", "cam", stdout=full)
    cat.expect("cam: video/x-raw")
    began = time.monotonic()
    until(lambda: time.monotonic() > began + 1, "time stands still")
    cat.interrupt(signal.SIGTERM)
    assert cat.exit_code() == 0
    sent = [when for when, _, _, _ in cam.finish()]
    assert sum(when > began for when in sent) > 20
    os.close(idle)
    os.close(full)


def test_no_terminal_is_written_to(camera, tmp_path):
    line = f"{COMMAND} cat cam; echo code $?"
    shown = subprocess.run(
        ["script", "-qec", line, "/dev/null"], capture_output=True, text=True, check=False, timeout=60
    )
    assert "is a terminal" in shown.stdout and "code 2" in shown.stdout


def test_wrong_forms_are_said(camera, command):
    camera(f"{TEST} ! tee name=t t. ! queue ! cuframessink key=cam t. ! queue ! {LONG_GOP} ! cuframessink key=cam.h264")
    for arguments, why in (
        (("cam.h264", "--y4m"), "--y4m is for frames"),
        (("cam", "--ts"), "--ts is for packets"),
        (("cam", "--preroll", "1s"), "its past is in cam.h264"),
        (("none", "--timeout", "200ms"), "no publisher"),
    ):
        done = command("cat", *arguments)
        assert done.returncode == 1 and why in done.stderr
    assert command("cat", "cam", "--ts", "--y4m").returncode == 2
