# SPDX-License-Identifier: LGPL-2.1-or-later
"""joins.py LINE COUNT SECONDS SEED: recorders of one camera that join at random moments within SECONDS and
record for two seconds each. In LINE, FILE stands for a name of each one's own."""

import random
import sys

import numbers_in_pictures as numbers
from gi.repository import GLib, Gst
from role import Pulse, order, say, statistics

LINE, COUNT, SPREAD, RECORDED, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), 2.0, 60


class Recorder:
    def __init__(self, number, after):
        self.file, self.after, self.left, self.ended = f"join{number:02}.mp4", after, [], None
        self.pipeline = Gst.parse_launch(LINE.replace("FILE", self.file))
        self.source = numbers.elements_of(self.pipeline, "cuframessrc", "unixfdsrc")[0]
        self.source.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self.note)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::eos", lambda *_: self.end("eos"))
        bus.connect("message::error", lambda _, message: self.end(message.parse_error()[0].message))
        GLib.timeout_add(int(after * 1000), self.begin)

    def begin(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.timeout_add(int(RECORDED * 1000), lambda: self.pipeline.send_event(Gst.Event.new_eos()) and False)
        return False

    def note(self, pad, info):
        buffer = info.get_buffer()
        self.left.append((numbers.read(buffer, pad.get_current_caps()), buffer.pts / 1e9))
        return Gst.PadProbeReturn.OK

    def end(self, why):
        if self.ended is None:
            self.ended = why
            self.stats = statistics(self.source) if self.source.get_factory().get_name() == "cuframessrc" else {}
            self.pipeline.set_state(Gst.State.NULL)
            if all(one.ended for one in recorders):
                loop.quit()


Gst.init(None)
loop, pulse, chance = GLib.MainLoop(), Pulse(), random.Random(int(sys.argv[4]))
say("ready")
order()
recorders = [Recorder(number, chance.uniform(0, SPREAD)) for number in range(COUNT)]
GLib.timeout_add_seconds(SECONDS, loop.quit)
loop.run()
say(
    "result",
    late=pulse.late,
    joins=[
        {"file": r.file, "after": r.after, "left": r.left, "ended": r.ended, "stats": getattr(r, "stats", {})}
        for r in recorders
    ],
)
