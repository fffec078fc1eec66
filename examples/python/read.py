# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads one camera: each frame is a torch tensor where the publisher put it, on the GPU or in host memory.

python3 read.py cam-gate
"""

import sys

import cuframes
from torch.utils.dlpack import from_dlpack

with cuframes.subscribe(sys.argv[1]) as subscriber:  # waits for the camera's publisher
    for frame in subscriber:  # until the stream ends
        luma = from_dlpack(frame.planes[0])  # no copy; the tensor keeps the frame's slot
        mean = luma.float().mean().item()
        print(f"frame {frame.seq}: {tuple(luma.shape)} on {luma.device}, mean {mean:.1f}", flush=True)
