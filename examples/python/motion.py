# SPDX-License-Identifier: LGPL-2.1-or-later
"""A detector to begin with: says when something moves in front of a camera.

python3 motion.py cam-gate

It takes the newest frame, leaves those out that it is too slow for, and copies nothing but the pixels that it compares.
"""

import sys
from typing import Any

import cuframes
import numpy

GRID = 16  # every so many rows and columns
CHANGED = 12  # steps of luma, of 255
MOVES = 0.02  # of the picture


def luma(frame: cuframes.Frame) -> Any:
    """A thumbnail: brightness at the points of the grid. Of a frame on the GPU it is fetched."""
    if frame.memory == "cuda":
        frame = frame.copy(device="cpu")
    return numpy.from_dlpack(frame.planes[0])[::GRID, ::GRID].astype(numpy.float32)


def main(key: str) -> None:
    background: Any = None
    moving = False
    with cuframes.subscribe(key, on_gone="wait", connect_timeout_ms=-1) as subscriber:
        for frame in subscriber:
            with frame:
                seen = luma(frame)
            if background is None or background.shape != seen.shape:
                background = seen
            part = float((abs(seen - background) > CHANGED).mean())
            background += 0.05 * (seen - background)
            if (part > MOVES) != moving:
                moving = not moving
                print(f"{key}: {'something moves' if moving else 'quiet'} ({part:.0%} of the picture)", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
