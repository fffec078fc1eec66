# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records a camera with PyAV (17 or newer): the encoder reads the frames where they are.

python3 record_with_pyav.py cam-gate gate.mkv --seconds 10
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from fractions import Fraction

import av
import cuframes

TICKS = 90_000  # in a second: of the file's times. Fine enough for every camera, and every container has them.


def to_video(frame: cuframes.Frame, ticks: int) -> av.VideoFrame:
    """The frame as PyAV's, in place: it holds the slot until PyAV lets go of it."""
    video = av.VideoFrame.from_dlpack(frame.planes, format="nv12", width=frame.width, height=frame.height)
    video.pts = ticks
    video.time_base = Fraction(1, TICKS)  # type: ignore[assignment, unused-ignore]
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
        # The rate is for the encoder to plan with; the times are the frames' own.
        stream = output.add_stream(codec, rate=camera.framerate or 30, options={"bf": "0"})
        assert isinstance(stream, av.VideoStream)
        # Else the encoder rounds times to frames of the rate.
        stream.codec_context.time_base = Fraction(1, TICKS)  # type: ignore[assignment, unused-ignore]
        stream.width, stream.height = first.width, first.height
        stream.pix_fmt = "nv12" if first.memory == "host" else "cuda"
        start = first.pts_ns
        output.mux(stream.encode(to_video(first, 0)))
        first.release()
        ticks = 0
        for frame in camera:
            with frame:
                # Muxers want times that rise, also of cameras whose clock does not always.
                ticks = max(ticks + 1, (frame.pts_ns - start) * TICKS // 1_000_000_000)
                output.mux(stream.encode(to_video(frame, ticks)))
            if ticks >= options.seconds * TICKS:
                break
        output.mux(stream.encode(None))
        print(f"{camera.frames_received} frames with {codec}, {camera.gap_count} missed")


if __name__ == "__main__":
    main()
