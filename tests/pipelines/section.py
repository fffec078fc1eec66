# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a section of the table: its cameras, beside each a peer's (unixfdsink), and all readers at the same
time, each in a process of its own. What everybody saw is judged afterwards."""

import contextlib
import dataclasses
import fcntl
import glob
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import judge
from cameras import SIZE
from processes import ROLES, SECONDS, Process

# From when all readers play. A reader has 3 s to come to its rate, and 3 s again after a camera stood still.
SETTLE, BEFORE, STALL = 3.0, 3.0, 3.0
CLIP = (
    f"videotestsrc num-buffers=210 ! video/x-raw,{SIZE},framerate=30/1 ! x264enc ! mp4mux ! filesink location=clip.mp4"
)
JOINS, JOINS_SPREAD = 20, 8
CALLED = "webrtcbin ! rtpvp8depay ! vp8dec ! fakesink sync=true"
PLAYED = "cuframessrc key=played ! fakesink sync=true"
CLIENT = (
    "rtspsrc location=rtsp://127.0.0.1:{}/cam latency=200 ! rtph264depay ! h264parse ! avdec_h264 ! fakesink sync=true"
)


@dataclasses.dataclass
class Run:
    """A reader's line run once, behind cuframes or behind its peer."""

    reader: object
    is_peer: bool
    process: Process
    server: Process = None
    result: dict = None
    files: list = None
    exit_code: int = 0

    def folder(self):
        return self.process.folder

    def crashed(self):
        return self.process.process.poll() is not None and self.process.process.returncode < 0


class SectionRun:
    def __init__(self, section, folder, stack):
        self.section, self.folder, self.stack = section, pathlib.Path(folder), stack
        self.env = {**os.environ, "CUFRAMES_DIR": str(self.folder / "d"), "G_DEBUG": "fatal-criticals"}
        self.env["PYTHONDONTWRITEBYTECODE"] = "1"
        self.count = 0
        self.port = 0
        self.with_peer = any(getattr(reader, "peer", False) for reader in section.readers)

    def start(self, kind, *arguments):
        self.count += 1
        where = self.folder / f"{self.count:02}"
        if kind == "launch":
            process = Process.command(f"gst-launch-1.0 -e {arguments[0]}", where, self.env)
        elif kind == "command":
            process = Process.command(*arguments, where, self.env)
        else:
            process = Process.role(kind, arguments, where, self.env)
        self.stack.callback(process.end)
        return process

    def line(self, text, is_peer):
        text = text.replace("127.0.0.1:8554", f"127.0.0.1:{self.port}").replace(
            "location=clip.mp4", f"location={self.folder}/clip.mp4"
        )
        if is_peer:
            text = re.sub(
                r"cuframes(src|sink) key=(\w+)( mode=\w+)?",
                rf"unixfd\1 socket-path={self.folder}/\2.sock",
                text,
            )
        return text

    # --------------------------------------------------------------------------------------------- all of it

    def run(self):
        """A list of Run, and the cameras' results: ours and the peer's."""
        self.prepare()
        cameras = [self.start("publisher", self.line(line, False)) for line in self.section.cameras]
        peers = (
            [self.start("publisher", self.line(line, True)) for line in self.section.cameras] if self.with_peer else []
        )
        readers = [(reader, False) for reader in self.section.readers]
        readers += [(reader, True) for reader in self.section.readers if reader.peer]
        runs = [self.start_reader(*reader) for reader in readers if reader[0].how != "launch"]
        deadline = time.monotonic() + SECONDS
        for process in [*cameras, *peers, *(run.process for run in runs)]:
            process.wait("ready", deadline)
        if not self.section.file:
            self.play([*cameras, *peers], deadline)
        for run in runs:
            run.process.tell("play")
        # These play as soon as they are started.
        runs += [self.start_reader(*reader) for reader in readers if reader[0].how == "launch"]
        began = time.monotonic()
        if self.section.file:
            self.play([*cameras, *peers], deadline)
            began = time.monotonic()
        windows, stalled = self.measure(began, cameras, peers)
        self.finish(runs, cameras)
        ours, theirs = (self.results(some) for some in (cameras, peers))
        return runs, ours, theirs, windows, stalled

    def prepare(self):
        if getattr(self.section, "file", False):
            self.make_clip()
        if self.section.server:
            self.server = self.start("rtsp", self.section.server)
            self.port = self.server.wait("ready", time.monotonic() + SECONDS)["port"]

    def make_clip(self):
        """The file to be played, with numbers in its pictures."""
        maker = self.start("publisher", CLIP.replace("location=", f"location={self.folder}/"))
        maker.tell("play")
        assert maker.wait("result", time.monotonic() + SECONDS), maker.errors()

    def play(self, cameras, deadline):
        for camera in cameras:
            camera.tell("play")
        for camera in cameras:
            assert camera.wait("first", deadline), f"the camera does not run: {camera.errors()}"

    def start_reader(self, reader, is_peer):
        line = self.line(reader.line, is_peer)
        server = None
        if reader.how == "launch":
            process = self.start("launch", line)
        elif reader.how == "joins":
            process = self.start("joins", line, JOINS, JOINS_SPREAD, int(time.time()))
        elif reader.how == "served":
            server = self.start("rtsp", line)
            process = self.start("reader", CLIENT.format(server.wait("ready", time.monotonic() + SECONDS)["port"]), 0)
        elif reader.how == "plays":
            server = self.start("command", line)
            process = self.start("reader", PLAYED, 0)
        elif reader.how == "called":
            process = self.start("webrtc", line, CALLED)
        else:
            process = self.start("reader", line, reader.pull)
        return Run(reader, is_peer, process, server)

    def measure(self, began, cameras, peers):
        """Lets time go by; the windows in which rates are counted, and when the camera stood still."""
        if not self.section.stalls:
            windows = [(began + SETTLE, began + SETTLE + self.section.seconds)]
            sleep_until(windows[-1][1])
            return windows, None
        stop = began + SETTLE + BEFORE
        standing = [self.server] if self.section.stalls == "server" else [cameras[0], *peers[:1]]
        sleep_until(stop)
        for process in standing:
            process.signal(signal.SIGSTOP)
        sleep_until(stop + STALL)
        for process in standing:
            process.signal(signal.SIGCONT)
        after = time.monotonic() + SETTLE
        sleep_until(after + self.section.seconds)
        return [(began + SETTLE, stop), (after, after + self.section.seconds)], (stop, after)

    def finish(self, runs, cameras):
        """Ends readers as their lines say, and plays what they recorded."""
        for run in runs:
            if run.reader.how == "launch":
                run.process.signal(signal.SIGINT)
            elif run.reader.how != "joins" and (not self.section.eos or "cam2" in run.reader.line):
                run.process.tell("eos")
        deadline = time.monotonic() + SECONDS / 3
        for run in runs:
            if run.reader.how == "launch":
                run.exit_code = run.process.exit_code(max(0, deadline - time.monotonic()))
            else:
                run.result = run.process.wait("result", deadline)
        self.verify([run for run in runs if run.reader.what == "recorded"])

    def verify(self, runs):
        started = []
        for run in runs:
            names = sorted(glob.glob(run.reader.files or "join*.mp4", root_dir=run.folder()))
            options = ["--sound"] if run.reader.sound else []
            command = [sys.executable, ROLES / "recording.py", *options, *names]
            if not names:
                run.files = []
                continue
            started.append(
                (
                    run,
                    names,
                    subprocess.Popen(
                        command,
                        cwd=run.folder(),
                        env=self.env,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        text=True,
                    ),
                )
            )
        for run, names, process in started:
            run.files = judge.files_of(names, process.communicate()[0])

    def results(self, cameras):
        for camera in cameras:
            camera.tell("quit")
        return [
            camera.wait("result", time.monotonic() + SECONDS)
            or {"ended": camera.errors(), "sent": [], "late": [], "stats": None}
            for camera in cameras
        ]


def sleep_until(moment):
    threading.Event().wait(max(0.0, moment - time.monotonic()))


def run(section, kind=SectionRun, verdicts=judge.rows):
    """The verdicts of a section's rows, in their order, as `verdicts` makes them of what a run of that `kind` saw. What
    failed while the machine let its processes wait is run again, without the others: what all of them together ask
    of a busy machine is no defect of one."""
    rows = run_once(section, kind, verdicts)
    again = tuple(row.reader for row in rows if row.problems and row.waited)
    if again:
        second = {row.reader: row for row in run_once(dataclasses.replace(section, readers=again), kind, verdicts)}
        rows = [second.get(row.reader, row) for row in rows]
    return rows


def run_once(section, kind, verdicts):
    with alone(), tempfile.TemporaryDirectory(prefix="cft-") as folder, contextlib.ExitStack() as stack:
        (pathlib.Path(folder) / "d").mkdir(mode=0o700)
        return verdicts(section, *kind(section, folder, stack).run())


@contextlib.contextmanager
def alone():
    """One section at a time on a machine: others would be measured, not cuframes."""
    with open(pathlib.Path(tempfile.gettempdir()) / f"cuframes-pipelines-{os.getuid()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
