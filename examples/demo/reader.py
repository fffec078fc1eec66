# SPDX-License-Identifier: LGPL-2.1-or-later
"""One of the demo's readers: takes frames from a cuframessrc as a program does, and can keep one for a while."""

import sys
import zlib

from child import Gst, report
from frames import FrameReader

LINE = (
    "cuframessrc name=source key={key} mode={mode} name-tag={mode}"
    " ! appsink name=sink sync=false emit-signals=true max-buffers=1 enable-last-sample=false"
)


def checksum(sample):
    """Of the frame's bytes as they are now; a frame on the GPU is downloaded for it."""
    ok, mapped = sample.get_buffer().map(Gst.MapFlags.READ)
    if not ok:
        return None
    try:
        return zlib.crc32(mapped.data)
    finally:
        sample.get_buffer().unmap(mapped)


class Reader(FrameReader):
    def __init__(self, key, mode):
        super().__init__(LINE.format(key=key, mode=mode))
        self.last = None
        self.kept = None
        self.kept_checksum = None
        self.pipeline.get_by_name("sink").connect("new-sample", self._on_sample)

    def on_command(self, words):
        if words == ["keep"]:
            self._keep()
        elif words == ["check"]:
            self._check()

    def _on_sample(self, appsink):
        sample = appsink.emit("pull-sample")
        if sample is None:
            return Gst.FlowReturn.EOS
        self.take(sample.get_buffer(), sample.get_segment())
        with self.lock:
            # Holding on to the newest frame is what a real reader does while it works on it.
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
