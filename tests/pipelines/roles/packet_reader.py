# SPDX-License-Identifier: LGPL-2.1-or-later
"""packet_reader.py LINE COUNT: COUNT pipelines behind a camera's packets, in whose lines FILE is a name of each one's own.
Notes what the first one shows, also in its preroll as a window does, what left its source after a gap, and messages."""

import sys
import time

import numbers_in_pictures as numbers
from gi.repository import Gst
from role import Pipeline, say


class Watched(Pipeline):
    def __init__(self, line, others):
        super().__init__(line)
        self.others = [Gst.parse_launch(other) for other in others]
        self.first, self.shown, self.gaps, self.preroll_messages = None, [], [], []
        for source in numbers.elements_of(self.gst, "cuframessrc"):
            source.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self.note_gap)
        for sink in numbers.elements_of(self.gst, "fakesink"):
            sink.set_property("signal-handoffs", True)
            sink.connect("preroll-handoff", lambda *_: self.note_first())
            sink.connect("handoff", self.note_shown)
        self.gst.get_bus().connect("message::element", self.note_message)

    def play(self):
        super().play()
        for other in self.others:
            other.set_state(Gst.State.PLAYING)

    def finish(self):
        for other in self.others:
            other.send_event(Gst.Event.new_eos())
            other.get_bus().timed_pop_filtered(30 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
            other.set_state(Gst.State.NULL)
        return super().finish()

    def note_first(self):
        self.first = self.first or time.monotonic()

    def note_shown(self, sink, buffer, pad):
        now = time.monotonic()
        self.note_first()
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        captured = segment.to_running_time(Gst.Format.TIME, buffer.pts) + self.gst.get_base_time()
        self.shown.append((now, numbers.read(buffer, pad.get_current_caps()), captured / 1e9))

    def note_gap(self, pad, info):
        if info.get_buffer().get_flags() & Gst.BufferFlags.DISCONT:
            self.gaps.append(time.monotonic())
        return Gst.PadProbeReturn.OK

    def note_message(self, bus, message):
        structure = message.get_structure()
        if structure.get_name() == "cuframes-preroll":
            self.preroll_messages.append({name: structure.get_value(name) for name in ("asked", "given")})


line, count = sys.argv[1], int(sys.argv[2])
lines = [line.replace("FILE", f"file{number:02}.mkv") for number in range(count)]
pipeline = Watched(lines[0], lines[1:])
pipeline.run()
source = numbers.elements_of(pipeline.gst, "cuframessrc")[0]
given = source.get_property("preroll-given")
query = Gst.Query.new_latency()
pipeline.gst.query(query)
_, latency, _ = query.parse_latency()
pipeline.stop()
say(
    "result",
    ended=pipeline.ended,
    began=pipeline.began,
    first=pipeline.first,
    shown=pipeline.shown,
    gaps=pipeline.gaps,
    given=given,
    latency=latency / 1e9,
    told=pipeline.preroll_messages,
    late=pipeline.pulse.late,
)
