# SPDX-License-Identifier: LGPL-2.1-or-later
"""still_camera.py LINE: publishes numbered pictures until its line has no more, and stays, with its last picture; says how
many there were. With `--end` it ends the stream."""

import sys

import gi

gi.require_version("Gst", "1.0")
import numbers_in_pictures as numbers  # noqa: E402
from gi.repository import Gst  # noqa: E402
from role import order, say  # noqa: E402

Gst.init(None)
pipeline = Gst.parse_launch(sys.argv[1])
numbers.number_pictures(pipeline)
sink = numbers.elements_of(pipeline, "cuframessink")[0]
pictures = 0


def note(_, info):
    global pictures
    pictures += info.type & Gst.PadProbeType.BUFFER != 0
    event = info.get_event() if info.type & Gst.PadProbeType.EVENT_DOWNSTREAM else None
    if event is None or event.type != Gst.EventType.EOS:
        return Gst.PadProbeReturn.OK
    say("still", pictures=pictures)
    return Gst.PadProbeReturn.OK if "--end" in sys.argv else Gst.PadProbeReturn.DROP


sink.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.EVENT_DOWNSTREAM, note)
pipeline.set_state(Gst.State.PLAYING)
order()
pipeline.set_state(Gst.State.NULL)
