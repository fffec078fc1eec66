# SPDX-License-Identifier: LGPL-2.1-or-later
"""packet_tee.py FRAMES PACKETS: looks at a camera's frames for some seconds, then reads its packets from a frame's time on,
which PACKETS has as TIME. Says when the frames were captured, and what the packets are decoded to."""

import sys

import numbers_in_pictures as numbers
from gi.repository import GLib, Gst
from role import Pipeline, say


class Tee(Pipeline):
    def __init__(self, frames, packets):
        super().__init__(frames)
        self.packets, self.line = None, packets
        self.frames, self.pictures, self.asked = {}, [], None
        self.note_all(self.gst, lambda number, running: self.frames.update({number: self.captured(running)}))

    def note_all(self, pipeline, note):
        sink = numbers.elements_of(pipeline, "fakesink")[0]
        sink.set_property("signal-handoffs", True)
        sink.connect("handoff", self.note_one, note)

    def note_one(self, sink, buffer, pad, note):
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        note(numbers.read(buffer, pad.get_current_caps()), segment.to_running_time(Gst.Format.TIME, buffer.pts))

    def captured(self, running):
        """A running time in CLOCK_MONOTONIC, which is the pipeline's clock."""
        return running + self.gst.get_base_time()

    def finish(self):
        """The newest frame but a second's is the one that something was found in."""
        self.asked = sorted(self.frames)[-25]
        self.packets = Gst.parse_launch(self.line.replace("TIME", str(self.frames[self.asked])))
        self.note_all(self.packets, lambda number, running: self.pictures.append((number, running / 1e9)))
        self.packets.set_state(Gst.State.PLAYING)
        GLib.timeout_add(1000, self.finish_packets)
        return False

    def finish_packets(self):
        self.packets.send_event(Gst.Event.new_eos())
        self.packets.get_bus().timed_pop_filtered(30 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        self.packets.set_state(Gst.State.NULL)
        return super().finish()


pipeline = Tee(sys.argv[1], sys.argv[2])
pipeline.run()
pipeline.stop()
say(
    "result",
    ended=pipeline.ended,
    frames={number: time / 1e9 for number, time in pipeline.frames.items()},
    asked=pipeline.asked,
    pictures=pipeline.pictures,
    late=pipeline.pulse.late,
)
