# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishes a camera's frames, and decodes them only while somebody reads them (PyAV 17 or newer).

    python3 decode_on_demand.py cam-gate.h264 cam-gate

The first picture that a reader gets is that of the newest keyframe in the log of packets, not of the next one that the
camera makes; and some seconds after the last reader left nothing is decoded any more.
"""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import av
import cuframes

# What PyAV decodes to, and the same by GStreamer's name; all else is converted to NV12.
FORMATS = {"nv12": "NV12", "yuv420p": "I420", "yuvj420p": "I420", "yuv422p": "Y42B", "yuv444p": "Y444"}


class Frames:
    """What readers get."""

    def __init__(self, publisher: cuframes.Publisher) -> None:
        self.publisher = publisher
        self.layout: tuple[str, int, int] | None = None

    def send(self, picture: av.VideoFrame) -> None:
        if picture.format.name not in FORMATS:
            picture = picture.reformat(format="nv12")
        layout = (FORMATS[picture.format.name], picture.width, picture.height)
        if layout != self.layout:
            self.publisher.configure(*layout)
            self.layout = layout
        self.publisher.send(picture.planes, pts=picture.pts)

    def forget(self) -> None:
        """A new ring, without the last picture: who comes next is not to see how it was when nobody looked any more."""
        if self.layout is not None:
            self.publisher.configure(*self.layout)


def decode(key: str, frames: Frames, linger: float) -> bool:
    """Until nobody has read for `linger` seconds. False: the camera's stream has ended."""
    decoder = cuframes.packets.Decoder()
    published, is_live, last_read = 0, False, time.monotonic()
    with cuframes.subscribe_packets(key, start="keyframe", on_gone="wait") as packets:
        for packet in packets:
            # What lies between the keyframe and now is decoded, but not published: nobody wants to see it too fast.
            is_live = is_live or packet.behind == 0
            for picture in decoder.decode(packet):
                if is_live or published == 0:
                    frames.send(picture)
                    published += 1
            if frames.publisher.stats()["subscribers"]:
                last_read = time.monotonic()
            elif time.monotonic() > last_read + linger:
                return True
    return False


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("packets", help="the key with the camera's packets")
    parser.add_argument("frames", help="the key that the frames go to")
    parser.add_argument("--linger", type=float, default=5, help="seconds after the last reader left (%(default)s)")
    options = parser.parse_args()

    with cuframes.publish(options.frames) as publisher:
        frames, goes_on = Frames(publisher), True
        while goes_on:
            since, cpu = time.monotonic(), time.process_time()
            print("nobody reads: nothing is decoded", flush=True)
            publisher.wait_subscribers(1)
            used, passed = time.process_time() - cpu, time.monotonic() - since
            print(f"somebody reads, after {passed:.1f} s in which this took {used * 1000:.1f} ms of a CPU", flush=True)
            goes_on = decode(options.packets, frames, options.linger)
            frames.forget()


if __name__ == "__main__":
    main()
