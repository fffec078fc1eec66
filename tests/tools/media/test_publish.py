# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cuframes publish`: what comes from a source is shared as it comes, and goes on when the source went and came back."""

import os
import signal
import socket
import time

import pytest
from cameras import SHORT_GOP, SIZE, TEST, Role, number_in, pictures_of, until

FRAME = 1 / 30
CAMERA = f"{TEST} ! {SHORT_GOP} ! rtph264pay name=pay0"


@pytest.fixture
def film(tmp_path):
    """A file of 90 numbered pictures and a beep."""
    path = tmp_path / "film.mp4"
    line = (
        f"videotestsrc num-buffers=90 ! video/x-raw,{SIZE},framerate=30/1 ! {SHORT_GOP} ! mp4mux name=m "
        f"! filesink location={path} audiotestsrc num-buffers=141 samplesperbuffer=1024 ! audio/x-raw,rate=48000 "
        "! avenc_aac ! aacparse ! m."
    )
    assert Role("film", tmp_path / "film", line).exit_code(60) == 0
    return path


def keys(command):
    return [line.split()[0] for line in command("ls").stdout.splitlines()[1:]]


def test_a_test_picture_with_packets(running, command, tmp_path):
    publish = running(
        "publish", "test", "--key", "cam", "--encode", "--size", "320x240", "--rate", "25", "--max-time", "30s"
    )
    publish.expect("cam: test: connected")
    assert "cam: frames as cam, packets as cam.h264" in publish.said()
    assert keys(command) == ["cam", "cam.h264"]
    done = command("record", "cam", tmp_path / "a.mkv", "--duration", "2s")
    assert done.returncode == 0
    pictures = pictures_of(tmp_path / "a.mkv")
    assert len(pictures) == pytest.approx(50, abs=2)
    assert pictures[0][1].shape == (240, 320)
    assert command("snap", "cam.h264", tmp_path / "a.png").returncode == 0
    publish.interrupt(signal.SIGTERM)
    assert publish.exit_code() == 0
    assert keys(command) == []


def test_a_file_in_real_time_to_its_end(film, running, command, tmp_path):
    began = time.monotonic()
    files = {key: tmp_path / f"{key}.mkv" for key in ("film", "film.h264")}
    records = [running("record", key, file) for key, file in files.items()]
    for record in records:
        record.expect("waiting for")
    publish = running("publish", film, "--key", "film")
    assert publish.exit_code() == 0
    assert 2.9 < time.monotonic() - began
    for key, record in zip(files, records):
        assert record.exit_code() == 0, record.said()
        pictures = [(seconds, number_in(picture)) for seconds, picture in pictures_of(files[key])]
        # A reader is there a moment after the first; of packets the past is kept.
        assert pictures[0][1] <= (0 if key == "film.h264" else 30)
        assert [number for _, number in pictures] == list(range(pictures[0][1], 90))
        for seconds, number in pictures[2:]:
            assert seconds - pictures[1][0] == pytest.approx((number - pictures[1][1]) * FRAME, abs=0.015)


def test_a_file_again_and_again_without_a_gap(film, running, command, tmp_path):
    publish = running("publish", film, "--key", "film", "--loop")
    publish.expect("film: packets as film.h264")
    done = command("record", "film.h264", tmp_path / "a.mkv", "--duration", "7s", "--audio", "film.aac")
    assert done.returncode == 0, done.stderr
    pictures = [(seconds, number_in(picture)) for seconds, picture in pictures_of(tmp_path / "a.mkv")]
    # The sound is longer than the picture by a part of a frame.
    assert all(b == (a + 1) % 90 for (_, a), (_, b) in zip(pictures, pictures[1:]))
    assert sum(number == 0 for _, number in pictures) >= 2
    gaps = [b - a for (a, _), (b, _) in zip(pictures, pictures[1:])]
    assert max(gaps) < 2.5 * FRAME and min(gaps) > 0.5 * FRAME


def test_readers_go_on_when_the_camera_went_and_came_back(camera, running, command, tmp_path):
    cam = camera.rtsp(CAMERA)
    publish = running(
        "publish", cam.url.replace("rtsp://", "rtsp://admin:secret@"), "--key", "cam", "--stall-timeout", "2s"
    )
    publish.expect(rf"cam: rtsp://127.0.0.1:{cam.port}/cam: connected")
    records = {key: running("record", key, tmp_path / f"{key}.mkv") for key in ("cam", "cam.h264")}
    for key, record in records.items():
        until(
            lambda file=tmp_path / f"{key}.mkv": file.exists() and file.stat().st_size > 5000, "no file", record.process
        )
    cam.signal(signal.SIGKILL)
    publish.expect("connecting again in 1 s")
    publish.expect("connecting again in 2 s")
    sizes = {key: (tmp_path / f"{key}.mkv").stat().st_size for key in records}
    camera.rtsp(CAMERA, cam.port)
    publish.expect(r"(?s)connecting again in 2 s.*: connected")
    for key, record in records.items():
        until(
            lambda key=key: (tmp_path / f"{key}.mkv").stat().st_size > sizes[key] + 10000,
            "nothing more",
            record.process,
        )
        record.interrupt()
        assert record.exit_code() == 0, record.said()
        pictures = [(seconds, number_in(picture)) for seconds, picture in pictures_of(tmp_path / f"{key}.mkv")]
        # The second camera counts from 0, on a keyframe, some seconds later.
        begin = next(at for at, (_, number) in enumerate(pictures[1:], 1) if number < pictures[at - 1][1])
        assert pictures[begin][1] == 0
        assert pictures[begin][0] - pictures[begin - 1][0] > 1
        after = [number for _, number in pictures[begin:]]
        assert after == list(range(len(after)))
    assert "secret" not in publish.said()
    assert len(publish.said().splitlines()) < 12


def test_a_camera_that_stands_still_is_connected_to_again(camera, running):
    cam = camera.rtsp(CAMERA)
    publish = running("publish", cam.url, "--key", "cam", "--stall-timeout", "1s")
    publish.expect("connected")
    cam.signal(signal.SIGSTOP)
    publish.expect("nothing came for 1 s; connecting again in 1 s")
    cam.signal(signal.SIGCONT)
    publish.expect(r"(?s)nothing came.*connected")


class Manager:
    """What a service manager hears."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(60)
        self.heard = []

    def hear(self, wanted):
        while wanted not in self.heard:
            self.heard.append(self.socket.recv(4096).decode())


@pytest.mark.parametrize("name", ["file", "@abstract"])
def test_a_service_manager_is_told(camera, running, tmp_path, name):
    path = str(tmp_path / "notify") if name == "file" else f"@cuframes-test-{os.getpid()}"
    manager = Manager(path.replace("@", "\0"))
    env = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"}
    publish = running("publish", "test", "--key", "cam", env=env)
    manager.hear("READY=1")
    assert "cam: test: connected" in publish.said() or publish.expect("connected")
    for _ in range(3):
        manager.heard.clear()
        manager.hear("WATCHDOG=1")
    publish.interrupt(signal.SIGTERM)
    manager.hear("STOPPING=1")
    assert publish.exit_code() == 0


def test_a_service_is_ready_also_while_its_camera_is_off(running, tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    running("publish", "rtsp://127.0.0.1:1/cam", "--key", "cam", env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    manager.hear("READY=1")
    assert any("connecting again" in line for line in manager.heard)


def test_what_cannot_be_published_is_said(running, command, tmp_path):
    (tmp_path / "text").write_text("no film\n" * 100)
    for source, why in ((tmp_path / "nothing.mp4", "nothing.mp4"), (tmp_path / "text", "text")):
        done = command("publish", source, "--key", "film")
        assert done.returncode == 1 and done.stderr.startswith("cuframes publish: ") and why in done.stderr
    publish = running("publish", "test", "--key", "cam")
    publish.expect("connected")
    done = command("publish", "test", "--key", "cam")
    assert done.returncode == 1 and "in use" in done.stderr
    done = command("publish", "test", "--key", "other", "--access", "everybody")
    assert done.returncode == 1 and "everybody" in done.stderr
    done = command("publish", "test", "--key", "other", "--only", "packets")
    assert done.returncode == 1 and "--encode" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("test",),
        ("test", "--key", ".x"),
        ("test", "--key", "x", "--size", "big"),
        ("test", "--key", "x", "--only", "y"),
    ],
)
def test_bad_usage(command, arguments):
    done = command("publish", *arguments)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_frames_go_where_they_are_wanted(running, command):
    driver = os.environ.get("CUFRAMES_TEST_DRIVER")
    if not driver:
        pytest.skip("no stand-in driver in this build")
    env = {"LD_LIBRARY_PATH": f"{driver}:{os.environ.get('LD_LIBRARY_PATH', '')}"}
    publish = running("publish", "test", "--key", "cam", "--memory", "cuda", "--access", "all", env=env)
    publish.expect("connected")
    assert "GPU-" in command("ls").stdout
