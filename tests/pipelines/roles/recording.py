# SPDX-License-Identifier: LGPL-2.1-or-later
"""recording.py [--sound] FILE…: plays recordings, each from its beginning to its end, and says what is in
them: number and PTS of every picture, the duration that the file tells, from when to when there is sound,
and how many pictures the file has, also those that its edit list keeps players from showing."""

import sys
import time

import av
import numbers_in_pictures as numbers
from gi.repository import Gst
from role import say

# A file of which nothing comes for so long does not end.
SECONDS = 10
PICTURES = (
    'filesrc location="{}" ! decodebin name=d '
    "d. ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=pictures sync=false "
)
SOUND = "d. ! audioconvert ! audio/x-raw ! appsink name=sound sync=false"


class Recording:
    def __init__(self, path, has_sound):
        self.path = path
        self.pipeline = Gst.parse_launch(PICTURES.format(path) + (SOUND if has_sound else ""))
        self.bus = self.pipeline.get_bus()
        self.duration = self.error = None

    def play(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        said = {
            "pictures": [
                (numbers.read(s.get_buffer(), s.get_caps()), pts(s.get_buffer())) for s in self.samples("pictures")
            ]
        }
        if self.pipeline.get_by_name("sound"):
            heard = [s.get_buffer() for s in self.samples("sound")]
            said["sound"] = heard and (pts(heard[0]), pts(heard[-1]) + heard[-1].duration / 1e9)
        self.error = self.error or self.error_on_bus()
        self.pipeline.set_state(Gst.State.NULL)
        return {**said, "stored": stored(self.path), "duration": self.duration, "error": self.error}

    def samples(self, name):
        sink = self.pipeline.get_by_name(name)
        deadline = time.monotonic() + SECONDS
        while not sink.get_property("eos") and not self.error:
            sample = sink.emit("try-pull-sample", Gst.SECOND // 5)
            if sample:
                deadline = time.monotonic() + SECONDS
                self.duration = self.duration or self.duration_told()
                yield sample
            else:
                self.error = "it does not end" if time.monotonic() > deadline else self.error_on_bus()

    def duration_told(self):
        ok, value = self.pipeline.query_duration(Gst.Format.TIME)
        return value / 1e9 if ok and value > 0 else None

    def error_on_bus(self):
        message = self.bus.pop_filtered(Gst.MessageType.ERROR)
        return message and message.parse_error()[0].message


def stored(path):
    try:
        with av.open(path, options={"ignore_editlist": "1"}) as file:
            return sum(packet.size > 0 for packet in file.demux(video=0))
    except av.FFmpegError:
        return 0


def pts(buffer):
    return None if buffer.pts == Gst.CLOCK_TIME_NONE else buffer.pts / 1e9


Gst.init(None)
has_sound = sys.argv[1] == "--sound"
say("result", files=[Recording(path, has_sound).play() for path in sys.argv[1 + has_sound :]])
