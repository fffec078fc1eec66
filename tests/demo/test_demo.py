# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo keeps its own promises: it shows frames flowing before and after a kill, says so truthfully by its exit
code, leaves a real picture and a file that plays, and nothing else."""

import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "demo"
DEADLINE_SECONDS = 120
FRAMES_FLOW = "frames flow in all four readers"
TABLE_HEAD = "process "
VIEWER = re.compile(
    r"(ok|FAIL) +the viewer showed ([\d.]+) pictures/s before the kill and ([\d.]+) after,"
    r" of ([\d.]+) and ([\d.]+) published"
)
PLAYS = re.compile(r"ok +\S*recording\.mp4 plays: ([\d.]+) s, (\d+) pictures, times rise\n")
CLIP = (
    "videotestsrc num-buffers=75 pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1"
    " ! {encoder} ! h264parse ! mp4mux ! filesink location={path}"
)


def decode_png(path):
    """Width, height and the grey values of a PNG."""
    pipeline = Gst.parse_launch(
        f"filesrc location={path} ! pngdec ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=out sync=false"
    )
    pipeline.set_state(Gst.State.PLAYING)
    sample = pipeline.get_by_name("out").emit("pull-sample")
    pipeline.set_state(Gst.State.NULL)
    caps = sample.get_caps().to_string()
    width, height = (int(re.search(rf"{side}=\(int\)(\d+)", caps).group(1)) for side in ("width", "height"))
    return width, height, sample.get_buffer().extract_dup(0, sample.get_buffer().get_size())


def decoded_pictures(path):
    """How many pictures there are in an MP4 file."""
    pipeline = Gst.parse_launch(f"filesrc location={path} ! decodebin ! fakesink name=sink sync=false")
    count = 0

    def note(_pad, _info):
        nonlocal count
        count += 1
        return Gst.PadProbeReturn.OK

    pipeline.get_by_name("sink").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, note)
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    return count


class DemoTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="demo-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.png = self.folder / "picture.png"
        self.mp4 = self.folder / "recording.mp4"
        # Every process of the demo inherits the mark, by which those left over are found.
        self.mark = uuid.uuid4().hex
        self.env = {**os.environ, "TMPDIR": str(self.temporary), "DEMO_TEST_MARK": self.mark}

    def start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, EXAMPLE / "demo.py", "--png", self.png, "--mp4", self.mp4, *map(str, arguments)],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def run_demo(self, *arguments):
        """Exit code and output of a whole run."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
        self.assert_nothing_left()
        return process.returncode, output

    def assert_nothing_left(self):
        self.assertEqual(list(self.temporary.iterdir()), [], "files left behind")
        self.assertEqual(self.marked_processes(), {}, "processes left behind")

    def marked_processes(self):
        """Command lines of the demo's processes, by their ids."""
        found = {}
        for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in environ.read_bytes():
                    found[int(environ.parent.name)] = (environ.parent / "cmdline").read_text().replace("\0", " ")
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
        return found

    def process_of(self, script):
        return next(pid for pid, command in self.marked_processes().items() if f"{script}.py" in command)

    def assert_summary_good(self, code, output):
        self.assertEqual(code, 0, output)
        summary = output[output.index("Summary") :]
        self.assertNotIn("FAIL", summary)
        self.assertRegex(summary, r"ok +all four readers went on by themselves after the publisher was killed")
        self.assertRegex(summary, r"ok +the strict reader lost 0 frames")
        self.assertRegex(summary, r"ok +0 frames were copied")
        self.assertRegex(summary, r"ok +the end of the stream reached all four readers")
        self.assertEqual(output.count(FRAMES_FLOW), 2, "once before the kill, once after")
        self.assert_viewer_kept_pace(summary)
        self.assert_recording(summary)

    def assert_viewer_kept_pace(self, summary):
        verdict, *rates = VIEWER.search(summary).groups()
        shown, published = map(float, rates[:2]), map(float, rates[2:])
        self.assertEqual(verdict, "ok")
        for showed, camera in zip(shown, published):
            self.assertGreater(showed, 0.85 * camera)
            self.assertGreater(camera, 1)

    def assert_recording(self, summary):
        plays = PLAYS.search(summary)
        self.assertTrue(plays, summary)
        seconds, pictures = float(plays.group(1)), int(plays.group(2))
        # Eight seconds of frames, and what starting and restarting takes.
        self.assertGreater(seconds, 8)
        self.assertEqual(decoded_pictures(self.mp4), pictures)

    def assert_picture(self, width, height):
        got_width, got_height, pixels = decode_png(self.png)
        self.assertEqual((got_width, got_height), (width, height))
        self.assertGreater(max(pixels), 150, "the picture has nothing bright in it")
        self.assertGreater(len(set(pixels)), 1)

    def test_camera_of_its_own(self):
        """Without an argument it serves, publishes, reads, kills, goes on, and ends by itself."""
        code, output = self.run_demo("--seconds", 8)
        self.assert_summary_good(code, output)
        self.assert_picture(1280, 720)

    def test_file(self):
        """A file is played at its own rate, and played again when it is shorter than the demo."""
        path = self.make_clip("a clip.mp4")
        code, output = self.run_demo("--seconds", 8, path)
        self.assert_summary_good(code, output)
        self.assert_picture(320, 240)
        published = VIEWER.search(output).group(4)
        self.assertAlmostEqual(float(published), 25, delta=4)

    def test_rtsp_address(self):
        """Somebody else's camera is watched through the jitter buffer of two seconds that rtspsrc has by default."""
        camera = subprocess.Popen(
            [sys.executable, EXAMPLE / "camera.py", "640", "360", "20"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.addCleanup(camera.wait)
        self.addCleanup(camera.stdin.close)
        self.addCleanup(camera.stdout.close)
        code, output = self.run_demo("--seconds", 8, json.loads(camera.stdout.readline())["url"])
        self.assertNotIn("latency=", output.split("cuframessink")[0])
        self.assert_summary_good(code, output)
        self.assert_picture(640, 360)

    def test_viewer_that_stands_still(self):
        """The summary does not call a viewer good that showed nothing for a while, nor does the exit code."""
        process = self.start("--seconds", 8)
        seen = self.read_until(process, "took a picture and left")
        viewer = self.process_of("viewer")
        os.kill(viewer, signal.SIGSTOP)
        # Two tables on, which are two seconds apart.
        for _ in range(2):
            seen += self.read_until(process, TABLE_HEAD)
        os.kill(viewer, signal.SIGCONT)
        rest, _ = process.communicate(timeout=DEADLINE_SECONDS)
        self.assertEqual(process.returncode, 1, seen + rest)
        verdict, before, _after, published, _ = VIEWER.search(rest).groups()
        self.assertEqual(verdict, "FAIL")
        self.assertLess(float(before), 0.9 * float(published))
        self.assertEqual(rest.count("FAIL"), 1, rest)
        self.assert_nothing_left()

    def test_recording_that_is_damaged(self):
        """The summary does not say of a file that it plays when half of it is zeros."""
        process = self.start("--seconds", 8)
        seen = self.read_until(process, "killed the publisher")
        os.truncate(next(self.temporary.glob("cuframes-demo-*/recording.mp4")), 0)
        rest, _ = process.communicate(timeout=DEADLINE_SECONDS)
        self.assertEqual(process.returncode, 1, seen + rest)
        self.assertRegex(rest, r"FAIL +\S*recording\.mp4 ")
        self.assertEqual(rest.count("FAIL"), 1, rest)
        self.assert_nothing_left()

    def test_recording_that_cannot_be_kept(self):
        self.mp4 = self.folder / "absent" / "recording.mp4"
        code, output = self.run_demo("--seconds", 1)
        self.assertEqual(code, 1)
        self.assertIn("cannot keep the recording", output)
        self.assertNotIn("Traceback", output)

    def make_clip(self, name):
        encoder = next((name for name in ("x264enc", "openh264enc") if Gst.ElementFactory.find(name)), None)
        if encoder is None:
            self.skipTest("no H.264 encoder to make a file with")
        path = self.folder / name
        pipeline = Gst.parse_launch(CLIP.format(encoder=encoder, path=f'"{path}"'))
        pipeline.set_state(Gst.State.PLAYING)
        pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        pipeline.set_state(Gst.State.NULL)
        return path

    def test_no_such_file(self):
        code, output = self.run_demo(self.folder / "absent.mp4")
        self.assertEqual(code, 1)
        self.assertIn(f"no such file: {self.folder / 'absent.mp4'}", output)

    def test_no_video(self):
        path = self.folder / "text.mp4"
        path.write_text("this is no video\n" * 100)
        code, output = self.run_demo(path)
        self.assertEqual(code, 1)
        self.assertIn("cannot read", output)

    def test_unreachable_camera(self):
        code, output = self.run_demo("rtsp://127.0.0.1:1/cam")
        self.assertEqual(code, 1)
        self.assertIn("cannot read rtsp://127.0.0.1:1/cam", output)

    def test_interrupt(self):
        """Ctrl-C in the middle ends everything, at once and without a traceback."""
        process = self.start("--seconds", 600)
        seen = self.read_until(process, FRAMES_FLOW)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=DEADLINE_SECONDS)
        self.assertEqual(process.returncode, 130, seen + rest)
        self.assertNotIn("Traceback", rest)
        self.assert_nothing_left()
        self.assertFalse(self.mp4.exists(), "a recording that was not finished is not kept")

    def read_until(self, process, text):
        seen = ""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in seen:
            ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(process.stdout.fileno(), 65536).decode() if ready else ""
            self.assertTrue(chunk, f"{text!r} did not come; the demo said:\n{seen}")
            seen += chunk
        return seen


if __name__ == "__main__":
    Gst.init(None)
    unittest.main(verbosity=2)
