# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's recorder: plays a launch line that encodes into a file, which the end of the stream finishes."""

import sys

from child import Gst
from frames import FrameReader


class Recorder(FrameReader):
    def __init__(self, line):
        super().__init__(line)
        self.source.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._on_buffer)

    def _on_buffer(self, pad, info):
        self.take_at(pad, info.get_buffer())
        return Gst.PadProbeReturn.OK


def main():
    Gst.init(None)
    return Recorder(sys.argv[1]).run()


if __name__ == "__main__":
    sys.exit(main())
