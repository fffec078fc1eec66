# SPDX-License-Identifier: LGPL-2.1-or-later
"""reader.py LINE PULL: a pipeline behind a camera. Notes what leaves its sources and what its sinks show;
what comes to an appsink is pulled by a thread, which then holds the sample for PULL seconds as a detector
would."""

import sys
import threading
import time

import numbers_in_pictures as numbers
from gi.repository import Gst
from role import Pipeline, say, statistics

SOURCES = ("cuframessrc", "unixfdsrc", "rtspsrc")


class Consumer(threading.Thread):
    def __init__(self, pipeline, sink, log, seconds):
        super().__init__(daemon=True)
        self.pipeline, self.sink, self.log, self.seconds = pipeline, sink, log, seconds
        self.start()

    def run(self):
        while True:
            sample = self.sink.emit("try-pull-sample", Gst.SECOND // 10)
            if sample:
                self.pipeline.note(sample.get_buffer(), sample.get_caps(), self.log)
                time.sleep(self.seconds)
            elif self.pipeline.ended:
                return
            else:
                time.sleep(0.01)  # not PLAYING yet, or EOS: it comes back at once


pipeline = Pipeline(sys.argv[1])
left, shown = [], []
sources = numbers.elements_of(pipeline.gst, *SOURCES)
for source in sources:
    log = []
    left.append(log)
    if source.get_static_pad("src"):
        pipeline.watch(source.get_static_pad("src"), log)
for sink in numbers.elements_of(pipeline.gst, "fakesink"):
    sink.set_property("signal-handoffs", True)
    sink.connect("handoff", lambda _, buffer, pad: pipeline.note(buffer, pad.get_current_caps(), shown))
for sink in numbers.elements_of(pipeline.gst, "appsink"):
    Consumer(pipeline, sink, shown, float(sys.argv[2]))
pipeline.run()
stats = [statistics(source) for source in sources if source.get_factory().get_name() == "cuframessrc"]
pipeline.stop()
say(
    "result",
    ended=pipeline.ended,
    began=pipeline.began,
    left=left,
    shown=shown,
    stats=stats,
    warnings=pipeline.warnings,
    late=pipeline.pulse.late,
)
