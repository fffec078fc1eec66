# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a section about packets: its cameras, and each reader at its time, in processes of their own. What all of them saw
is judged afterwards."""

import dataclasses
import glob
import json
import shutil
import sys
import time

from processes import ROLES, SECONDS, Process
from section import SectionRun, sleep_until

# The number of the first picture of a camera that comes back.
SECOND = 5000


@dataclasses.dataclass
class Run:
    """A line run once."""

    reader: object
    process: Process
    at: float
    result: dict = None
    files: list = dataclasses.field(default_factory=list)
    cut: list = dataclasses.field(default_factory=list)  # as the files were when the camera had been killed


class PacketRun(SectionRun):
    def run(self):
        self.prepare()
        cameras = [self.start("packet_camera", self.line(line, False), 0) for line in self.section.cameras]
        runs = [Run(reader, self.start_reader(reader), at) for reader in self.section.readers for at in reader.at]
        deadline = time.monotonic() + SECONDS
        for process in [*cameras, *(run.process for run in runs)]:
            assert process.wait("ready", deadline), process.errors()
        self.play(cameras, deadline)
        self.began = time.monotonic()
        for at, _, action in sorted(self.plan(runs, cameras)):
            sleep_until(self.began + at)
            action()
        for run in runs:
            run.result = run.process.wait("result", time.monotonic() + SECONDS)
        self.verify(runs)
        return runs, self.sent(cameras), [camera.wait("result", 0) or {"late": []} for camera in cameras]

    def start_reader(self, reader):
        if reader.frames:
            return self.start("packet_tee", reader.frames, reader.line)
        return self.start("packet_reader", reader.line, reader.count)

    def plan(self, runs, cameras):
        """(when, its place among those of that time, what) of all that happens."""
        steps = [(run.at, lambda run=run: run.process.tell("play")) for run in runs]
        steps += [(run.at + run.reader.seconds, lambda run=run: run.process.tell("eos")) for run in runs]
        if self.section.killed:
            kill, again = self.section.killed
            steps += [(kill, lambda: self.kill(cameras[-1]))]
            steps += [(again, lambda: self.replace(cameras))]
            steps += [(again - 0.1, lambda run=run: self.keep_cut(run)) for run in runs if run.reader.killed]
        return [(at, number, action) for number, (at, action) in enumerate(steps)]

    def kill(self, camera):
        camera.end()

    def replace(self, cameras):
        """Another camera of the same line, whose packets are noted behind those of the first."""
        line, folder = self.line(self.section.cameras[-1], False), cameras[-1].folder
        cameras.append(Process.role("packet_camera", [line, SECOND], folder, self.env))
        self.stack.callback(cameras[-1].end)
        cameras[-1].tell("play")

    def keep_cut(self, run):
        for name in run.reader.files.split():
            shutil.copy(run.process.folder / name, run.process.folder / f"cut-{name}")

    def sent(self, cameras):
        """What each key's camera got: [(hash, when captured, whether a keyframe, when it came to the sink)]."""
        found = {}
        for folder in dict.fromkeys(camera.folder for camera in cameras):
            for file in folder.iterdir():
                if file.name != "stderr":
                    lines = file.read_text().splitlines(keepends=True)
                    found[file.name] = [json.loads(line) for line in lines if line.endswith("\n")]
        return found

    def verify(self, runs):
        for run in runs:
            if run.reader.how == "recorded":
                run.files = self.contents(run, run.reader.files)
                run.cut = self.contents(run, f"cut-{run.reader.files}") if run.reader.killed else []

    def contents(self, run, files):
        names = sorted(glob.glob(files, root_dir=run.process.folder))
        process = Process(
            [sys.executable, str(ROLES / "packet_recording.py"), *names], run.process.folder, self.env, log="verify"
        )
        self.stack.callback(process.end)
        result = process.wait("result", time.monotonic() + SECONDS)
        return result["files"] if result else [{"error": f"it cannot be looked at: {process.errors()}"}]
