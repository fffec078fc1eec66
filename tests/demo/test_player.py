# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's player reports what is in a file, and does not take a damaged one for good."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "demo"
sys.path.insert(0, str(EXAMPLE))

from lines import player_line  # noqa: E402

DEADLINE_SECONDS = 60
PICTURES = 50
ENCODE = (
    f"videotestsrc num-buffers={PICTURES} pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1"
    " ! x264enc {settings} ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! appsink name=out sync=false"
)


def encode(settings):
    """The encoded pictures of a short clip, and their caps."""
    pipeline = Gst.parse_launch(ENCODE.format(settings=settings))
    pipeline.set_state(Gst.State.PLAYING)
    samples = list(iter(lambda: pipeline.get_by_name("out").emit("pull-sample"), None))
    pipeline.set_state(Gst.State.NULL)
    return [sample.get_buffer().copy() for sample in samples], samples[0].get_caps()


def write(path, buffers, caps):
    pipeline = Gst.parse_launch(f'appsrc name=in format=time ! muxer.video_0 mp4mux name=muxer ! filesink location="{path}"')
    source = pipeline.get_by_name("in")
    source.set_property("caps", caps)
    pipeline.set_state(Gst.State.PLAYING)
    for buffer in buffers:
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    wanted = Gst.MessageType.EOS | Gst.MessageType.ERROR
    message = pipeline.get_bus().timed_pop_filtered(DEADLINE_SECONDS * Gst.SECOND, wanted)
    pipeline.set_state(Gst.State.NULL)
    assert message and message.type == Gst.MessageType.EOS, message and message.parse_error()


@unittest.skipUnless(
    Gst.init(None) is not False and all(map(Gst.ElementFactory.find, ("x264enc", "avdec_h264", "mp4mux"))),
    "no encoder, decoder or muxer to make files with",
)
class PlayerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="demo-test-")
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "a clip.mp4"

    def play(self):
        """What the player reports of the file, by event."""
        # The player ends when its stdin does.
        stdin, writer = os.pipe()
        try:
            played = subprocess.run(
                [sys.executable, EXAMPLE / "player.py", player_line(str(self.path), "avdec_h264")],
                stdin=stdin,
                stdout=subprocess.PIPE,
                timeout=DEADLINE_SECONDS,
            )
        finally:
            os.close(stdin)
            os.close(writer)
        reports = map(json.loads, played.stdout.decode().splitlines())
        return {report["event"]: report for report in reports}

    def test_whole_file(self):
        """With pictures that are not in the order of showing, as x264enc makes them by default."""
        write(self.path, *encode(""))
        played = self.play()["played"]
        self.assertEqual((played["pictures"], played["written"], played["rising"]), (PICTURES, PICTURES, True))
        self.assertAlmostEqual(played["seconds"], (PICTURES - 1) / 25, delta=0.01)

    def test_equal_times(self):
        """Though a decoder makes them differ."""
        buffers, caps = encode("tune=zerolatency")
        for buffer in buffers[10:20]:
            buffer.pts = buffer.dts = buffers[10].pts
        write(self.path, buffers, caps)
        self.assertFalse(self.play()["played"]["rising"])

    def test_cut_off(self):
        """A file whose writer was killed has no index."""
        write(self.path, *encode(""))
        self.path.write_bytes(self.path.read_bytes()[: self.path.stat().st_size // 2])
        reports = self.play()
        self.assertIn("error", reports)
        self.assertNotIn("played", reports)

    def test_damaged(self):
        """Pictures that cannot be decoded are missed."""
        write(self.path, *encode("key-int-max=1"))
        data = bytearray(self.path.read_bytes())
        start = data.index(b"mdat")
        data[start + 4 + len(data) // 3 : start + 4 + len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
        self.path.write_bytes(data)
        played = self.play().get("played")
        self.assertTrue(played is None or played["pictures"] < PICTURES, played)

    def test_absent(self):
        self.assertIn("error", self.play())


if __name__ == "__main__":
    unittest.main(verbosity=2)
