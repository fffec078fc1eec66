# SPDX-License-Identifier: LGPL-2.1-or-later
"""publisher.py LINE: a camera of the table. What it publishes is numbered at the source and noted at the
sink."""

import sys

import numbers_in_pictures as numbers
from gi.repository import GLib
from role import Pipeline, say, statistics


def is_ours(sink):
    return sink.get_factory().get_name() == "cuframessink"


pipeline = Pipeline(sys.argv[1])
numbers.number_pictures(pipeline.gst)
sent = []
sinks = numbers.elements_of(pipeline.gst, "cuframessink", "unixfdsink")
for sink in sinks:
    pipeline.watch(sink.get_static_pad("sink"), sent)
# A frame that came to the sink may have to wait for its time; only then there is something to read.
pipeline.said_first = True


def say_first():
    shared = sum(sink.get_property("stats").get_value("published" if is_ours(sink) else "rendered") for sink in sinks)
    if shared:
        say("first")
    return not shared


GLib.timeout_add(20, say_first)
pipeline.run()
stats = next((statistics(sink) for sink in sinks if is_ours(sink)), None)
pipeline.stop()
say("result", ended=pipeline.ended, sent=sent, stats=stats, late=pipeline.pulse.late)
