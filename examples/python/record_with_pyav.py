# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records a camera with PyAV (17 or newer): the encoder reads the frames where they are.

    python3 record_with_pyav.py cam-gate gate.mkv --seconds 10
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from fractions import Fraction

import av

import cuframes

NANOSECONDS = Fraction(1, 1_000_000_000)


def to_video(frame: cuframes.Frame, start_ns: int) -> av.VideoFrame:
    """The frame as PyAV's, in place: it holds the slot until PyAV lets go of it."""
    video = av.VideoFrame.from_dlpack(frame.planes, format="nv12", width=frame.width, height=frame.height)
    video.pts = frame.pts_ns - start_ns
    video.time_base = NANOSECONDS  # type: ignore[assignment, unused-ignore]
    return video


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("key")
    parser.add_argument("file")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--codec", help="an encoder; by default h264_nvenc on a GPU, else libx264")
    options = parser.parse_args()

    mode = cuframes.SubscriberMode.STRICT_ORDER  # a recorder wants every frame
    with (
        cuframes.subscribe(options.key, mode=mode) as camera,
        av.open(options.file, "w") as output,
    ):
        first = camera.next_frame()
        if first.format != "NV12":
            raise SystemExit(f"this example records NV12, not {first.format}")
        codec = options.codec or ("libx264" if first.memory == "host" else "h264_nvenc")
        stream = output.add_stream(codec, options={"bf": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = first.width, first.height
        stream.pix_fmt = "nv12" if first.memory == "host" else "cuda"
        start = first.pts_ns
        output.mux(stream.encode(to_video(first, start)))
        first.release()
        for frame in camera:
            with frame:
                output.mux(stream.encode(to_video(frame, start)))
            if frame.pts_ns - start >= options.seconds * 1_000_000_000:
                break
        output.mux(stream.encode(None))
        print(f"{camera.frames_received} frames with {codec}, {camera.gap_count} missed")


if __name__ == "__main__":
    main()
