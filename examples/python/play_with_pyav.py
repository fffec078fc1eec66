# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishes what PyAV (17 or newer) decodes: a file, or whatever else it opens.

    python3 play_with_pyav.py gate.mkv recording

A file is not a camera: the publisher waits for readers in strict order, so that they get every frame.
"""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import av
import cuframes

# PyAV's names of what it can hand over, and GStreamer's.
FORMATS = {"yuv420p": "I420", "nv12": "NV12", "rgb24": "RGB", "gray": "GRAY8", "p010le": "P010_10LE"}


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("key")
    parser.add_argument("--fast", action="store_true", help="as fast as the readers go, and not in time")
    options = parser.parse_args()

    with (
        av.open(options.file) as source,
        cuframes.publish(options.key, policy="wait", wait_timeout_ms=10_000) as publisher,
    ):
        publisher.wait_subscribers()
        start = time.monotonic()
        for video in source.decode(video=0):
            if video.format.name not in FORMATS:
                video = video.reformat(format="nv12")
            due = start + (video.time or 0)
            if not options.fast:
                time.sleep(max(0, due - time.monotonic()))
            publisher.send(video.planes, format=FORMATS[video.format.name], pts=int(due * 1e9))
        publisher.eos()
        print(f"published {publisher.stats()['published']}")


if __name__ == "__main__":
    main()
