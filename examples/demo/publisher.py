# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's publisher: plays a launch line that ends in a cuframessink and reports the sink's statistics."""

import sys
import time

from child import Child, GLib, Gst, fail, pick, report

EOS_SECONDS = 3


class Publisher(Child):
    def __init__(self, line, loop):
        try:
            pipeline = Gst.parse_launch(line)
        except GLib.Error as error:
            fail(f"cannot make the publisher's pipeline: {error.message}")
        super().__init__(pipeline)
        self.sink = next(e for e in pipeline.iterate_sinks() if e.get_factory().get_name() == "cuframessink")
        self.must_loop = loop

    def on_tick(self):
        stats = pick(self.sink.get_property("stats"), "published", "dropped", "copied")
        report(event="stats", time=time.monotonic(), latency=self._latency(), **stats)

    def on_message(self, message):
        # A segment seek makes a file announce its end here instead of ending the stream: play it again.
        if message.type == Gst.MessageType.ASYNC_DONE and self.must_loop:
            self.must_loop = False
            self._seek(Gst.SeekFlags.FLUSH)
        elif message.type == Gst.MessageType.SEGMENT_DONE:
            self._seek(Gst.SeekFlags.NONE)

    def on_input_closed(self):
        """Ends the stream in good order, so that the readers see its end and not a publisher that vanished."""
        # Straight to the sink: a demuxer that drives its file source itself would never see an event sent to that.
        self.sink.get_static_pad("sink").send_event(Gst.Event.new_eos())
        GLib.timeout_add_seconds(EOS_SECONDS, self.loop.quit)

    def _seek(self, flags):
        self.pipeline.seek_simple(Gst.Format.TIME, flags | Gst.SeekFlags.SEGMENT, 0)

    def _latency(self):
        """How long after its capture the sink is due to show a frame."""
        query = Gst.Query.new_latency()
        if not self.pipeline.query(query):
            return 0.0
        live, minimum, _maximum = query.parse_latency()
        return minimum / Gst.SECOND if live else 0.0


def main():
    Gst.init(None)
    line, loop = sys.argv[1], sys.argv[2] == "loop"
    return Publisher(line, loop).run()


if __name__ == "__main__":
    sys.exit(main())
