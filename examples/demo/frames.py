# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the demo's readers share: a pipeline that begins with a cuframessrc named `source`, whose frames are counted
where they arrive, and a report of how many, how late, and from whom."""

import collections
import threading
import time

from child import Child, GLib, Gst, fail, pick, report

LATENCY_WINDOW = 300  # frames


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[len(ordered) * percent // 100] if ordered else None


class FrameReader(Child):
    def __init__(self, line):
        try:
            pipeline = Gst.parse_launch(line)
        except GLib.Error as error:
            fail(f"cannot make the reader's pipeline: {error.message}")
        super().__init__(pipeline)
        self.source = pipeline.get_by_name("source")
        self.frames = 0
        self.first_time = None
        self.delays = collections.deque(maxlen=LATENCY_WINDOW)
        # The frames arrive on the streaming thread, everything else happens on the main one.
        self.lock = threading.Lock()

    def take(self, buffer, segment):
        """Counts a frame, and how long after its capture it is here. On the streaming thread."""
        clock = self.pipeline.get_clock()
        if clock is None:
            return
        now = clock.get_time() - self.pipeline.get_base_time()
        running_time = segment.to_running_time(Gst.Format.TIME, buffer.pts)
        with self.lock:
            self.frames += 1
            self.first_time = self.first_time or time.monotonic()
            if running_time != Gst.CLOCK_TIME_NONE:
                self.delays.append((now - running_time) / Gst.SECOND)

    def take_at(self, pad, buffer):
        """The same, where there is a pad to ask for the segment."""
        event = pad.get_sticky_event(Gst.EventType.SEGMENT, 0)
        if event:
            self.take(buffer, event.parse_segment())

    def on_tick(self):
        with self.lock:
            frames, first, delays = self.frames, self.first_time, list(self.delays)
        delays = {"delay_p50": percentile(delays, 50), "delay_p99": percentile(delays, 99)}
        stats = pick(self.source.get_property("stats"), "state", "skipped", "lost", "held", "copied", "reconnects")
        report(event="stats", time=time.monotonic(), frames=frames, first_time=first, **delays, **stats)

    def on_message(self, message):
        structure = message.get_structure()
        if structure and structure.get_name() == "cuframes-publisher":
            report(event="state", **pick(structure, "state", "pid"))
