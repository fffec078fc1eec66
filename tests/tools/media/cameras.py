# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cameras for the verbs that need GStreamer, with a number in each picture (tests/pipelines/roles); and the command as a
process that goes on."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import av

PIPELINES = pathlib.Path(__file__).resolve().parents[2] / "pipelines"
sys.path[:0] = [str(PIPELINES), str(PIPELINES / "roles")]

import numbers_in_pictures as numbers  # noqa: E402
import processes  # noqa: E402

COMMAND = os.environ["CUFRAMES_COMMAND"]
SECONDS = 60 * float(os.environ.get("CUFRAMES_TEST_TIMEOUT_SCALE", "1"))

SIZE = "format=I420,width=160,height=120"
TEST = f"videotestsrc is-live=true ! video/x-raw,{SIZE},framerate=30/1"
# A keyframe every ten seconds.
LONG_GOP = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=300 ! h264parse"
SHORT_GOP = LONG_GOP.replace("300", "30")


class Camera(processes.Process):
    """Publishes what its line makes, with numbered pictures. Of each picture that came to its (first) sink it tells in the
    end when that was."""

    def __init__(self, line, folder, env=None):
        env = {**os.environ, **(env or {})}
        super().__init__([sys.executable, str(processes.ROLES / "publisher.py"), line], folder, env)
        assert self.wait("ready", time.monotonic() + SECONDS), self.log.read_text()
        self.tell("play")
        assert self.wait("first", time.monotonic() + SECONDS), self.log.read_text()

    def finish(self):
        """What its sink got: a list of (monotonic time, number, PTS, running time)."""
        self.tell("quit")
        result = self.wait("result", time.monotonic() + SECONDS)
        assert result, self.log.read_text()
        return result["sent"]


class Role(processes.Process):
    """One of ours."""

    def __init__(self, name, folder, *arguments):
        role = pathlib.Path(__file__).with_name("roles") / f"{name}.py"
        env = {**os.environ, "PYTHONPATH": f"{processes.ROLES}:{os.environ.get('PYTHONPATH', '')}"}
        super().__init__([sys.executable, str(role), *map(str, arguments)], folder, env)


class RtspCamera(Role):
    """Serves what its line makes, which has a payloader named pay0."""

    def __init__(self, line, folder, port=0):
        super().__init__("rtsp_camera", folder, port, line)
        ready = self.wait("ready", time.monotonic() + SECONDS)
        assert ready, self.log.read_text()
        self.port = ready["port"]
        self.url = f"rtsp://127.0.0.1:{self.port}/cam"


class StillCamera(Role):
    """Publishes what its line has, and then stays."""

    def __init__(self, line, folder, *arguments):
        super().__init__("still_camera", folder, line, *arguments)
        still = self.wait("still", time.monotonic() + SECONDS)
        assert still, self.log.read_text()
        self.pictures = still["pictures"]


class Running:
    """The command while it runs; what it says goes to a file."""

    def __init__(self, arguments, folder, env=None, **options):
        self.log = folder / "said"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [COMMAND, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=options.pop("stdout", log),
                stderr=log,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                **options,
            )

    def said(self):
        return self.log.read_text()

    def expect(self, pattern):
        """Waits until it says this."""
        return until(lambda: re.search(pattern, self.said()), lambda: f"no '{pattern}' in\n{self.said()}", self.process)

    def interrupt(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def exit_code(self):
        return self.process.wait(SECONDS)


def until(done, or_say, process=None):
    """Waits for it to become true, and returns that."""
    deadline = time.monotonic() + SECONDS
    while True:
        ended = process is not None and process.poll() is not None
        if found := done():
            return found
        if ended or time.monotonic() > deadline:
            raise AssertionError(or_say() if callable(or_say) else or_say)
        time.sleep(0.02)


def pictures_of(path, format="gray"):
    """All pictures in a file, decoded: (seconds, array)."""
    with av.open(str(path)) as file:
        return [(frame.time, frame.to_ndarray(format=format)) for frame in file.decode(video=0)]


def number_in(picture):
    """Of a grey one."""
    return numbers.read_luma(picture.tobytes())


def with_driver(driver, folder):
    """Which elements there are depends on the driver that was found: with a registry of its own."""
    return {
        "LD_LIBRARY_PATH": f"{driver}:{os.environ.get('LD_LIBRARY_PATH', '')}",
        "GST_REGISTRY": str(folder / "registry.bin"),
    }
