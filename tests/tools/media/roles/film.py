# SPDX-License-Identifier: LGPL-2.1-or-later
"""film.py LINE: runs it to its end, with numbered pictures."""

import sys

import gi

gi.require_version("Gst", "1.0")
import numbers_in_pictures as numbers  # noqa: E402
from gi.repository import Gst  # noqa: E402

Gst.init(None)
pipeline = Gst.parse_launch(sys.argv[1])
numbers.number_pictures(pipeline)
pipeline.set_state(Gst.State.PLAYING)
end = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
sys.exit(end.type != Gst.MessageType.EOS)
