# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cuframes serve`: RTSP clients get a picture at once and then all of them, and nothing is read while none looks."""

import re
import socket
import threading
import time

import av
import pytest
from cameras import LONG_GOP, TEST, Role, number_in, until

BOTH = f"{TEST} ! tee name=t t. ! queue ! cuframessink key=cam t. ! queue ! {LONG_GOP} ! cuframessink key=cam.h264"
# With a keyframe every ten seconds: who waits for one waits much longer than this.
AT_ONCE = 3


def readers(command, key):
    return int(re.search(rf"^{re.escape(key)} .* (\d+)  \S+ \(\d+\)$", command("ls").stdout, re.MULTILINE)[1])


class PyAVClient(threading.Thread):
    """Looks at a stream until told to end."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.seen, self.ends, self.asked, self.times = url, [], False, None, []
        self.start()

    def run(self):
        self.asked = time.monotonic()
        with av.open(self.url, options={"rtsp_transport": "tcp"}, timeout=60) as stream:
            for frame in stream.decode(video=0):
                self.seen.append((time.monotonic(), number_in(frame.to_ndarray(format="gray"))))
                self.times.append(frame.time)
                if self.ends:
                    return

    def finish(self):
        self.ends = True
        self.join(60)
        return self.asked, self.seen


class GStreamerClient(Role):
    def __init__(self, url, folder):
        super().__init__("rtsp_client", folder, url)
        assert self.wait("ready", time.monotonic() + 60), self.log.read_text()
        self.tell("play")

    def finish(self):
        self.tell("quit")
        result = self.wait("result", time.monotonic() + 60)
        assert result, self.log.read_text()
        return result["asked"], result["seen"]


@pytest.fixture
def client(tmp_path):
    started = []

    def start(kind, url):
        made = PyAVClient(url) if kind == "PyAV" else GStreamerClient(url, tmp_path / f"client{len(started)}")
        started.append(made)
        return made

    yield start
    for made in started:
        if isinstance(made, GStreamerClient):
            made.end()


def served(running, *arguments, **options):
    """The server, and the URL of each key by now."""
    serve = running("serve", "--port", "0", *arguments, **options)
    serve.expect("rtsp://")
    return serve, lambda key: serve.expect(rf"rtsp://127.0.0.1:\d+/{re.escape(key)}\n")[0].strip()


@pytest.mark.parametrize("key", ["cam.h264", "cam"])
def test_four_clients_at_once_each_with_a_picture_at_once(camera, running, command, client, key):
    cam = camera(BOTH)
    _, url = served(running)
    began = time.monotonic()
    until(lambda: time.monotonic() > began + 3, "time stands still")
    assert (readers(command, "cam"), readers(command, "cam.h264")) == (0, 0)
    clients = [client(kind, url(key)) for kind in ("PyAV", "GStreamer") * 2]
    until(lambda: readers(command, key) == (4 if key == "cam.h264" else 1), "nobody reads")
    until(lambda: time.monotonic() > began + 6, "time stands still")
    results = [looking.finish() for looking in clients]
    ended = time.monotonic()
    until(lambda: readers(command, key) == 0, "it is read though nobody looks")
    sent = {number: when for when, number, _, _ in cam.finish()}
    for looking in clients[::2]:
        # By its timestamps too: else players would show all of it as late as the first was.
        (first, _), (last, _) = looking.seen[0], looking.seen[-1]
        assert looking.times[-1] - looking.times[1] == pytest.approx(last - first, abs=1)
    for asked, seen in results:
        print(f"first picture after {(seen[0][0] - asked) * 1000:.0f} ms")
        assert seen[0][0] - asked < AT_ONCE
        # Packets from the last keyframe on; all of them.
        numbers = [number for _, number in seen]
        if key == "cam.h264":
            assert numbers == list(range(len(numbers)))
        else:
            # A busy machine's encoder takes the newest, and its first pictures are from before it ran.
            running_on = numbers[2:]
            assert running_on == sorted(set(running_on)), numbers
            assert len(running_on) > 0.5 * (running_on[-1] - running_on[0])
        # Which has been caught up with.
        at, number = seen[-1]
        assert at - sent[number] < AT_ONCE and ended - at < AT_ONCE


def test_keys_that_come_later_are_served(camera, running, client):
    camera(f"{TEST} ! cuframessink key=first")
    _, url = served(running)
    url("first")
    camera(f"{TEST} ! {LONG_GOP} ! cuframessink key=later.h264")
    looking = client("PyAV", url("later.h264"))
    until(lambda: len(looking.seen) > 10, "no picture")
    looking.finish()


def test_only_keys_that_are_named_are_served(camera, running):
    camera(BOTH)
    serve, url = served(running, "cam.h264")
    address = url("cam.h264").rsplit("/", 1)[0]
    for key in "cam", "nothing":
        with pytest.raises(av.error.HTTPNotFoundError):
            av.open(f"{address}/{key}", options={"rtsp_transport": "tcp"}, timeout=60)
    assert serve.said().count("rtsp://") == 1
    serve.interrupt()
    assert serve.exit_code() == 0


def test_sound_is_served(camera, running):
    camera("audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! cuframessink key=cam.alaw")
    _, url = served(running)
    with av.open(url("cam.alaw"), options={"rtsp_transport": "tcp"}, timeout=60) as stream:
        assert stream.streams.audio[0].codec.name == "pcm_alaw"
        assert next(stream.decode(audio=0)).samples > 0


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize("key", ["cam.h264", "cam"])
def test_srt_callers_get_pictures_too(camera, running, command, client, key):
    cam = camera(BOTH)
    port = free_port()
    serve = running("serve", "--port", "0", "--srt", port, key)
    serve.expect(rf"srt://127.0.0.1:{port} {re.escape(key)}\n")
    assert readers(command, key) == 0
    looking = client("GStreamer", f"srt://127.0.0.1:{port}")
    assert looking.wait("first", time.monotonic() + 60)
    first = time.monotonic()
    until(lambda: time.monotonic() > first + 1.5, "time stands still")
    _, seen = looking.finish()
    until(lambda: readers(command, key) == 0, "it is read though nobody looks")
    numbers = [number for _, number in seen]
    assert numbers == sorted(set(numbers)) and len(numbers) > 20
    sent = {number: when for when, number, _, _ in cam.finish()}
    assert seen[-1][0] - sent[numbers[-1]] < AT_ONCE


def test_what_is_wrong_is_said(camera, running, command):
    camera(BOTH)
    _, url = served(running)
    port = re.search(r":(\d+)/", url("cam"))[1]
    done = command("serve", "--port", port)
    assert done.returncode == 1 and port in done.stderr
    for arguments in (("--port", "x"), (".cam",), ("--port", "70000"), ("--srt", "9000")):
        assert command("serve", *arguments).returncode == 2
