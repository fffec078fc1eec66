# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plays a recorded file to its end, as fast as it goes, and reports what was in it.

Run as a program it takes a launch line, whose elements named `demuxer` and `sink` see the encoded and the decoded
pictures.
"""

import sys

from child import Child, GLib, Gst, fail, report


def rise(times):
    """Whether all are there and each is later than the one before."""
    return None not in times and all(a < b for a, b in zip(times, times[1:]))


class Player(Child):
    def __init__(self, line):
        try:
            pipeline = Gst.parse_launch(line)
        except GLib.Error as error:
            fail(f"cannot make the player's pipeline: {error.message}")
        super().__init__(pipeline)
        self.written = []
        self.shown = []
        pipeline.get_by_name("demuxer").connect("pad-added", lambda _demuxer, pad: self._watch(pad, self.written))
        self._watch(pipeline.get_by_name("sink").get_static_pad("sink"), self.shown)

    def on_eos(self):
        # In the file the pictures are in the order of decoding, and only their times say that of showing. Decoders
        # guess times that are not in the file, for which reason theirs alone would prove little.
        known = [time for time in self.written if time is not None]
        rising = rise(self.shown) and rise(sorted(known)) and len(known) == len(self.written)
        seconds = (max(self.shown) - min(self.shown)) / Gst.SECOND if rising and self.shown else 0.0
        report(event="played", pictures=len(self.shown), written=len(self.written), seconds=seconds, rising=rising)
        super().on_eos()

    def _watch(self, pad, times):
        def note(_pad, info):
            time = info.get_buffer().pts
            times.append(None if time == Gst.CLOCK_TIME_NONE else time)
            return Gst.PadProbeReturn.OK

        pad.add_probe(Gst.PadProbeType.BUFFER, note)


def main():
    Gst.init(None)
    return Player(sys.argv[1]).run()


if __name__ == "__main__":
    sys.exit(main())
