# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches cameras for a network: the newest frame of each in one float tensor [N, 3, H, W], RGB from 0 to 1.

    python3 batch.py gate yard street door --height 384 --width 640

The pixels are converted where they are. A camera that brings nothing new is waited for, for half a second.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import ExitStack

import torch
from torch.nn.functional import interpolate
from torch.utils.dlpack import from_dlpack

import cuframes

# BT.709 with video range, what cameras from 720p on send: red, green and blue from y, u and v.
FROM_YUV = ((1.1644, 0.0, 1.7927), (1.1644, -0.2132, -0.5329), (1.1644, 2.1124, 0.0))


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
    luma = from_dlpack(frame.planes[0])[None].float() - 16
    chroma = interpolate(chroma_of(frame)[None].float() - 128, scale_factor=2)[0]
    yuv = torch.cat([luma, chroma[:, : frame.height, : frame.width]])
    matrix = torch.tensor(FROM_YUV, device=yuv.device)
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
