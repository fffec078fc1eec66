# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's viewer: plays a launch line that ends in a synced sink named `sink`, and counts the pictures this shows."""

import sys

from child import Gst
from frames import FrameReader


class Viewer(FrameReader):
    def __init__(self, line):
        super().__init__(line)
        # After the wait for the clock: a picture that came too late is not shown and makes no handoff.
        self.pipeline.get_by_name("sink").connect("handoff", lambda _sink, buffer, pad: self.take_at(pad, buffer))


def main():
    Gst.init(None)
    return Viewer(sys.argv[1]).run()


if __name__ == "__main__":
    sys.exit(main())
