# SPDX-License-Identifier: LGPL-2.1-or-later
"""publisher.py LINE: a camera of the table. What it publishes is numbered at the source and noted at the sink."""

import sys

import numbers_in_pictures as numbers
from role import Pipeline, say, statistics

pipeline = Pipeline(sys.argv[1])
numbers.number_pictures(pipeline.gst)
sent = []
sinks = numbers.elements_of(pipeline.gst, "cuframessink", "unixfdsink")
for sink in sinks:
    pipeline.watch(sink.get_static_pad("sink"), sent)
pipeline.run()
stats = next((statistics(sink) for sink in sinks if sink.get_factory().get_name() == "cuframessink"), None)
pipeline.stop()
say("result", ended=pipeline.ended, sent=sent, stats=stats, late=pipeline.pulse.late)
