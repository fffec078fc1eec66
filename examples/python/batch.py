# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches cameras for a network: the newest frame of each in one float tensor [N, 3, H, W], RGB from 0 to 1.

    python3 batch.py gate yard street door --height 384 --width 640

The pixels are converted where they are. A camera that brings nothing new is waited for, for half a second.
"""

import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import ExitStack

import cuframes
import torch
from torch.nn.functional import interpolate
from torch.utils.dlpack import from_dlpack

# Red, green and blue from y, u and v in video range: BT.709 of HD, BT.601 of SD, and BT.2020.
FROM_YUV = ((1.1644, 0.0, 1.7927), (1.1644, -0.2132, -0.5329), (1.1644, 2.1124, 0.0))
FROM_YUV_SD = ((1.1644, 0.0, 1.5960), (1.1644, -0.3918, -0.8130), (1.1644, 2.0172, 0.0))
FROM_YUV_WIDE = ((1.1644, 0.0, 1.6787), (1.1644, -0.1873, -0.6504), (1.1644, 2.1418, 0.0))

NAMES = {"bt709": "2:3", "bt601": "2:4", "bt2020": "2:6", "bt2020-10": "2:6", "bt2100-pq": "2:6", "bt2100-hlg": "2:6"}


def colours_of(frame: cuframes.Frame) -> tuple[tuple[tuple[float, ...], ...], bool]:
    """The matrix, and whether the numbers go from 0 to 255 (as those of MJPEG cameras): what the caps say, else what
    GStreamer takes a picture of this height for."""
    found = re.search(r'colorimetry=\(string\)"?([\w:-]+)', frame.caps)
    said = found[1] if found else ""
    numbers = re.match(r"(\d+):(\d+)", NAMES.get(said, said))
    span, matrix = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    by_height = FROM_YUV_SD if frame.height <= 576 else FROM_YUV
    return {3: FROM_YUV, 4: FROM_YUV_SD, 6: FROM_YUV_WIDE}.get(matrix, by_height), span == 1


def chroma_of(frame: cuframes.Frame) -> torch.Tensor:
    """[2, h, w] of uint8, with half the rows and columns."""
    if frame.format == "NV12":
        return from_dlpack(frame.planes[1]).permute(2, 0, 1)
    return torch.stack([from_dlpack(plane) for plane in frame.planes[1:]])


def to_rgb(frame: cuframes.Frame) -> torch.Tensor:
    """[3, H, W] of float, from 0 to 1, on the frame's device."""
    if frame.format in ("RGB", "RGBA", "RGBx"):
        return from_dlpack(frame.planes[0])[..., :3].permute(2, 0, 1).float() / 255
    if frame.format not in ("NV12", "I420"):
        raise SystemExit(f"{frame.format} is not among the formats of this example")
    from_yuv, full_range = colours_of(frame)
    luma = from_dlpack(frame.planes[0])[None].float()
    luma = luma * (219 / 255) if full_range else luma - 16
    chroma = interpolate(chroma_of(frame)[None].float() - 128, scale_factor=2)[0]
    chroma = chroma * (224 / 255) if full_range else chroma
    yuv = torch.cat([luma, chroma[:, : frame.height, : frame.width]])
    matrix = torch.tensor(from_yuv, device=yuv.device)
    return (torch.einsum("rc,chw->rhw", matrix, yuv) / 255).clamp(0, 1)


def next_batch(cameras: list[cuframes.Subscriber], size: tuple[int, int]) -> torch.Tensor:
    pictures = []
    for camera in cameras:
        # On a GPU nothing here waits for it: the frame may go as soon as the work that reads it is queued.
        with camera.next_frame(timeout_ms=500) as frame:
            pictures.append(interpolate(to_rgb(frame)[None], size, mode="bilinear"))
    return torch.cat(pictures)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("keys", nargs="+", metavar="KEY")
    parser.add_argument("--height", type=int, default=384)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--count", type=int, default=10, help="batches to make (%(default)s)")
    options = parser.parse_args()

    with ExitStack() as stack:
        cameras = [stack.enter_context(cuframes.subscribe(key)) for key in options.keys]
        for _ in range(options.count):
            batch = next_batch(cameras, (options.height, options.width))
            means = ", ".join(f"({r:.2f} {g:.2f} {b:.2f})" for r, g, b in batch.mean(dim=(2, 3)).tolist())
            print(f"{list(batch.shape)} on {batch.device}, mean colours {means}", flush=True)


if __name__ == "__main__":
    main()
