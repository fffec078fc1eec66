#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows cuframes at work: a camera decoded once, four processes that read its frames, and what a kill -9 does.

Each process has its own program in this folder: the camera (camera.py, or yours), the publisher (publisher.py), two
readers (reader.py), one for the newest frame and one for every frame, and two pipelines with default settings: a
viewer (viewer.py) and a recorder (recorder.py), whose file is played at the end (player.py). This one only starts
them, shows what they say, kills the publisher once and judges the outcome (summary.py).
"""

import argparse
import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time

from lines import player_line, quote
from processes import Children, DemoError
from summary import Played, Recording, Window, rate, recording_outcome, viewer_outcome
from table import DIM, Table, milliseconds

KEY = "cam-demo"
CAMERA = (1280, 720, 30)
MODES = ("newest", "strict")
START_SECONDS = 40
PICTURE_SECONDS = 30
PLAY_SECONDS = 60
FRAMES_TO_BE_LIVE = 20
WORDS = {3: "three", 4: "four"}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.split("\n")[0])
    parser.add_argument("source", nargs="?", help="video file or rtsp:// address; none: a camera of the demo's own")
    parser.add_argument("--seconds", type=float, default=20, metavar="N", help="how long frames flow (default 20)")
    parser.add_argument("--png", default="cuframes-demo.png", metavar="PATH", help="where the received picture goes")
    parser.add_argument("--mp4", default="cuframes-demo.mp4", metavar="PATH", help="where the recording goes")
    parser.add_argument("--plain", action="store_true", help="print the table line by line, as on no terminal")
    return parser.parse_args()


class Demo:
    def __init__(self, arguments, directory):
        self.arguments = arguments
        self.unfinished = os.path.join(directory, "recording.mp4")
        self.children = Children()
        self.camera = None
        self.publisher = None
        self.line = None
        self.lines = {}
        self.readers = {}
        self.windows = []
        self.recording = None
        self.played = None
        self.kills = 0
        self.publishers = []
        self.kept_frame_intact = False
        self.table = Table(self._rows, plain=arguments.plain)

    async def run(self):
        drawing = asyncio.create_task(self._draw())
        try:
            await self._find_source()
            await self._start_readers()
            await self._start_publisher()
            await self._take_picture()
            await self._watch_flow(0.4)
            await self._kill_publisher()
            await self._watch_flow(0.55)
            await self._end_stream()
            await self._play_recording()
        finally:
            drawing.cancel()
            await self.children.stop_all()

    # ------------------------------------------------------------------------------------------------- the story

    async def _find_source(self):
        kind, source = "user", self.arguments.source
        if source is None:
            kind, source = "camera", await self._start_camera()
        probe = await self.children.start_role("source", "source.py", kind, source, KEY)
        await self.children.until(lambda: probe.events["line"], "looking at the source", START_SECONDS)
        self.children.release(probe)
        self.lines = probe.events["line"][0]
        self.line = f"{self.lines['line']} ! cuframessink key={KEY}"
        self.table.say("publisher:  gst-launch-1.0 " + self.line, DIM)
        self.table.say(f"readers:    gst-launch-1.0 cuframessrc key={KEY} mode=newest|strict ! …", DIM)
        self.table.say("viewer:     gst-launch-1.0 " + self.lines["viewer"], DIM)
        if self.lines["recorder"]:
            self.table.say(
                "recorder:   gst-launch-1.0 -e " + f"{self.lines['recorder']} location={quote(self.arguments.mp4)}", DIM
            )
        else:
            self.table.say("no recorder: no H.264 encoder that it could use is installed")

    async def _start_camera(self):
        self.camera = await self.children.start_role("camera", "camera.py", *CAMERA)
        await self.children.until(lambda: self.camera.events["ready"], "starting the camera", START_SECONDS)
        self.camera.state = "live"
        url = self.camera.events["ready"][0]["url"]
        self.table.say("no source given: the demo's own camera is at " + url, DIM)
        return url

    async def _start_readers(self):
        for mode in MODES:
            self.readers[mode] = await self.children.start_role("reader " + mode, "reader.py", KEY, mode)
        self.readers["viewer"] = await self.children.start_role("viewer", "viewer.py", self.lines["viewer"])
        if self.lines["recorder"]:
            line = f"{self.lines['recorder']} location={quote(self.unfinished)}"
            self.readers["recorder"] = await self.children.start_role("recorder", "recorder.py", line)
        self.table.say(f"starting {self.number} readers; there is no publisher yet, so they wait")
        await self._all_readers(lambda reader: reader.stats, "starting the readers")

    @property
    def number(self):
        return WORDS[len(self.readers)]

    async def _start_publisher(self):
        goals = {reader: reader.count("frames") + FRAMES_TO_BE_LIVE for reader in self.readers.values()}
        loop = "loop" if self.lines["loop"] else "once"
        self.publisher = await self.children.start_role("publisher", "publisher.py", self.line, loop)
        self.publishers.append(self.publisher)
        self.table.say(f"starting the publisher, pid {self.publisher.pid}")
        await self._all_readers(lambda reader: reader.count("frames") >= goals[reader], "frames from the publisher")
        await self.children.until(lambda: self.publisher.stats, "hearing from the publisher", START_SECONDS)
        self.publisher.state = "live"
        self.table.say(f"frames flow in all {self.number} readers")

    async def _take_picture(self):
        """One more reader that joins late, takes one frame and leaves."""
        path = os.path.abspath(self.arguments.png)
        command = (
            f"gst-launch-1.0 -q cuframessrc key={KEY} num-buffers=1 max-held=1 memory=system name-tag=picture"
            f" ! videoconvert ! pngenc ! filesink location={shlex.quote(path)}"
        )
        picture = await self.children.start_program("picture", *shlex.split(command))
        await self.children.until(lambda: picture.exit_code is not None, "taking a picture", PICTURE_SECONDS)
        if picture.exit_code != 0 or not os.path.getsize(path):
            raise DemoError(picture.why())
        self.table.say(f"one more reader came, took a picture and left: {path}")

    async def _let_flow(self, share):
        await self.children.run_for(self.arguments.seconds * share)

    async def _watch_flow(self, share):
        """Lets frames flow, and measures at what rates."""
        watched = self.publisher, self.readers["viewer"]
        before = [child.mark() for child in watched]
        await self._let_flow(share)
        after = [child.mark() for child in watched]
        self.windows.append(Window(after[0][0] - before[0][0], *map(rate, before, after)))

    async def _kill_publisher(self):
        newest = self.readers["newest"]
        newest.command("keep")
        await self.children.until(lambda: newest.events["kept"], "keeping a frame", START_SECONDS)
        self.children.release(self.publisher)
        killed_at = time.monotonic()
        self.publisher.kill()
        await self._all_readers(lambda reader: reader.state in ("gone", "waiting"), "noticing the publisher's death")
        noticed_after = milliseconds(time.monotonic() - killed_at)
        await self.publisher.wait()
        self.publisher.state = "killed"
        self.kills += 1
        self.table.say(f"killed the publisher, pid {self.publisher.pid}, with SIGKILL")
        knew = f"all {self.number} readers knew within {noticed_after}"
        self.table.say(f"{knew}; now they wait for the next one, without polling")
        await self._let_flow(0.05)
        await self._start_publisher()
        newest.command("check")
        await self.children.until(lambda: newest.events["checked"], "checking the kept frame", START_SECONDS)
        self.kept_frame_intact = newest.events["checked"][0]["intact"]

    async def _end_stream(self):
        """Publisher first: its end of stream is what ends the readers."""
        for child in (self.publisher, *self.readers.values()):
            self.children.release(child)
        ended_at = time.monotonic()
        await self.publisher.stop()
        self.publisher.state = "ended"
        await self._all_readers(lambda reader: reader.exit_code is not None, "the end of the stream")
        for reader in self.readers.values():
            reader.state = "ended"
        self.table.refresh()
        if recorder := self.readers.get("recorder"):
            name = os.path.relpath(self.arguments.mp4)
            self.recording = Recording(name, ended_at - recorder.stats["first_time"], recorder.count("frames"))

    async def _play_recording(self):
        """The file is kept where the user wants it, and looked at as any program would."""
        if self.recording is None:
            return
        path = os.path.abspath(self.arguments.mp4)
        try:
            shutil.move(self.unfinished, path)
        except OSError as error:
            raise DemoError(f"cannot keep the recording: {error}") from error
        self.table.say(f"playing what was recorded: {path}")
        line = player_line(path, self.lines["decoder"])
        player = await self.children.start_role("player", "player.py", line)
        self.children.release(player)
        await self.children.until(lambda: player.exit_code is not None, "playing the recording", PLAY_SECONDS)
        found = player.events["played"][0] if player.events["played"] else None
        self.played = Played(**found, error=None) if found else Played(0.0, 0, 0, 0, False, player.why())

    async def _all_readers(self, condition, what):
        await self.children.until(lambda: all(map(condition, self.readers.values())), what, START_SECONDS)

    # ------------------------------------------------------------------------------------------------- the table

    async def _draw(self):
        while True:
            self.table.refresh()
            await asyncio.sleep(self.table.interval)

    def _rows(self):
        if self.camera:
            yield "camera", self.camera.pid, self.camera.state, *[None] * 8
        if self.publisher:
            yield self._publisher_row()
        for reader in self.readers.values():
            yield self._reader_row(reader)

    def _publisher_row(self):
        sink = self.publisher
        rate = sink.rate()
        return (
            "publisher",
            sink.pid,
            sink.state,
            rate and f"{rate:.1f}",
            None,
            None,
            sink.count("published"),
            None,
            sink.count("dropped"),
            None,
            sink.count("copied"),
        )

    def _reader_row(self, reader):
        rate = reader.rate()
        return (
            reader.name,
            reader.pid,
            reader.state,
            rate and f"{rate:.1f}",
            *self.latencies(reader),
            *map(reader.count, ("frames", "skipped", "lost", "held", "copied")),
        )

    def latencies(self, reader):
        """p50 and p99 of the time from when the publisher's sink was due to show a frame until the reader had it."""
        delays = (reader.stats.get(name) for name in ("delay_p50", "delay_p99"))
        due = self.publisher.stats.get("latency", 0) if self.publisher else 0
        return [None if delay is None else milliseconds(delay - due) for delay in delays]

    # ------------------------------------------------------------------------------------------------- the outcome

    def outcome(self):
        """What was promised and whether it was kept, as (sentence, bool) pairs."""
        readers = list(self.readers.values())
        strict = self.readers["strict"]
        copied = sum(publisher.count("copied") for publisher in self.publishers)
        received = [reader.count("frames") for reader in readers]
        numbers = ", ".join(map(str, received[:-1])) + f" and {received[-1]}"
        yield f"{numbers} frames reached the {self.number} readers", min(received) > 0
        yield (
            f"all {self.number} readers went on by themselves after the publisher was killed",
            all(reader.count("reconnects") == self.kills for reader in readers),
        )
        yield "a frame held since before the kill stayed as it was", self.kept_frame_intact
        yield f"the strict reader lost {strict.count('lost')} frames", strict.count("lost") == 0
        yield f"{copied} frames were copied on their way into the ring", copied == 0 or "decodebin" in self.line
        yield viewer_outcome(*self.windows)
        yield f"the end of the stream reached all {self.number} readers", all(r.events["eos"] for r in readers)
        if self.recording:
            yield recording_outcome(self.recording, self.played)


def print_summary(demo):
    print("\nSummary")
    outcome = list(demo.outcome())
    for sentence, kept in outcome:
        print(f"  {'ok  ' if kept else 'FAIL'}  {sentence}")
    if demo.recording is None:
        print("  -     no file was recorded: there is no encoder for it here")
    for reader in demo.readers.values():
        p50, p99 = demo.latencies(reader)
        print(f"  {reader.name}: latency p50 {p50}, p99 {p99}, after the publisher's sink was due to show the frame")
    print(f"  picture: {os.path.abspath(demo.arguments.png)}")
    if demo.recording:
        print(f"  recording: {os.path.abspath(demo.arguments.mp4)}")
    return all(kept for _, kept in outcome)


async def main():
    arguments = parse_arguments()
    # Being told to end is as good as Ctrl-C.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    # The demo's ring is its own: nothing it leaves or finds can meet a real publisher's.
    with tempfile.TemporaryDirectory(prefix="cuframes-demo-") as directory:
        os.environ["CUFRAMES_DIR"] = os.path.join(directory, "rings")
        demo = Demo(arguments, directory)
        try:
            await demo.run()
        except DemoError as error:
            print(f"\ndemo: {error}", file=sys.stderr)
            return 1
        demo.table.close()
        return 0 if print_summary(demo) else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(asyncio.run(main()))
    sys.exit(128 + signal.SIGINT)
