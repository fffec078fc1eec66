# SPDX-License-Identifier: LGPL-2.1-or-later
"""One of the demo's readers: takes frames from a cuframessrc and reports how many, how late, and from whom."""

import collections
import sys
import threading
import time
import zlib

from child import Child, GLib, Gst, fail, pick, report

LINE = (
    "cuframessrc name=source key={key} mode={mode} name-tag={mode}"
    " ! appsink name=sink sync=false emit-signals=true max-buffers=1 enable-last-sample=false"
)
LATENCY_WINDOW = 300  # frames


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[len(ordered) * percent // 100] if ordered else None


def checksum(sample):
    """Of the frame's bytes as they are now; a frame on the GPU is downloaded for it."""
    ok, mapped = sample.get_buffer().map(Gst.MapFlags.READ)
    if not ok:
        return None
    try:
        return zlib.crc32(mapped.data)
    finally:
        sample.get_buffer().unmap(mapped)


class Reader(Child):
    def __init__(self, key, mode):
        try:
            pipeline = Gst.parse_launch(LINE.format(key=key, mode=mode))
        except GLib.Error as error:
            fail(f"cannot make the reader's pipeline: {error.message}")
        super().__init__(pipeline)
        self.source = pipeline.get_by_name("source")
        self.frames = 0
        self.last = None
        self.kept = None
        self.kept_checksum = None
        self.delays = collections.deque(maxlen=LATENCY_WINDOW)
        # The frames arrive on the streaming thread, everything else happens on the main one.
        self.lock = threading.Lock()
        pipeline.get_by_name("sink").connect("new-sample", self._on_sample)

    def on_tick(self):
        with self.lock:
            frames, delays = self.frames, list(self.delays)
        delays = {"delay_p50": percentile(delays, 50), "delay_p99": percentile(delays, 99)}
        stats = pick(self.source.get_property("stats"), "state", "skipped", "lost", "held", "reconnects")
        report(event="stats", time=time.monotonic(), frames=frames, **delays, **stats)

    def on_message(self, message):
        structure = message.get_structure()
        if structure and structure.get_name() == "cuframes-publisher":
            report(event="state", **pick(structure, "state", "pid"))

    def on_command(self, words):
        if words == ["keep"]:
            self._keep()
        elif words == ["check"]:
            self._check()

    def _on_sample(self, appsink):
        sample = appsink.emit("pull-sample")
        clock = self.pipeline.get_clock()
        if sample is None or clock is None:
            return Gst.FlowReturn.EOS
        now = clock.get_time() - self.pipeline.get_base_time()
        running_time = sample.get_segment().to_running_time(Gst.Format.TIME, sample.get_buffer().pts)
        with self.lock:
            self.frames += 1
            self.delays.append((now - running_time) / Gst.SECOND)
            # Holding on to the newest frame is what a real reader does while it works on it. One that keeps an old
            # frame holds no other, so that it stays within its two leases.
            self.last = sample if self.kept is None else None
        return Gst.FlowReturn.OK

    def _keep(self):
        """Holds on to the newest frame from here on, whatever happens to its publisher."""
        with self.lock:
            self.kept, self.last = self.last, None
        self.kept_checksum = checksum(self.kept) if self.kept else None
        report(event="kept", ok=self.kept_checksum is not None)

    def _check(self):
        """Compares the kept frame with what it was, and lets go of it."""
        intact = self.kept is not None and checksum(self.kept) == self.kept_checksum
        self.kept = None
        report(event="checked", intact=intact)


def main():
    Gst.init(None)
    return Reader(*sys.argv[1:3]).run()


if __name__ == "__main__":
    sys.exit(main())
