# SPDX-License-Identifier: LGPL-2.1-or-later
"""rtsp_client.py URL: looks at a stream with GStreamer until told to end; says when it asked, and which pictures it saw."""

import sys
import time

import gi

gi.require_version("Gst", "1.0")
import numbers_in_pictures as numbers  # noqa: E402
from gi.repository import Gst  # noqa: E402
from role import order, say  # noqa: E402

Gst.init(None)
is_srt = sys.argv[1].startswith("srt")
source = f"srtsrc uri={sys.argv[1]} ! tsdemux" if is_srt else f"rtspsrc location={sys.argv[1]} latency=0 protocols=tcp"
pipeline = Gst.parse_launch(
    f"{source} ! {'' if is_srt else 'rtph264depay !'} h264parse ! avdec_h264 ! fakesink name=sink sync=false"
)
seen = []


def note(pad, info):
    seen.append((time.monotonic(), numbers.read(info.get_buffer(), pad.get_current_caps())))
    if len(seen) == 1:
        say("first")
    return Gst.PadProbeReturn.OK


pipeline.get_by_name("sink").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, note)
say("ready")
order()
asked = time.monotonic()
pipeline.set_state(Gst.State.PLAYING)
order()
pipeline.set_state(Gst.State.NULL)
say("result", asked=asked, seen=seen)
