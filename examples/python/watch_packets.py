# SPDX-License-Identifier: LGPL-2.1-or-later
"""Decodes a camera's packets from the last keyframe on: the first picture is there at once, whatever the distance of
keyframes.

    python3 watch_packets.py cam-gate.h264

What came between that keyframe and now is decoded, since later pictures are made of it, but not shown: nothing is seen
too fast.
"""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import cuframes


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("key")
    parser.add_argument("--count", type=int, default=0, help="pictures to show; 0: until the stream ends")
    options = parser.parse_args()

    begin = time.monotonic()
    decoder, shown, is_live = cuframes.packets.Decoder(), 0, False
    with cuframes.subscribe_packets(options.key, start="keyframe") as camera:
        for packet in camera:
            # Of the past the keyframe alone is shown, as a picture is better than none until we are at the present.
            is_live = is_live or packet.behind == 0
            for picture in decoder.decode(packet):
                if shown and not is_live:
                    continue
                shown += 1
                late = (time.monotonic_ns() - picture.pts) / 1e6
                waited = f", {(time.monotonic() - begin) * 1000:.0f} ms after the start" if shown == 1 else ""
                print(f"picture of {late:.0f} ms ago, {picture.width}x{picture.height}{waited}", flush=True)
            if options.count and shown >= options.count:
                break
        print(f"{shown} shown of {camera.packets_received} packets, {camera.gap_count} missed")


if __name__ == "__main__":
    main()
