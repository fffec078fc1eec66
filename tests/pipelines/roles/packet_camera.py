# SPDX-License-Identifier: LGPL-2.1-or-later
"""packet_camera.py LINE FIRST: a camera whose packets are shared, and whose pictures are numbered from FIRST on. What comes
to each cuframessink is written to a file named as its key, a line of JSON for each packet: it is there also when this
process is killed."""

import json
import sys
import time

import numbers_in_pictures as numbers
from digests import digest
from gi.repository import Gst
from role import Pipeline, say


class Sent:
    def __init__(self, pipeline, sink):
        self.pipeline = pipeline
        self.file = open(sink.get_property("key"), "a", buffering=1)  # noqa: SIM115
        sink.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self.note)

    def note(self, pad, info):
        buffer = info.get_buffer()
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        captured = segment.to_running_time(Gst.Format.TIME, buffer.pts) + self.pipeline.gst.get_base_time()
        data = buffer.extract_dup(0, buffer.get_size())
        is_key = not buffer.get_flags() & Gst.BufferFlags.DELTA_UNIT
        is_h264 = "avc" in pad.get_current_caps().to_string()
        self.file.write(json.dumps([digest(data, is_h264), captured / 1e9, is_key, time.monotonic()]) + "\n")
        return Gst.PadProbeReturn.OK


def say_first():
    if all(sink.get_property("stats").get_value("published") for sink in sinks):
        say("first")
        return False
    return True


pipeline = Pipeline(sys.argv[1])
numbers.number_pictures(pipeline.gst, int(sys.argv[2]))
sinks = numbers.elements_of(pipeline.gst, "cuframessink")
sent = [Sent(pipeline, sink) for sink in sinks]
pipeline.every(0.02, say_first)
pipeline.run()
pipeline.stop()
say("result", ended=pipeline.ended, late=pipeline.pulse.late)
